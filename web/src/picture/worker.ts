/** The picture worker: everything that touches many pixels but is not the model. */
import { blocks, gaussian, poisson, sensor } from "../maths/noise.ts";
import {
  copyAlpha,
  type FloatImage,
  makeGrey,
  padReflect,
  type Rgba,
  takeChannel,
  throughModel,
  toFloat,
  toRgba,
} from "../maths/pixels.ts";
import { encodePng } from "../maths/png.ts";
import type { Rect } from "../maths/tiles.ts";
import { makeZip, type ZipEntry } from "../maths/zip.ts";
import { DENOISER, type EngineCalls } from "../protocol/engine.ts";
import type { NoiseSettings, PictureCalls, SaveFormat, SaveOrder } from "../protocol/picture.ts";
import { Client, type Endpoint, Moved, serve } from "../protocol/rpc.ts";
import { decode } from "./decode.ts";
import { makeContext } from "./pyramid.ts";
import { save, toImageData } from "./save.ts";
import { Shelf } from "./shelf.ts";
import { Stage } from "./stage.ts";
import { cleanTile } from "./tile.ts";

const shelf = new Shelf();
const lanes = new Map<number, Client<EngineCalls>>();
let stage: Stage | undefined;

function moved(image: FloatImage | Rgba): Moved<never> {
  return new Moved(image as never, [image.data.buffer as ArrayBuffer]);
}

async function middle(file: Blob, side: number): Promise<Rgba> {
  const bitmap = await decode(file);
  const width = Math.min(side, bitmap.width);
  const height = Math.min(side, bitmap.height);
  const context = makeContext(width, height);
  context.drawImage(bitmap, (width - bitmap.width) >> 1, (height - bitmap.height) >> 1);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

async function saveOne({ id, strength }: SaveOrder, format: SaveFormat): Promise<Blob> {
  return save(await shelf.take(id), shelf.info(id), strength, format);
}

/** Cuts a tile, mirrored beyond the border; one channel for grey pictures if `grey`. */
async function cut(id: number, source: Rect, grey: boolean): Promise<FloatImage> {
  const { noisy } = await shelf.take(id);
  const width = Math.min(source.width, noisy.size.width - source.x);
  const height = Math.min(source.height, noisy.size.height - source.y);
  const part = noisy.read({ x: source.x, y: source.y, width, height });
  const image = toFloat(padReflect(part, source.width, source.height));
  return grey && shelf.info(id).grey ? takeChannel(image, 0) : image;
}

/** Puts a result (already cropped to `keep`) in its place, if it is still wanted. */
async function put(id: number, version: number, keep: Rect, image: FloatImage): Promise<void> {
  const { noisy, clean } = await shelf.take(id);
  if (shelf.version(id) !== version) return;
  const { grey, opaque } = shelf.info(id);
  const result = toRgba(image);
  if (grey) makeGrey(result);
  if (!opaque) copyAlpha(noisy.read(keep), result);
  clean.put(toImageData(result), keep.x, keep.y);
  shelf.touch(id);
}

const handlers: PictureCalls = {
  attach: (before, after) => {
    stage = new Stage(before, after);
  },
  open: (id, file) => shelf.open(id, file),
  paint: async (scene) => stage?.paint(scene, await shelf.take(scene.id)),
  connect: (lane, port) => {
    lanes.set(lane, new Client<EngineCalls>(port));
    port.start();
  },
  disconnect: (lane) => {
    lanes.get(lane)?.fail(new Error("the engine was stopped"));
    lanes.delete(lane);
  },
  clean: async (id, tile, lane, channels) => {
    const run = async (image: FloatImage): Promise<FloatImage> => {
      const engine = lanes.get(lane);
      if (!engine) throw new Error("the engine was stopped");
      const [result] = await engine.call("run", [DENOISER, image], [image.data.buffer as ArrayBuffer]);
      return result;
    };
    const version = shelf.version(id);
    const store = {
      cut: (source: Rect) => cut(id, source, channels === 1),
      put: (keep: Rect, image: FloatImage) => put(id, version, keep, image),
    };
    await cleanTile(tile, store, (image) => throughModel(image, channels, run));
  },
  reset: (id) => shelf.reset(id),
  save: saveOne,
  zip: async (orders, format) => {
    const entries: ZipEntry[] = [];
    for (const order of orders) {
      entries.push({ name: order.name, content: await saveOne(order, format) });
    }
    return makeZip(entries);
  },
  close: (id) => shelf.close(id),
  crop: async (file, side) => moved(await middle(file, side)),
  spoil: (image: Rgba, noise: NoiseSettings) => {
    let result = image;
    if (noise.photons > 0) result = poisson(result, noise.photons, noise.seed);
    if (noise.sigma > 0) result = gaussian(result, noise.sigma, noise.seed + 1);
    if (noise.blocks > 0) result = blocks(result, noise.blocks, noise.blockSide, noise.seed + 2);
    return moved(result);
  },
  sample: async (file, seed) => {
    const clean = await middle(file, Number.POSITIVE_INFINITY);
    return encodePng(clean.width, clean.height, "rgb", [sensor(clean, seed)]);
  },
};

serve(self as unknown as Endpoint, handlers);
