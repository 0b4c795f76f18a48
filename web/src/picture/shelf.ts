/**
 * The pictures at hand, with a result for every model. What is not used for a while is put
 * away as compressed files when the pixels held exceed a budget, and taken out again when it
 * is needed.
 */
import { type Deep, decodeDeep, encodeDeep } from "../maths/deep.ts";
import { isGrey, isOpaque } from "../maths/pixels.ts";
import { encodePng } from "../maths/png.ts";
import type { PictureInfo, Place } from "../protocol/picture.ts";
import { type Decoded, decode } from "./decode.ts";
import { makeContext, Pyramid } from "./pyramid.ts";

/** Pixels held at once, beyond the picture in use: about 6 bytes each. */
const BUDGET = 24e6;
const STRIP = 128;
const THUMBNAIL = 128;

interface Source {
  readonly noisy: Pyramid;
  readonly deep: Deep | undefined;
}

interface Cleaned {
  readonly clean: Pyramid;
  readonly deep: Deep | undefined;
}

/** A picture taken out: the noisy one, and the clean one where tiles have arrived. */
export interface Held {
  readonly noisy: Pyramid;
  readonly clean: Pyramid;
  /** The same in 16 bits, if the file has them. */
  readonly deep: { readonly noisy: Deep; readonly clean: Deep } | undefined;
}

interface Result {
  held: Promise<Cleaned> | undefined;
  /** The clean picture while it is put away; with the 16-bit one, if there is one. */
  stored: { flat: Blob; deep: Blob | undefined } | undefined;
  touched: boolean; // has tiles
  version: number; // how often it was thrown away
  busiest: Place & { change: number };
}

interface Entry {
  readonly file: Blob;
  readonly info: PictureInfo;
  readonly exif: Uint8Array | undefined;
  source: Promise<Source> | undefined;
  readonly results: Map<string, Result>;
  users: number;
  closed: boolean;
}

export class Shelf {
  /** In order of use, the latest last. */
  private readonly entries = new Map<number, Entry>();

  async open(id: number, file: Blob): Promise<PictureInfo> {
    const decoded = await decode(file);
    const source = toSource(decoded);
    const { noisy } = source;
    const thumbnail = await makeThumbnail(decoded.bitmap);
    decoded.bitmap.close();
    const { width, height } = noisy.size;
    let [grey, opaque] = [true, true];
    for (const strip of strips(noisy)) {
      grey &&= isGrey(strip);
      opaque &&= isOpaque(strip);
    }
    const { notes, colorSpace, exif } = decoded;
    const bits = source.deep ? 16 : 8;
    const info: PictureInfo = { width, height, grey, opaque, thumbnail, bits, colorSpace, notes, hasExif: exif !== undefined };
    this.entries.set(id, { file, info, exif, source: Promise.resolve(source), results: new Map(), users: 0, closed: false });
    await this.tidy(id);
    return info;
  }

  info(id: number): PictureInfo {
    return this.entry(id).info;
  }

  exif(id: number): Uint8Array | undefined {
    return this.entry(id).exif;
  }

  /** Takes a picture out with a model's result, for as long as `work` lasts. */
  async use<T>(id: number, model: string, work: (held: Held) => T | Promise<T>): Promise<T> {
    const entry = this.entry(id);
    this.entries.delete(id);
    this.entries.set(id, entry); // now the latest
    entry.users++;
    try {
      const fresh = !entry.source;
      entry.source ??= takeOut(entry.file);
      const source = await entry.source.catch((error) => {
        entry.source = undefined; // another time it may work
        throw error;
      });
      const result = this.result(entry, model);
      result.held ??= unpack(source, result);
      const { clean, deep } = await result.held.catch((error) => {
        result.held = undefined;
        throw error;
      });
      if (fresh) await this.tidy(id);
      return await work({
        noisy: source.noisy,
        clean,
        deep: source.deep && deep ? { noisy: source.deep, clean: deep } : undefined,
      });
    } finally {
      entry.users--;
      if (entry.closed && entry.users === 0) await release(entry);
    }
  }

  /** To be told when a tile was put, with the place that it changed most. */
  touch(id: number, model: string, place: Place & { change: number }): void {
    const result = this.result(this.entry(id), model);
    result.touched = true;
    if (place.change > result.busiest.change) result.busiest = place;
  }

  /** The place of the most noise removed so far. */
  busiest(id: number, model: string): Place {
    return this.result(this.entry(id), model).busiest;
  }

  /** Which result tiles belong to. */
  version(id: number, model: string): number {
    return this.result(this.entry(id), model).version;
  }

  async reset(id: number, model: string): Promise<void> {
    const entry = this.entry(id);
    const result = this.result(entry, model);
    const { held } = result;
    Object.assign(result, { ...blank(entry.info), version: result.version + 1 });
    if (held) (await held).clean.free();
  }

