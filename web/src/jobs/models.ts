/** Fetches models, with progress. */
import { problem } from "../protocol/errors.ts";
import type { ModelFiles } from "../protocol/engine.ts";

/** The parts of model-card.json that the page uses. */
export interface ModelCard {
  readonly name: string;
  readonly channels: 1 | 3;
  readonly size_multiple: number;
  readonly halo: number;
  /** Pixels by which a picture is continued by its mirror image on each side; 0 if missing. */
  readonly margin?: number;
  /** Of a model for files that use a part of their range, which the page does not know. */
  readonly levels?: readonly number[];
  readonly parameters: number;
  readonly results: readonly { noise: unknown; images: number; psnr_noisy: number; psnr: number }[];
}

/** The model to begin with; every page has it. */
export const DEFAULT_MODEL = "photo";

/** A noisy tile and what Keras makes of it: height x width x channels, 8 bits each. */
export interface Check {
  readonly side: number;
  readonly noisy: Uint8Array;
  readonly expected: Uint8Array;
}

export interface Model {
  readonly card: ModelCard;
  readonly files: ModelFiles;
  readonly check: Check;
  readonly bytes: number;
}

type Progress = (loaded: number, total: number) => void;

async function get(path: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path);
  } catch (error) {
    throw problem("NoModel", `${path}: ${error}`);
  }
  if (!response.ok) throw problem("NoModel", `${path}: ${response.status}`);
  return response;
}

interface WeightSpec {
  readonly shape: number[];
  readonly dtype: string;
  readonly quantization?: { readonly dtype: string };
}

const BYTES: Record<string, number> = { float32: 4, int32: 4, float16: 2, uint16: 2, uint8: 1, bool: 1 };

/** The bytes of all weights, from their shapes: known before a shard is fetched. */
export function weightBytes(manifest: readonly { weights: WeightSpec[] }[]): number {
  let total = 0;
  for (const { shape, dtype, quantization } of manifest.flatMap(({ weights }) => weights)) {
    total += shape.reduce((a, b) => a * b, 1) * BYTES[quantization?.dtype ?? dtype];
  }
  return total;
}

/** What the names of files that `make web` has compressed end in: no host treats it in a way of its own. */
const COMPRESSED = ".gzip";

/** Fetches a graph model's topology and weights. */
export async function fetchFiles(folder: string, progress: Progress = () => {}): Promise<ModelFiles> {
  const json = await (await get(`${folder}/model.json`)).text();
  const { weightsManifest } = JSON.parse(json);
  const total = weightBytes(weightsManifest);
  const weights = new Uint8Array(total);
  let loaded = 0;
  progress(loaded, total);
  for (const path of weightsManifest.flatMap((group: { paths: string[] }) => group.paths)) {
    const body = (await get(`${folder}/${path}`)).body as ReadableStream<Uint8Array<ArrayBuffer>>;
    const bytes = path.endsWith(COMPRESSED) ? body.pipeThrough(new DecompressionStream("gzip")) : body;
    const reader = bytes.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      weights.set(next.value, loaded);
      loaded += next.value.length;
      progress(loaded, total);
    }
  }
  if (loaded !== total) throw problem("NoModel", `${folder}: ${loaded} of ${total} bytes`);
  return { json, weights: weights.buffer };
}

/** The names of all models at hand, from the list that `make web` writes. */
export async function fetchNames(models: string): Promise<string[]> {
  return (await get(`${models}/models.json`)).json();
}

/** Splits check.bin: the noisy tile, then the expected one, square and of equal size. */
export function parseCheck(bytes: Uint8Array, channels: number): Check {
  const half = bytes.length / 2;
  const side = Math.sqrt(half / channels);
  if (!Number.isInteger(side)) throw problem("NoModel", `a check tile of ${bytes.length} bytes`);
  return { side, noisy: bytes.subarray(0, half), expected: bytes.subarray(half) };
}

export async function fetchModel(folder: string, progress?: Progress): Promise<Model> {
  const [card, check, files] = await Promise.all([
    get(`${folder}/model-card.json`).then((answer) => answer.json() as Promise<ModelCard>),
    get(`${folder}/check.bin`).then((answer) => answer.arrayBuffer()),
    fetchFiles(folder, progress),
  ]);
  if (card.levels) throw problem("NoModel", `${card.name}: made for scientific files (levels in its card)`);
  const bytes = files.json.length + files.weights.byteLength;
  return { card, files, check: parseCheck(new Uint8Array(check), card.channels), bytes };
}
