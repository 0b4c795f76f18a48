/** Depth to space: how the model's decoder doubles height and width. */

/**
 * Turns each group of channels of [rows, width, block * block * channels] into a square of
 * [block, block] pixels: `out` is [rows * block, width * block, channels]. Channels are
 * ordered as in TensorFlow (NHWC): row in the square, column in it, channel.
 */
export function depthToSpace(
  input: Float32Array,
  out: Float32Array,
  rows: number,
  width: number,
  block: number,
  channels: number,
): void {
  const run = block * channels; // lie together both before and after
  let to = 0;
  for (let row = 0; row < rows; row++) {
    for (let inner = 0; inner < block; inner++) {
      let from = (row * width * block + inner) * run;
      for (let x = 0; x < width; x++, from += run * block) {
        for (let at = 0; at < run; at++) out[to++] = input[from + at];
      }
    }
  }
}
