/** Between 8-bit RGBA, as canvases have it, and the model's float32 planes. */
import { reflect } from "./tiles.ts";

/** RGBA pixels, 4 bytes each, not premultiplied. Fits both ImageData and plain arrays. */
export interface Rgba {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** A float image in [0, 1], rows of pixels of `channels` values: the model's layout. */
export interface FloatImage {
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** Rec. 601 luma, the same weights as the Python side uses. */
const LUMA = [0.299, 0.587, 0.114] as const;

/** Drops alpha and scales to [0, 1]: always three channels. */
export function toFloat(image: Rgba): FloatImage {
  const { data, width, height } = image;
  const out = new Float32Array(width * height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    out[to++] = data[from] / 255;
    out[to++] = data[from + 1] / 255;
    out[to++] = data[from + 2] / 255;
  }
  return { data: out, width, height, channels: 3 };
}

/** Clips to [0, 1], rounds to 8 bits; alpha is opaque. One channel becomes grey. */
export function toRgba(image: FloatImage): Rgba {
  const { data, width, height, channels } = image;
  const out = new Uint8ClampedArray(width * height * 4); // clamps and rounds by itself
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let c = 0; c < 3; c++) {
      out[pixel * 4 + c] = data[pixel * channels + (channels === 1 ? 0 : c)] * 255;
    }
    out[pixel * 4 + 3] = 255;
  }
  return { data: out, width, height };
}

/** One channel of an image, as an image of one channel. */
export function takeChannel(image: FloatImage, channel: number): FloatImage {
  const { data, width, height, channels } = image;
  const out = new Float32Array(width * height);
  for (let pixel = 0; pixel < out.length; pixel++) out[pixel] = data[pixel * channels + channel];
  return { data: out, width, height, channels: 1 };
}

/** A colour image as its luma. */
export function toLuma({ data, width, height }: FloatImage): FloatImage {
  const out = new Float32Array(width * height);
  for (let pixel = 0; pixel < out.length; pixel++) {
    for (let c = 0; c < 3; c++) out[pixel] += LUMA[c] * data[pixel * 3 + c];
  }
  return { data: out, width, height, channels: 1 };
}

/** Puts three one-channel images side by side into one of three channels. */
export function joinChannels(planes: readonly FloatImage[]): FloatImage {
  const { width, height } = planes[0];
  const channels = planes.length;
  const out = new Float32Array(width * height * channels);
  planes.forEach((plane, channel) => {
    for (let pixel = 0; pixel < width * height; pixel++) {
      out[pixel * channels + channel] = plane.data[pixel];
    }
  });
  return { data: out, width, height, channels };
}

/**
 * Runs a model of `channels` on any image: a grey model takes the channels of a colour
 * picture in turn, a colour model is shown a grey picture three times.
 */
export async function throughModel(
  image: FloatImage,
  channels: number,
  run: (image: FloatImage) => Promise<FloatImage>,
): Promise<FloatImage> {
  if (image.channels === channels) return run(image);
  if (channels === 3) return run(joinChannels([image, image, image]));
  const planes: FloatImage[] = [];
  for (let channel = 0; channel < image.channels; channel++) {
    planes.push(await run(takeChannel(image, channel)));
  }
  return joinChannels(planes);
}

/** True if red, green and blue are equal everywhere. */
export function isGrey({ data }: Rgba): boolean {
  for (let at = 0; at < data.length; at += 4) {
    if (data[at] !== data[at + 1] || data[at] !== data[at + 2]) return false;
  }
  return true;
}

/** True if every pixel is fully opaque. */
export function isOpaque({ data }: Rgba): boolean {
  for (let at = 3; at < data.length; at += 4) if (data[at] !== 255) return false;
  return true;
}

/** Replaces red, green and blue by their mean, in place, as the Python side does. */
export function makeGrey({ data }: Rgba): void {
  for (let at = 0; at < data.length; at += 4) {
    data[at] = data[at + 1] = data[at + 2] = (data[at] + data[at + 1] + data[at + 2]) / 3;
  }
}

/** Takes the alpha of `from` over into `to`, in place. */
export function copyAlpha(from: Rgba, to: Rgba): void {
  for (let at = 3; at < to.data.length; at += 4) to.data[at] = from.data[at];
}

/**
 * Extends an image by mirroring, to the given size: by `left` and `top` pixels before it, and
 * by the others behind it.
 */
export function padReflect(image: Rgba, width: number, height: number, left = 0, top = 0): Rgba {
  if (image.width === width && image.height === height) return image;
  const from = new Uint32Array(image.data.buffer, image.data.byteOffset, image.data.length / 4);
  const data = new Uint8ClampedArray(width * height * 4);
  const to = new Uint32Array(data.buffer);
  for (let y = 0; y < height; y++) {
    const row = reflect(y - top, image.height) * image.width;
    for (let x = 0; x < width; x++) to[y * width + x] = from[row + reflect(x - left, image.width)];
  }
  return { data, width, height };
}

/** Turns a picture upright, as an EXIF orientation from 1 to 8 asks for. */
export function turned(image: Rgba, orientation: number): Rgba {
  const { width, height } = image;
  const aside = orientation >= 5;
  const [wide, high] = aside ? [height, width] : [width, height];
  const flipX = [2, 3, 7, 8].includes(orientation);
  const flipY = [3, 4, 6, 7].includes(orientation);
  const from = new Uint32Array(image.data.buffer, image.data.byteOffset, image.data.length / 4);
  const data = new Uint8ClampedArray(image.data.length);
  const to = new Uint32Array(data.buffer);
  for (let row = 0, at = 0; row < high; row++) {
    for (let column = 0; column < wide; column++, at++) {
      const [x, y] = aside ? [row, column] : [column, row];
      to[at] = from[(flipY ? height - 1 - y : y) * width + (flipX ? width - 1 - x : x)];
    }
  }
  return { data, width: wide, height: high };
}

/** Cuts a rectangle out of a float image. */
export function crop(
  image: FloatImage,
  rect: { x: number; y: number; width: number; height: number },
): FloatImage {
  const { channels } = image;
  const out = new Float32Array(rect.width * rect.height * channels);
  for (let row = 0; row < rect.height; row++) {
    const from = ((rect.y + row) * image.width + rect.x) * channels;
    out.set(image.data.subarray(from, from + rect.width * channels), row * rect.width * channels);
  }
  return { data: out, width: rect.width, height: rect.height, channels };
}

/** Side of the squares that are compared, in pixels. */
const CELL = 96;

/**
 * The middle of the square that differs most, and by how much: the mean difference of green.
 * Squares that are cut off by the border count only if there are no others.
 */
export function largestChange(before: Rgba, after: Rgba): { x: number; y: number; change: number } {
  const { width, height } = before;
  let best = { x: width / 2, y: height / 2, change: 0 };
  const [across, down] = [width, height].map((length) => Math.max(1, Math.floor(length / CELL)));
  for (let row = 0; row < down; row++) {
    for (let column = 0; column < across; column++) {
      const [left, top] = [column * CELL, row * CELL];
      const [right, bottom] = [Math.min(width, left + CELL), Math.min(height, top + CELL)];
      let sum = 0;
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) {
          const at = (y * width + x) * 4 + 1;
          sum += Math.abs(before.data[at] - after.data[at]);
        }
      }
      const change = sum / ((right - left) * (bottom - top));
      if (change > best.change) best = { x: (left + right) / 2, y: (top + bottom) / 2, change };
    }
  }
  return best;
}
