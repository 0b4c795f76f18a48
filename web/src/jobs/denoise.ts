/** Goes through a picture's tiles with several lanes at once. */
import type { Tile } from "../maths/tiles.ts";

/** Told after each tile. */
export type OnTile = (tile: Tile) => void;

/** Chooses the next of the tiles left, by its index: asked anew for every tile. */
export type Pick = (left: readonly Tile[]) => number;

/** Chooses the lane that goes on in the place of one: asked anew for every tile. */
export type Swap<Lane> = (lane: Lane) => Lane;

/**
 * Every lane takes the next tile and cleans it, until none is left. An abort rejects at
 * once; what comes of a tile still under way is then of no interest.
 *
 * @param clean cleans one tile with one lane; its errors end the work.
 */
export async function denoise<Lane>(
  lanes: readonly Lane[],
  tiles: readonly Tile[],
  clean: (tile: Tile, lane: Lane) => Promise<void>,
  signal: AbortSignal,
  onTile: OnTile,
  pick: Pick = () => 0,
  swap: Swap<Lane> = (lane) => lane,
): Promise<void> {
  signal.throwIfAborted();
  const left = [...tiles];
  let broken = false;
  const work = async (first: Lane): Promise<void> => {
    let lane = first;
    while (left.length > 0 && !broken && !signal.aborted) {
      lane = swap(lane);
      const [tile] = left.splice(pick(left), 1);
      await clean(tile, lane).catch((error) => {
        broken = true;
        throw error;
      });
      if (!signal.aborted) onTile(tile);
    }
  };
  const abort = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  abort.catch(() => {}); // may come when nobody waits any more
  await Promise.race([abort, Promise.all(lanes.map(work))]);
}
