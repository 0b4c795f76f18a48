/** One engine worker and what is known of it. */
import { type FloatImage, throughModel } from "../maths/pixels.ts";
import type { Engine, EngineCalls } from "../protocol/engine.ts";
import { Client } from "../protocol/rpc.ts";
import type { Model } from "./models.ts";

/**
 * Leads from lanes to the pictures. Tiles must not pass through the main thread: their
 * memory alone would make it collect garbage again and again, and wait for that.
 */
export interface Link {
  connect(lane: number, port: MessagePort): void;
  disconnect(lane: number): void;
}

/** The largest difference from Keras that passes, in steps of 8 bits. */
export const TOLERANCE = 2;

/** A check tile this slow is timed once: a second time would change no choice. */
const SLOW_MS = 400;

export interface CheckResult {
  /** The largest difference from Keras, on the 0 to 255 scale. */
  readonly difference: number;
  readonly milliseconds: number;
}

let lanes = 0;

export class Lane {
  readonly id = ++lanes;
  private readonly worker: Worker;
  readonly engine: Client<EngineCalls>;
  /** Models stay loaded under their names, so that going back to one costs nothing. */
  private readonly loaded = new Set<string>();
  backend: Engine | undefined;

  constructor(private readonly link: Link) {
    this.worker = new Worker(new URL("../engine/worker.ts", import.meta.url), { type: "module" });
    this.engine = new Client<EngineCalls>(this.worker);
    this.worker.addEventListener("error", (event) => {
      this.engine.fail(new Error(event.message || "the engine stopped"));
      link.disconnect(this.id);
    });
    const { port1, port2 } = new MessageChannel();
    this.engine.tell("connect", [port1], [port1]);
    link.connect(this.id, port2);
  }

  async start(backend: Engine): Promise<void> {
    this.backend = backend;
    await this.engine.call("start", [backend]);
  }

  async load({ card, files }: Model): Promise<void> {
    if (this.loaded.has(card.name)) return;
    await this.engine.call("load", [card.name, files]);
    this.loaded.add(card.name);
  }

  /** Denoises a float image of any channels with a model that was loaded. */
  run({ card }: Model, image: FloatImage): Promise<FloatImage> {
    return throughModel(image, card.channels, (part) => this.runOnce(card.name, part));
  }

  private async runOnce(name: string, image: FloatImage): Promise<FloatImage> {
    const buffer = image.data.buffer as ArrayBuffer;
    const [result] = await this.engine.call("run", [name, image], [buffer]);
    return result;
  }

  /** Runs the check tile: once to warm up and compare, once or twice more for the time. */
  async check({ card, check: { side, noisy, expected } }: Model): Promise<CheckResult> {
    const tile = (): FloatImage => ({
      data: Float32Array.from(noisy, (value) => value / 255),
      width: side,
      height: side,
      channels: card.channels,
    });
    const { data } = await this.runOnce(card.name, tile());
    const difference = largestDifference(data, expected);
    let milliseconds = Number.POSITIVE_INFINITY;
    for (let repeat = 0; repeat < 2; repeat++) {
      const begin = performance.now();
      await this.runOnce(card.name, tile());
      milliseconds = Math.min(milliseconds, performance.now() - begin);
      if (milliseconds > SLOW_MS) break;
    }
    return { difference, milliseconds };
  }

  stop(): void {
    this.worker.terminate();
    this.link.disconnect(this.id);
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
