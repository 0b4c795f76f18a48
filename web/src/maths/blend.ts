/** Strength and its finer controls: how much of the model's change is applied. */
import type { Rgba } from "./pixels.ts";

/** How much of what the model removed is taken away; each from 0 to 1. */
export interface Controls {
  /** Of everything. */
  readonly strength: number;
  /** Of brightness noise and of colour noise, in YCbCr of BT.601. */
  readonly luma: number;
  readonly colour: number;
  /** How much of the fine detail in the removed brightness is given back. */
  readonly detail: number;
}

export const FULL: Controls = { strength: 1, luma: 1, colour: 1, detail: 0 };

/** Rows or columns of context that a pixel's detail needs on each side. */
export const DETAIL_REACH = 2;

/** Values in rows of pixels: the first `colours` (1 or 3) of each `channels` are colours. */
export interface Samples {
  readonly data: { readonly length: number; [index: number]: number };
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly colours: 1 | 3;
}

/** One pass of the binomial [1 4 6 4 1] / 16 along one axis; the border repeats. */
function smooth(from: Float32Array, to: Float32Array, lines: number, length: number, along: number, across: number, step: number): void {
  for (let line = 0; line < lines; line++) {
    const base = line * across;
    const at = (index: number) => from[base + Math.min(length - 1, Math.max(0, index)) * along];
    for (let index = 0; index < length; index++) {
      const near = at(index - step) + at(index + step);
      const far = at(index - 2 * step) + at(index + 2 * step);
      to[base + index * along] = (6 * at(index) + 4 * near + far) / 16;
    }
  }
}

/** What a picture differs from its own blur by: its fine detail. */
function highPass(values: Float32Array, width: number, height: number, step: number): Float32Array {
  const [once, twice] = [new Float32Array(values.length), new Float32Array(values.length)];
  smooth(values, once, height, width, 1, width, step);
  smooth(once, twice, width, height, width, 1, step);
  for (let at = 0; at < values.length; at++) twice[at] = values[at] - twice[at];
  return twice;
}

/**
 * Writes `noisy + sY dY + sC dC - s k h(dY)` into `out`, rounded and clipped to [0, max]:
 * d = clean - noisy is split into its luma dY (BT.601) and the rest dC; sY and sC are strength
 * times `luma` and times `colour`; h is the difference from a 5 x 5 binomial blur, k `detail`.
 * Channels beyond the colours are the noisy picture's.
 *
 * @param step the distance of the blur's taps: more than 1 where one pixel covers several here.
 * @throws RangeError if the sizes differ.
 */
export function mix(noisy: Samples, clean: Samples["data"], out: Samples["data"], max: number, controls: Controls, step = 1): void {
  const { data, width, height, channels, colours } = noisy;
  if (data.length !== clean.length) {
    throw new RangeError(`sizes differ: ${data.length} and ${clean.length} values`);
  }
  const brightness = controls.strength * controls.luma;
  const colour = controls.strength * controls.colour;
  const back = controls.strength * controls.detail;
  const luma = new Float32Array(width * height);
  for (let pixel = 0, at = 0; pixel < luma.length; pixel++, at += channels) {
    const first = clean[at] - data[at];
    luma[pixel] =
      colours === 1
        ? first
        : 0.299 * first + 0.587 * (clean[at + 1] - data[at + 1]) + 0.114 * (clean[at + 2] - data[at + 2]);
  }
  const detail = back > 0 ? highPass(luma, width, height, step) : undefined;
  for (let pixel = 0, at = 0; pixel < luma.length; pixel++, at += channels) {
    const shared = (brightness - colour) * luma[pixel] - (detail ? back * detail[pixel] : 0);
    for (let c = 0; c < channels; c++) {
      const before = data[at + c];
      const value = c < colours ? before + colour * (clean[at + c] - before) + shared : before;
      out[at + c] = Math.min(max, Math.max(0, Math.round(value)));
    }
  }
}

/** `mix` for 8-bit pictures, into a new one. */
export function blend(noisy: Rgba, clean: Rgba, controls: Controls, step = 1): Rgba {
  const { width, height } = noisy;
  const data = new Uint8ClampedArray(noisy.data.length);
  mix({ data: noisy.data, width, height, channels: 4, colours: 3 }, clean.data, data, 255, controls, step);
  return { data, width, height };
}

/** What was taken away, on middle grey and four times as strong; opaque. */
export function removed(noisy: Rgba, result: Rgba): Rgba {
  const data = new Uint8ClampedArray(noisy.data.length);
  for (let at = 0; at < data.length; at++) {
    data[at] = at % 4 === 3 ? 255 : 128 + 4 * (noisy.data[at] - result.data[at]);
  }
  return { data, width: noisy.width, height: noisy.height };
}
