/** Runs models with LiteRT.js on wasm: in 0.6 of the time of TF.js, but its code has 3 MB to load. */
import { type CompiledModel, loadAndCompile, loadLiteRt, supportsFeature, Tensor } from "@litertjs/core";
import type { FloatImage } from "../maths/pixels.ts";
import { type Plan, resize, withWeights } from "../maths/weights.ts";
import type { ModelFiles, Skeleton } from "../protocol/engine.ts";

interface Loaded {
  readonly file: Uint8Array<ArrayBuffer>;
  readonly plan: Plan;
}

const models = new Map<string, Loaded>();
/** The model that ran last, for pictures of one size: each takes about 400 bytes a pixel, so there is one. */
let compiled: { readonly key: string; readonly model: CompiledModel } | undefined;
let last: Promise<unknown> = Promise.resolve();
/** As many as lanes would be at most; more than one where the host's headers isolate the page. */
const MOST_THREADS = 4;
let numThreads = 1;

export async function start(): Promise<void> {
  if (!(await supportsFeature("relaxedSimd"))) throw new Error("no relaxed SIMD");
  if (crossOriginIsolated) numThreads = Math.min(navigator.hardwareConcurrency, MOST_THREADS);
  const { factory, wasm, script } = await (numThreads > 1 ? import("./litert-threads.ts") : import("./litert-single.ts"));
  // It would fetch its script by importScripts, which fails in module workers: here the script is bundled.
  const Module = { locateFile: () => wasm, mainScriptUrlOrBlob: script };
  Object.assign(self, { ModuleFactory: factory, Module, importScripts: () => {} });
  await loadLiteRt("bundled.js");
}

export function has(name: string): boolean {
  return models.has(name);
}

/** Loads a model under a name that no other has. */
export function load(name: string, { json, weights }: ModelFiles, { file, plan }: Skeleton): void {
  const specs = JSON.parse(json).weightsManifest.flatMap((group: { weights: unknown[] }) => group.weights);
  models.set(name, { file: withWeights(file, plan, specs, weights), plan });
}

async function compile(name: string, width: number, height: number): Promise<CompiledModel> {
  const key = `${name} ${width} ${height}`;
  if (compiled?.key === key) return compiled.model;
  compiled?.model.delete();
  compiled = undefined;
  const { file, plan } = models.get(name) as Loaded;
  resize(file, plan, width, height);
  const model = await loadAndCompile(file, { accelerator: "wasm", cpuOptions: { numThreads } });
  compiled = { key, model };
  return model;
}

async function runOne(name: string, { data, width, height, channels }: FloatImage): Promise<FloatImage> {
  const model = await compile(name, width, height);
  const input = Tensor.fromTypedArray(data, [1, height, width, channels]);
  try {
    const [output] = await model.run(input);
    const result = (await output.data()).slice() as Float32Array;
    output.delete();
    return { data: result, width, height, channels };
  } finally {
    input.delete();
  }
}

/** Runs a model once those asked for before have ended: they may be compiled for another size. */
export function run(name: string, image: FloatImage): Promise<FloatImage> {
  const turn = last.then(() => runOne(name, image));
  last = turn.catch(() => {});
  return turn;
}
