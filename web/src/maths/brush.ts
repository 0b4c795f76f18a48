/** The Lab's noise brush: noise only where it was painted. */
import type { Rgba } from "./pixels.ts";

/** How much of the noise each pixel gets, 0 to 1, row by row. */
export interface Mask {
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

export function emptyMask(width: number, height: number): Mask {
  return { data: new Float32Array(width * height), width, height };
}

/** Paints a round spot: full up to half its radius, fading to nothing at the whole. */
export function dab({ data, width, height }: Mask, { x, y }: Point, radius: number): void {
  const [left, top] = [x - radius, y - radius].map((edge) => Math.max(0, Math.floor(edge)));
  const right = Math.min(width, Math.ceil(x + radius));
  const bottom = Math.min(height, Math.ceil(y + radius));
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      // A pixel's middle is at half a pixel.
      const distance = Math.hypot(column + 0.5 - x, row + 0.5 - y) / radius;
      const amount = Math.min(1, Math.max(0, 2 - 2 * distance));
      const at = row * width + column;
      data[at] = Math.max(data[at], amount);
    }
  }
}

/** Paints spots from a point to another, close enough to make a line. */
export function stroke(mask: Mask, from: Point, to: Point, radius: number): void {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const count = Math.max(1, Math.ceil(Math.hypot(dx, dy) / (radius / 4)));
  for (let step = 0; step <= count; step++) {
    dab(mask, { x: from.x + (dx * step) / count, y: from.y + (dy * step) / count }, radius);
  }
}

/** The noisy picture where the mask is 1, the clean one where it is 0, mixed between. */
export function painted(clean: Rgba, noisy: Rgba, mask: Mask): Rgba {
  const data = new Uint8ClampedArray(clean.data);
  for (let pixel = 0, at = 0; pixel < mask.data.length; pixel++, at += 4) {
    const amount = mask.data[pixel];
    if (amount === 0) continue;
    for (let c = at; c < at + 3; c++) data[c] = clean.data[c] + amount * (noisy.data[c] - clean.data[c]);
  }
  return { data, width: clean.width, height: clean.height };
}
