/** One engine worker and what is known of it. */
import { type FloatImage, joinChannels, takeChannel } from "../maths/pixels.ts";
import type { Backend, EngineCalls, ModelFiles } from "../protocol/engine.ts";
import { Client } from "../protocol/rpc.ts";
import type { Check } from "./models.ts";

/** What a denoising job needs of an engine: tests have simpler ones. */
export interface Runner {
  run(image: FloatImage): Promise<FloatImage>;
}

/** The largest difference from Keras that passes, in steps of 8 bits. */
export const TOLERANCE = 2;

export interface CheckResult {
  /** The largest difference from Keras, on the 0 to 255 scale. */
  readonly difference: number;
  readonly milliseconds: number;
}

export class Lane implements Runner {
  private readonly worker: Worker;
  readonly engine: Client<EngineCalls>;
  private channels: 1 | 3 = 3;
  backend: Backend | undefined;

  constructor() {
    this.worker = new Worker(new URL("../engine/worker.ts", import.meta.url), { type: "module" });
    this.engine = new Client<EngineCalls>(this.worker);
    this.worker.addEventListener("error", (event) => {
      this.engine.fail(new Error(event.message || "the engine stopped"));
    });
  }

  async start(backend: Backend): Promise<void> {
    this.backend = backend;
    await this.engine.call("start", [backend]);
  }

  async load(files: ModelFiles, channels: 1 | 3): Promise<void> {
    await this.engine.call("load", ["denoiser", files]);
    this.channels = channels;
  }

  /** Denoises a float image; a grey model takes the channels of a colour picture in turn. */
  async run(image: FloatImage): Promise<FloatImage> {
    if (image.channels === this.channels) return this.runOnce(image);
    if (this.channels === 3) return this.runOnce(joinChannels([image, image, image]));
    const planes: FloatImage[] = [];
    for (let channel = 0; channel < image.channels; channel++) {
      planes.push(await this.runOnce(takeChannel(image, channel)));
    }
    return joinChannels(planes);
  }

  private async runOnce(image: FloatImage): Promise<FloatImage> {
    const buffer = image.data.buffer as ArrayBuffer;
    const [result] = await this.engine.call("run", ["denoiser", image], [buffer]);
    return result;
  }

  /** Runs the check tile: once to warm up and compare, twice more for the time. */
  async check({ side, noisy, expected }: Check): Promise<CheckResult> {
    const tile = (): FloatImage => ({
      data: Float32Array.from(noisy, (value) => value / 255),
      width: side,
      height: side,
      channels: this.channels,
    });
    const { data } = await this.runOnce(tile());
    const difference = largestDifference(data, expected);
    let milliseconds = Number.POSITIVE_INFINITY;
    for (let repeat = 0; repeat < 2; repeat++) {
      const begin = performance.now();
      await this.runOnce(tile());
      milliseconds = Math.min(milliseconds, performance.now() - begin);
    }
    return { difference, milliseconds };
  }

  stop(): void {
    this.worker.terminate();
    this.engine.fail(new Error("the engine was stopped"));
  }
}

/** Between a float result in [0, 1], clipped, and 8-bit values; on the 0 to 255 scale. */
export function largestDifference(result: Float32Array, expected: Uint8Array): number {
  if (result.length !== expected.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let at = 0; at < expected.length; at++) {
    const difference = Math.abs(Math.min(1, Math.max(0, result[at])) * 255 - expected[at]);
    if (!(difference <= largest)) largest = difference; // not-a-number counts as the largest
    if (Number.isNaN(largest)) return Number.POSITIVE_INFINITY;
  }
  return largest;
}
