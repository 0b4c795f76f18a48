/** What both benchmarks share: the same input, the same way of timing. */
import { randomNumbers } from "../src/maths/noise.ts";

type Shape = [number, number, number, number];

/** The least milliseconds of some runs, and some of the output for comparison. */
export interface Timing {
  readonly milliseconds: number;
  readonly sample: number[];
}

export type Bench = (shape: Shape, repeats: number) => Promise<Timing>;

export async function timed(
  shape: Shape,
  repeats: number,
  run: (data: Float32Array) => Promise<Float32Array>,
): Promise<Timing> {
  const random = randomNumbers(1);
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, random);
  let result = await run(data.slice()); // warm-up
  let milliseconds = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < repeats; repeat++) {
    const input = data.slice();
    const begin = performance.now();
    result = await run(input);
    milliseconds = Math.min(milliseconds, performance.now() - begin);
  }
  return { milliseconds, sample: [...result.filter((_, at) => at % 997 === 0)] };
}
