/** Turns filters and feature maps into pictures to look at. */
import type { FloatImage, Rgba } from "./pixels.ts";

/** A map's size that becomes white: four deviations above the mean, or its largest. */
function whiteLevel({ data, channels }: FloatImage, channel: number): number {
  let [most, sum, squares] = [1e-6, 0, 0];
  for (let at = channel; at < data.length; at += channels) {
    const value = Math.abs(data[at]);
    most = Math.max(most, value);
    sum += value;
    squares += value * value;
  }
  const count = data.length / channels;
  const mean = sum / count;
  const deviation = Math.sqrt(Math.max(0, squares / count - mean * mean));
  return Math.min(most, mean + 4 * deviation + 1e-6);
}

/** One map of a feature image, from black (no answer) to white (a strong one). */
export function mapPicture(image: FloatImage, channel: number): Rgba {
  const { data, width, height, channels } = image;
  const scale = 255 / whiteLevel(image, channel);
  const out = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let from = channel, to = 0; to < out.length; from += channels, to += 4) {
    out[to] = out[to + 1] = out[to + 2] = Math.abs(data[from]) * scale;
  }
  return { data: out, width, height };
}

/** How much a map answers: its mean size, to show the busiest maps first. */
export function mapActivity({ data, channels }: FloatImage): number[] {
  const sums = new Array<number>(channels).fill(0);
  for (let at = 0; at < data.length; at++) sums[at % channels] += Math.abs(data[at]);
  return sums.map((sum) => (sum * channels) / data.length);
}

/**
 * One filter of [height, width, channels, count] as a picture: middle grey is zero. A
 * filter over one channel is grey, over three it is in colour.
 */
export function filterPicture(
  data: Float32Array,
  shape: readonly [number, number, number, number],
  index: number,
): Rgba {
  const [height, width, channels, count] = shape;
  const value = (pixel: number, channel: number) => data[(pixel * channels + channel) * count + index];
  let most = 1e-9;
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let c = 0; c < channels; c++) most = Math.max(most, Math.abs(value(pixel, c)));
  }
  const out = new Uint8ClampedArray(width * height * 4);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let c = 0; c < 3; c++) {
      out[pixel * 4 + c] = 127.5 + (value(pixel, channels === 3 ? c : 0) / most) * 127.5;
    }
    out[pixel * 4 + 3] = 255;
  }
  return { data: out, width, height };
}
