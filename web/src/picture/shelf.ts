/**
 * The pictures at hand. Those not used for a while are put away as compressed files when
 * the pixels held exceed a budget, and taken out again when they are needed.
 */
import { isGrey, isOpaque } from "../maths/pixels.ts";
import { encodePng } from "../maths/png.ts";
import type { PictureInfo } from "../protocol/picture.ts";
import { decode } from "./decode.ts";
import { makeContext, Pyramid } from "./pyramid.ts";

/** Pixels held at once, beyond the picture in use: about 8 bytes each. */
const BUDGET = 30e6;
const STRIP = 128;
const THUMBNAIL = 128;

/** A picture taken out: the noisy one, and the clean one where tiles have arrived. */
export interface Held {
  readonly noisy: Pyramid;
  clean: Pyramid;
}

interface Entry {
  readonly file: Blob;
  readonly info: PictureInfo;
  held: Promise<Held> | undefined;
  /** The clean picture while it is put away. */
  stored: Blob | undefined;
  touched: boolean; // has tiles
  version: number; // of the result: how often it was thrown away
  uses: number;
}

export class Shelf {
  /** In order of use, the latest last. */
  private readonly entries = new Map<number, Entry>();

  async open(id: number, file: Blob): Promise<PictureInfo> {
    const bitmap = await decode(file);
    const noisy = new Pyramid(bitmap);
    noisy.fill(bitmap);
    const thumbnail = await makeThumbnail(bitmap);
    bitmap.close();
    const { width, height } = noisy.size;
    let [grey, opaque] = [true, true];
    for (const strip of strips(noisy)) {
      grey &&= isGrey(strip);
      opaque &&= isOpaque(strip);
    }
    const info = { width, height, grey, opaque, thumbnail };
    const held = Promise.resolve({ noisy, clean: new Pyramid(noisy.size, noisy) });
    const entry = { file, info, held, stored: undefined, touched: false, version: 0, uses: 0 };
    this.entries.set(id, entry);
    await this.tidy(id);
    return info;
  }

  info(id: number): PictureInfo {
    return this.entry(id).info;
  }

  /** Takes a picture out. */
  async take(id: number): Promise<Held> {
    const entry = this.entry(id);
    this.entries.delete(id);
    this.entries.set(id, entry); // now the latest
    entry.uses++;
    if (!entry.held) {
      entry.held = this.unpack(entry);
      await entry.held;
      await this.tidy(id);
    }
    return entry.held;
  }

  /** To be told when a tile was put. */
  touch(id: number): void {
    this.entry(id).touched = true;
  }

  /** Which result tiles belong to. */
  version(id: number): number {
    return this.entry(id).version;
  }

  async reset(id: number): Promise<void> {
    const entry = this.entry(id);
    entry.version++;
    entry.touched = false;
    entry.stored = undefined;
    const held = await entry.held;
    if (held) held.clean = new Pyramid(held.noisy.size, held.noisy);
  }

  close(id: number): void {
    this.entries.delete(id);
  }

  private entry(id: number): Entry {
    const entry = this.entries.get(id);
    if (!entry) throw new Error(`no picture ${id}`);
    return entry;
  }

  private async unpack(entry: Entry): Promise<Held> {
    const bitmap = await decode(entry.file);
    const noisy = new Pyramid(bitmap);
    noisy.fill(bitmap);
    bitmap.close();
    const clean = new Pyramid(noisy.size, noisy);
    if (entry.stored) {
      const stored = await createImageBitmap(entry.stored);
      clean.fill(stored);
      stored.close();
      entry.stored = undefined;
    }
    return { noisy, clean };
  }

  /** Puts the least used pictures away until the rest, without `keep`, fits the budget. */
  private async tidy(keep: number): Promise<void> {
    const others = [...this.entries].filter(([id, entry]) => id !== keep && entry.held);
    let pixels = 0;
    for (const [, { info }] of others) pixels += info.width * info.height;
    for (const [, entry] of others) {
      if (pixels <= BUDGET) break;
      const { uses, info } = entry;
      const held = await entry.held;
      if (held && entry.touched) {
        const stored = await encodePng(info.width, info.height, "rgba", strips(held.clean));
        if (entry.uses !== uses) continue; // it was needed in the meantime
        entry.stored = stored;
      }
      entry.held = undefined;
      pixels -= info.width * info.height;
    }
  }
}

/** A picture's rows from top to bottom, some at a time. */
export function* strips(pyramid: Pyramid): Generator<ImageData> {
  const { width, height } = pyramid.size;
  for (let y = 0; y < height; y += STRIP) {
    yield pyramid.read({ x: 0, y, width, height: Math.min(STRIP, height - y) });
  }
}

function makeThumbnail(bitmap: ImageBitmap): Promise<Blob> {
  const scale = Math.min(1, THUMBNAIL / Math.max(bitmap.width, bitmap.height));
  const side = (length: number) => Math.max(1, Math.round(length * scale));
  const context = makeContext(side(bitmap.width), side(bitmap.height));
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, context.canvas.width, context.canvas.height);
  return context.canvas.convertToBlob();
}
