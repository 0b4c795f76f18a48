/** Peak signal-to-noise ratio. */
import type { Rgba } from "./pixels.ts";

/**
 * PSNR in dB of two 8-bit pictures over red, green and blue: `10 log10(255^2 / MSE)`.
 * Infinite for equal pictures.
 *
 * @throws RangeError if the sizes differ.
 */
export function psnr(a: Rgba, b: Rgba): number {
  if (a.data.length !== b.data.length) {
    throw new RangeError(`sizes differ: ${a.data.length} and ${b.data.length} bytes`);
  }
  let sum = 0;
  for (let at = 0; at < a.data.length; at++) {
    if (at % 4 === 3) continue;
    const difference = a.data[at] - b.data[at];
    sum += difference * difference;
  }
  return 10 * Math.log10((255 * 255) / (sum / ((a.data.length / 4) * 3)));
}
