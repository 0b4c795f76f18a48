/** What the engine worker (TensorFlow.js or LiteRT.js) offers. */
import type { FloatImage } from "../maths/pixels.ts";
import type { Plan } from "../maths/weights.ts";
import type { Moved } from "./rpc.ts";

export const BACKENDS = ["webgpu", "webgl", "wasm"] as const;
export type Backend = (typeof BACKENDS)[number];
/** LiteRT.js is no choice of its own: it helps wasm with large pictures. */
export type Engine = Backend | "litert";

/** A TFLite file whose weights are missing, for LiteRT.js. */
export interface Skeleton {
  readonly file: Uint8Array;
  readonly plan: Plan;
}

/** A TF.js graph model: `model.json` and all its shards in one buffer. */
export interface ModelFiles {
  readonly json: string;
  readonly weights: ArrayBuffer;
  readonly skeleton?: Skeleton;
}

/** The kernels of the model's first convolution: [height, width, channels, count]. */
export interface Filters {
  readonly data: Float32Array;
  readonly shape: readonly [number, number, number, number];
}

/** "software" means a GPU interface that a CPU stands behind: slower than wasm. */
export type Probe = "missing" | "software" | "hardware";

export interface EngineCalls {
  /** Answers calls that come by this port, too. */
  connect(port: MessagePort): void;
  /** Looks for the backend without loading it. */
  probe(backend: Backend): Promise<Probe>;
  /** Loads the engine; once per worker. */
  start(engine: Engine): Promise<void>;
  /** Loads a model under a name, in place of one of that name. */
  load(name: string, files: ModelFiles): Promise<void>;
  /** Runs a model on one picture; outputs come with the finest scale first. */
  run(name: string, image: FloatImage): Promise<Moved<FloatImage[]>>;
  filters(name: string): Promise<Moved<Filters>>;
}
