/** The picture worker: everything that touches many pixels but is not the model. */
import { cutDeep, putDeep } from "../maths/deep.ts";
import { blocks, blotches, gaussian, grain, poisson, sensor } from "../maths/noise.ts";
import {
  copyAlpha,
  type FloatImage,
  largestChange,
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
import type { EngineCalls } from "../protocol/engine.ts";
import type { NoiseSettings, PictureCalls, SaveOptions, SaveOrder } from "../protocol/picture.ts";
import { Client, type Endpoint, Moved, serve } from "../protocol/rpc.ts";
import { decode } from "./decode.ts";
import { makeContext } from "./pyramid.ts";
import { formats, save, toImageData } from "./save.ts";
import { Shelf } from "./shelf.ts";
import { Stage } from "./stage.ts";
import { cleanTile } from "./tile.ts";
import { zipStream } from "./zip.ts";

const shelf = new Shelf();
const lanes = new Map<number, Client<EngineCalls>>();
let stage: Stage | undefined;

function moved(image: FloatImage | Rgba): Moved<never> {
  return new Moved(image as never, [image.data.buffer as ArrayBuffer]);
}

async function middle(file: Blob, side: number): Promise<Rgba> {
  const { bitmap } = await decode(file);
  const width = Math.min(side, bitmap.width);
  const height = Math.min(side, bitmap.height);
  const context = makeContext(width, height);
  context.drawImage(bitmap, (width - bitmap.width) >> 1, (height - bitmap.height) >> 1);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

/** Writes and reads a picture as a JPEG of a quality from 0 to 1. */
async function throughJpeg(image: Rgba, quality: number): Promise<Rgba> {
  const { canvas } = makeContext(image.width, image.height);
  canvas.getContext("2d")?.putImageData(toImageData(image, "srgb"), 0, 0);
  return middle(await canvas.convertToBlob({ type: "image/jpeg", quality }), Number.POSITIVE_INFINITY);
}

function saveOne(order: SaveOrder, options: SaveOptions): Promise<Blob> {
  const { id, model } = order;
  return shelf.use(id, model, (held) => save(held, shelf.info(id), shelf.exif(id), order, options));
}

/** Cuts a tile, mirrored beyond the border; one channel for grey pictures if `grey`. */
function cut(id: number, model: string, source: Rect, grey: boolean): Promise<FloatImage> {
  return shelf.use(id, model, ({ noisy, deep }) => {
    if (deep) return cutDeep(deep.noisy, source);
    const [x, y] = [Math.max(source.x, 0), Math.max(source.y, 0)];
    const [left, top] = [x - source.x, y - source.y];
    const width = Math.min(source.width - left, noisy.size.width - x);
    const height = Math.min(source.height - top, noisy.size.height - y);
    const part = noisy.read({ x, y, width, height });
    const image = toFloat(padReflect(part, source.width, source.height, left, top));
    return grey && shelf.info(id).grey ? takeChannel(image, 0) : image;
  });
}

/** Puts a result (already cropped to `keep`) in its place, if it is still wanted. */
function put(id: number, model: string, version: number, keep: Rect, image: FloatImage): Promise<void> {
  return shelf.use(id, model, ({ noisy, clean, deep }) => {
    if (shelf.version(id, model) !== version) return;
    const { grey, opaque } = shelf.info(id);
    const before = noisy.read(keep);
    const result = toRgba(image);
    if (grey) makeGrey(result);
    if (!opaque) copyAlpha(before, result);
    clean.put(toImageData(result, noisy.colorSpace), keep.x, keep.y);
    if (deep) putDeep(deep.clean, keep, image);
    const { x, y, change } = largestChange(before, result);
    shelf.touch(id, model, { x: keep.x + x, y: keep.y + y, change });
  });
}

const handlers: PictureCalls = {
  attach: (before, after, wide) => {
    stage = new Stage(before, after, wide ? "display-p3" : "srgb");
  },
  open: (id, file) => shelf.open(id, file),
  paint: (scene) => shelf.use(scene.id, scene.model, (held) => stage?.paint(scene, held)),
  connect: (lane, port) => {
    lanes.set(lane, new Client<EngineCalls>(port));
    port.start();
  },
  disconnect: (lane) => {
    lanes.get(lane)?.fail(new Error("the engine was stopped"));
    lanes.delete(lane);
  },
  clean: async (id, tile, lane, model, channels) => {
    const run = async (image: FloatImage): Promise<FloatImage> => {
      const engine = lanes.get(lane);
      if (!engine) throw new Error("the engine was stopped");
      const [result] = await engine.call("run", [model, image], [image.data.buffer as ArrayBuffer]);
      return result;
    };
    const version = shelf.version(id, model);
    const store = {
      cut: (source: Rect) => cut(id, model, source, channels === 1),
      put: (keep: Rect, image: FloatImage) => put(id, model, version, keep, image),
    };
    await cleanTile(tile, store, (image) => throughModel(image, channels, run));
  },
  reset: (id, model) => shelf.reset(id, model),
  busiest: (id, model) => shelf.busiest(id, model),
  formats,
  save: saveOne,
  zip: async (orders, options, target) => {
    const stream = zipStream(orders.map((order) => ({ name: order.name, content: () => saveOne(order, options) })));
    if (!target) return new Response(stream, { headers: { "content-type": "application/zip" } }).blob();
    await stream.pipeTo(await target.createWritable());
    return undefined;
  },
  close: (id) => shelf.close(id),
  crop: async (file, side) => moved(await middle(file, side)),
  spoil: async (image: Rgba, noise: NoiseSettings) => {
    let result = image;
    if (noise.grain > 0) result = grain(result, noise.grain, noise.seed + 3);
    if (noise.blotches > 0) result = blotches(result, noise.blotches, noise.seed + 4);
    if (noise.photons > 0) result = poisson(result, noise.photons, noise.seed);
    if (noise.sigma > 0) result = gaussian(result, noise.sigma, noise.seed + 1);
    if (noise.blocks > 0) result = blocks(result, noise.blocks, noise.blockSide, noise.seed + 2);
    if (noise.jpeg > 0) result = await throughJpeg(result, noise.jpeg / 100);
    return moved(result);
  },
  sample: async (file, seed) => {
    const clean = await middle(file, Number.POSITIVE_INFINITY);
    return encodePng(clean.width, clean.height, "rgb", [sensor(clean, seed)]);
  },
};

serve(self as unknown as Endpoint, handlers);
