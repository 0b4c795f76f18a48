/** Strength: how much of the model's change is applied. */
import type { Rgba } from "./pixels.ts";

/**
 * `noisy + strength * (clean - noisy)`, rounded and clipped to 8 bits, in a new image.
 * Alpha is the noisy picture's.
 *
 * @throws RangeError if the sizes differ.
 */
export function blend(noisy: Rgba, clean: Rgba, strength: number): Rgba {
  if (noisy.data.length !== clean.data.length) {
    throw new RangeError(`sizes differ: ${noisy.data.length} and ${clean.data.length} bytes`);
  }
  const data = new Uint8ClampedArray(noisy.data.length);
  for (let at = 0; at < data.length; at++) {
    data[at] = noisy.data[at] + strength * (clean.data[at] - noisy.data[at]);
  }
  for (let at = 3; at < data.length; at += 4) data[at] = noisy.data[at];
  return { data, width: noisy.width, height: noisy.height };
}
