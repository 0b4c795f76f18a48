/** The engine worker: runs graph models on one TF.js backend, or where it can with LiteRT.js. */
import { type GraphModel, loadGraphModel } from "@tensorflow/tfjs-converter";
import { type io, type Tensor, tensor4d } from "@tensorflow/tfjs-core";
import type { FloatImage } from "../maths/pixels.ts";
import type { Engine, EngineCalls, Filters, ModelFiles } from "../protocol/engine.ts";
import { type Endpoint, Moved, serve } from "../protocol/rpc.ts";
import * as backends from "./backends.ts";

interface Node {
  readonly name: string;
  readonly op: string;
  readonly input?: string[];
}

interface Loaded {
  readonly model: GraphModel;
  /** The name of the first convolution's weights; nodes come in order of use. */
  readonly kernel: string | undefined;
}

const models = new Map<string, Loaded>();
let litert: typeof import("./litert.ts") | undefined;
/** TF.js beside LiteRT.js, for models that only TF.js can run; not started without one. */
let beside: Promise<void> | undefined;

async function start(engine: Engine): Promise<void> {
  if (engine !== "litert") return backends.start(engine);
  litert = await import("./litert.ts");
  await litert.start();
}

async function load(name: string, files: ModelFiles): Promise<void> {
  const { json, weights, skeleton } = files;
  if (litert && skeleton) return litert.load(name, files, skeleton);
  if (litert) await (beside ??= backends.start("wasm"));
  const { modelTopology, weightsManifest, signature, format } = JSON.parse(json);
  const weightSpecs = weightsManifest.flatMap((group: { weights: unknown[] }) => group.weights);
  const artifacts = { modelTopology, weightSpecs, weightData: weights, signature, format };
  const handler: io.IOHandler = { load: async () => artifacts };
  const nodes = modelTopology.node as Node[];
  const kernel = nodes.find(({ op }) => /^(_Fused)?Conv2D$/.test(op))?.input?.[1];
  models.get(name)?.model.dispose();
  models.set(name, { model: await loadGraphModel(handler), kernel });
}

function find(name: string): Loaded {
  const model = models.get(name);
  if (!model) throw new Error(`no model ${name}`);
  return model;
}

async function toImage(tensor: Tensor): Promise<FloatImage> {
  const [, height, width, channels] = tensor.shape;
  return { data: (await tensor.data()) as Float32Array, width, height, channels };
}

async function run(name: string, image: FloatImage): Promise<Moved<FloatImage[]>> {
  if (litert?.has(name)) {
    const result = await litert.run(name, image);
    return new Moved([result], [result.data.buffer as ArrayBuffer]);
  }
  const { data, width, height, channels } = image;
  const input = tensor4d(data, [1, height, width, channels]);
  const result = find(name).model.execute(input);
  const outputs = Array.isArray(result) ? result : [result];
  try {
    const images = await Promise.all(outputs.map(toImage));
    images.sort((a, b) => b.width * b.height - a.width * a.height);
    return new Moved(
      images,
      images.map(({ data }) => data.buffer as ArrayBuffer),
    );
  } finally {
    input.dispose();
    for (const output of outputs) output.dispose();
  }
}

async function filters(name: string): Promise<Moved<Filters>> {
  const { model, kernel } = find(name);
  const tensor = kernel && model.weights[kernel]?.[0];
  if (!tensor) throw new Error(`${name} has no convolution`);
  const data = (await tensor.data()).slice() as Float32Array;
  const shape = tensor.shape as [number, number, number, number];
  return new Moved({ data, shape }, [data.buffer as ArrayBuffer]);
}

const handlers: EngineCalls = {
  connect: (port) => {
    serve(port, handlers);
    port.start();
  },
  probe: backends.probe,
  start,
  load,
  run,
  filters,
};

serve(self as unknown as Endpoint, handlers);
