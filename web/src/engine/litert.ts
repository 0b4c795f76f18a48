/** Runs models with LiteRT.js on wasm: in 0.6 of the time of TF.js, but its code has 3 MB to load. */
import { type CompiledModel, loadAndCompile, loadLiteRt, supportsFeature, Tensor } from "@litertjs/core";
import factory from "@litertjs/core/wasm/litert_wasm_internal.js";
import wasm from "@litertjs/core/wasm/litert_wasm_internal.wasm?url";
import type { FloatImage } from "../maths/pixels.ts";
import { type Plan, resize, withWeights } from "../maths/weights.ts";
import type { ModelFiles } from "../protocol/engine.ts";

interface Loaded {
  readonly file: Uint8Array<ArrayBuffer>;
  readonly plan: Plan;
  /** The model for pictures of `size`, which was asked for last. */
  compiled?: CompiledModel;
  size: string;
}

const models = new Map<string, Loaded>();

export async function start(): Promise<void> {
  if (!(await supportsFeature("relaxedSimd"))) throw new Error("no relaxed SIMD");
  // It would fetch its script by importScripts, which fails in module workers: here the script is bundled.
  Object.assign(self, { ModuleFactory: factory, Module: { locateFile: () => wasm }, importScripts: () => {} });
  await loadLiteRt("bundled.js");
}

export function load(name: string, { json, weights, skeleton }: ModelFiles): void {
  if (!skeleton) throw new Error(`${name} has no file for LiteRT.js`);
  const specs = JSON.parse(json).weightsManifest.flatMap((group: { weights: unknown[] }) => group.weights);
  models.get(name)?.compiled?.delete();
  models.set(name, { file: withWeights(skeleton.file, skeleton.plan, specs, weights), plan: skeleton.plan, size: "" });
}

export async function run(name: string, { data, width, height, channels }: FloatImage): Promise<FloatImage> {
  const model = models.get(name);
  if (!model) throw new Error(`no model ${name}`);
  const size = `${width} x ${height}`;
  if (model.size !== size) {
    model.compiled?.delete();
    model.size = "";
    resize(model.file, model.plan, width, height);
    model.compiled = await loadAndCompile(model.file, { accelerator: "wasm" });
    model.size = size;
  }
  const input = Tensor.fromTypedArray(data, [1, height, width, channels]);
  try {
    const [output] = await (model.compiled as CompiledModel).run(input);
    const result = (await output.data()).slice() as Float32Array;
    output.delete();
    return { data: result, width, height, channels };
  } finally {
    input.delete();
  }
}
