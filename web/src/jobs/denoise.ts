/** Runs a picture through the model, tile by tile, on several lanes at once. */
import { crop, type FloatImage } from "../maths/pixels.ts";
import type { Rect, Tile } from "../maths/tiles.ts";
import { problem } from "../protocol/errors.ts";
import type { Runner } from "./lane.ts";

/** Where tiles come from and go to. */
export interface TileStore {
  cut(source: Rect): Promise<FloatImage>;
  put(keep: Rect, image: FloatImage): Promise<void>;
}

/** Told after each tile. */
export type OnTile = (done: number, total: number) => void;

/**
 * Every lane takes the next tile, runs it and puts it, until none is left. An abort
 * rejects at once; a tile still under way is then thrown away.
 *
 * @throws EngineFailed if a lane fails; other errors are the store's.
 */
export async function denoise(
  store: TileStore,
  lanes: readonly Runner[],
  tiles: readonly Tile[],
  signal: AbortSignal,
  onTile: OnTile,
): Promise<void> {
  signal.throwIfAborted();
  let next = 0;
  let done = 0;
  let broken = false;
  const work = async (lane: Runner): Promise<void> => {
    while (next < tiles.length && !broken && !signal.aborted) {
      const { source, keep } = tiles[next++];
      const image = await store.cut(source);
      const result = await lane.run(image).catch((error) => {
        throw problem("EngineFailed", String(error));
      });
      if (signal.aborted) return;
      const inside = { ...keep, x: keep.x - source.x, y: keep.y - source.y };
      await store.put(keep, crop(result, inside));
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
