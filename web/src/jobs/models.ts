/** Fetches models, with progress. */
import { problem } from "../protocol/errors.ts";
import { type WeightSpec, weightBytes } from "../maths/weights.ts";
import type { ModelFiles, Skeleton } from "../protocol/engine.ts";

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

/** Fetches a file and reads it. Whatever goes wrong on the way, up to its last byte, is a NoModel. */
async function get<T>(path: string, read: (answer: Response) => Promise<T>): Promise<T> {
  try {
    const answer = await fetch(path);
    if (!answer.ok) throw new Error(String(answer.status));
    return await read(answer);
  } catch (error) {
    throw problem("NoModel", `${path}: ${error}`);
  }
}

/** What the names of files that `make web` has compressed end in: no host treats it in a way of its own. */
const COMPRESSED = ".gzip";

/** The content of a file, which may be compressed. */
function contentOf(path: string, answer: Response): ReadableStream<Uint8Array> {
  const body = answer.body as ReadableStream<Uint8Array<ArrayBuffer>>;
  return path.endsWith(COMPRESSED) ? body.pipeThrough(new DecompressionStream("gzip")) : body;
}

/** Fetches a graph model's topology and weights. */
export async function fetchFiles(folder: string, progress: Progress = () => {}): Promise<ModelFiles> {
  const json = await get(`${folder}/model.json`, (answer) => answer.text());
  const { weightsManifest } = JSON.parse(json);
  const total = weightBytes(weightsManifest.flatMap((group: { weights: WeightSpec[] }) => group.weights));
  const weights = new Uint8Array(total);
  let loaded = 0;
  progress(loaded, total);
  for (const path of weightsManifest.flatMap((group: { paths: string[] }) => group.paths)) {
    await get(`${folder}/${path}`, async (answer) => {
      const reader = contentOf(path, answer).getReader();
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        weights.set(next.value, loaded);
        loaded += next.value.length;
        progress(loaded, total);
      }
    });
  }
  if (loaded !== total) throw problem("NoModel", `${folder}: ${loaded} of ${total} bytes`);
  return { json, weights: weights.buffer };
}

/** Fetches what LiteRT.js needs of a model beside its weights. */
export async function fetchSkeleton(folder: string): Promise<Skeleton> {
  const file = `${folder}/litert.bin${COMPRESSED}`;
  const [plan, bytes] = await Promise.all([
    get(`${folder}/litert.json`, (answer) => answer.json()),
    get(file, (answer) => new Response(contentOf(file, answer)).arrayBuffer()),
  ]);
  return { file: new Uint8Array(bytes), plan };
}

/** The names of all models at hand, from the list that `make web` writes. */
export async function fetchNames(models: string): Promise<string[]> {
  return get(`${models}/models.json`, (answer) => answer.json());
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
    get(`${folder}/model-card.json`, (answer) => answer.json() as Promise<ModelCard>),
    get(`${folder}/check.bin`, (answer) => answer.arrayBuffer()),
    fetchFiles(folder, progress),
  ]);
  if (card.levels) throw problem("NoModel", `${card.name}: made for scientific files (levels in its card)`);
  const bytes = files.json.length + files.weights.byteLength;
  return { card, files, check: parseCheck(new Uint8Array(check), card.channels), bytes };
}