  async close(id: number): Promise<void> {
    const entry = this.entries.get(id);
    if (!entry) return; // it was never opened
    this.entries.delete(id);
    entry.closed = true;
    if (entry.users === 0) await release(entry);
  }

  private entry(id: number): Entry {
    const entry = this.entries.get(id);
    if (!entry) throw new Error(`no picture ${id}`);
    return entry;
  }

  private result(entry: Entry, model: string): Result {
    let result = entry.results.get(model);
    if (!result) {
      result = blank(entry.info);
      entry.results.set(model, result);
    }
    return result;
  }

  /** Puts the least used pictures away until the rest, without `keep`, fits the budget. */
  private async tidy(keep: number): Promise<void> {
    const others = [...this.entries].filter(([id, entry]) => id !== keep && entry.source);
    const weight = ({ info, results }: Entry) => {
      const held = [...results.values()].filter((result) => result.held).length;
      return info.width * info.height * (1 + held);
    };
    let pixels = others.reduce((sum, [, entry]) => sum + weight(entry), 0);
    for (const [, entry] of others) {
      if (pixels <= BUDGET) break;
      if (entry.users > 0) continue;
      const all = weight(entry);
      entry.users++; // it is in use while it is packed
      try {
        for (const result of entry.results.values()) await pack(entry.info, result);
      } catch (error) {
        console.warn(error); // it stays as it is; the picture that wants room goes on
        continue;
      } finally {
        entry.users--;
      }
      if (entry.users > 0) continue; // it was needed in the meantime
      await release(entry);
      if (!entry.closed) pixels -= all;
    }
  }
}

function blank({ width, height }: { width: number; height: number }): Result {
  return { held: undefined, stored: undefined, touched: false, version: 0, busiest: { x: width / 2, y: height / 2, change: 0 } };
}

function toSource({ bitmap, deep, colorSpace }: Decoded): Source {
  const noisy = new Pyramid(bitmap, colorSpace);
  noisy.fill(bitmap);
  return { noisy, deep };
}

async function takeOut(file: Blob): Promise<Source> {
  const decoded = await decode(file);
  const source = toSource(decoded);
  decoded.bitmap.close();
  return source;
}

async function unpack({ noisy, deep }: Source, { stored }: Result): Promise<Cleaned> {
  const clean = new Pyramid(noisy.size, noisy.colorSpace, noisy);
  if (!stored) return { clean, deep: deep && { ...deep, data: deep.data.slice() } };
  // The values are those of the picture's own space: they must not be converted.
  const bitmap = await createImageBitmap(stored.flat, { colorSpaceConversion: "none" });
  const context = makeContext(bitmap.width, bitmap.height);
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height);
  clean.put(new ImageData(pixels.data, bitmap.width, bitmap.height, { colorSpace: noisy.colorSpace }), 0, 0);
  context.canvas.width = context.canvas.height = 0;
  bitmap.close();
  const samples = stored.deep && (await decodeDeep(new Uint8Array(await stored.deep.arrayBuffer())));
  return { clean, deep: samples };
}

/** Stores a result as files, if it has tiles that no file has yet. */
async function pack({ width, height }: PictureInfo, result: Result): Promise<void> {
  if (!result.held || !result.touched) return;
  const { version } = result;
  const { clean, deep } = await result.held;
  const flat = await encodePng(width, height, "rgba", strips(clean));
  const packed = { flat, deep: deep && (await encodeDeep(deep)) };
  if (result.version === version) result.stored = packed;
}

/** Gives the memory of all pixels back; what is stored stays. */
async function release(entry: Entry): Promise<void> {
  const { source } = entry;
  const held = [...entry.results.values()].map((result) => {
    const before = result.held;
    result.held = undefined;
    return before;
  });
  entry.source = undefined;
  for (const cleaned of held) (await cleaned)?.clean.free();
  (await source)?.noisy.free();
}

/** A picture's rows from top to bottom, some at a time. */
export function* strips(pyramid: Pyramid): Generator<ImageData> {
  const { width, height } = pyramid.size;
  for (let y = 0; y < height; y += STRIP) {
    yield pyramid.read({ x: 0, y, width, height: Math.min(STRIP, height - y) });
  }
}

async function makeThumbnail(bitmap: ImageBitmap): Promise<Blob> {
  const scale = Math.min(1, THUMBNAIL / Math.max(bitmap.width, bitmap.height));
  const side = (length: number) => Math.max(1, Math.round(length * scale));
  const context = makeContext(side(bitmap.width), side(bitmap.height));
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, context.canvas.width, context.canvas.height);
  return context.canvas.convertToBlob();
}
