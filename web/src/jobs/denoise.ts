/** Goes through a picture's tiles with several lanes at once. */
import type { Tile } from "../maths/tiles.ts";

/** Told after each tile. */
export type OnTile = (done: number, total: number) => void;

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
): Promise<void> {
  signal.throwIfAborted();
  let next = 0;
  let done = 0;
  let broken = false;
  const work = async (lane: Lane): Promise<void> => {
    while (next < tiles.length && !broken && !signal.aborted) {
      await clean(tiles[next++], lane);
      if (!signal.aborted) onTile(++done, tiles.length);
    }
  };
  const abort = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  abort.catch(() => {}); // may come when nobody waits any more
  try {
    await Promise.race([abort, Promise.all(lanes.map(work))]);
  } catch (error) {
    broken = true;
    throw error;
  }
}
