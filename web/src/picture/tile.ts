/** One tile's way: cut, through the model, cropped, put in its place. */
import { crop, type FloatImage } from "../maths/pixels.ts";
import type { Rect, Tile } from "../maths/tiles.ts";
import { problem } from "../protocol/errors.ts";

/** Where tiles come from and go to. */
export interface TileStore {
  cut(source: Rect): Promise<FloatImage>;
  put(keep: Rect, image: FloatImage): Promise<void>;
}

/** @throws EngineFailed if `run` fails; other errors are the store's. */
export async function cleanTile(
  { source, keep }: Tile,
  store: TileStore,
  run: (image: FloatImage) => Promise<FloatImage>,
): Promise<void> {
  const image = await store.cut(source);
  const result = await run(image).catch((error) => {
    throw problem("EngineFailed", String(error));
  });
  await store.put(keep, crop(result, { ...keep, x: keep.x - source.x, y: keep.y - source.y }));
}
