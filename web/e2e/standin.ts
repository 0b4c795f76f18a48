/**
 * Models for the tests, in the format of the shipped ones:
 *
 * - `standin`, a second model whatever models are shipped: grey, it halves every value. Tests break
 *   it in ways that one would not break a real one.
 * - `photo` and `photo-encoder`, which take the place of the shipped ones where a test is about the
 *   page and not about a model: a blur, with 1/240 of the operations. For `photo` too there is a file for
 *   LiteRT.js.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { randomNumbers } from "../src/maths/noise.ts";

const FLOAT = { type: "DT_FLOAT" };
const shape = (...sizes: number[]) => ({ dim: sizes.map((size) => ({ size: String(size) })) });
const text = (value: string) => ({ s: btoa(value) });
const ints = (...values: number[]) => ({ list: { i: values.map(String) } });

/** A convolution of the input; its kernel is [height, width, in, out]. */
interface Convolution {
  readonly output: string;
  readonly kernel: string;
  readonly shape: readonly [number, number, number, number];
  readonly stride: number;
  readonly weights: Float32Array;
}

/** `model.json` and the weights of a graph model whose outputs are convolutions of its input. */
function graph(convolutions: readonly Convolution[], file: string): { json: string; weights: Uint8Array } {
  const tensor = (channels: number) => ({ dtype: "DT_FLOAT", tensorShape: shape(-1, -1, -1, channels) });
  const [{ shape: [, , channels] }] = convolutions;
  const nodes = convolutions.flatMap(({ output, kernel, shape: sizes, stride }) => [
    { name: kernel, op: "Const", attr: { value: { tensor: { dtype: "DT_FLOAT", tensorShape: shape(...sizes) } }, dtype: FLOAT } },
    {
      name: output,
      op: "Conv2D",
      input: ["image", kernel],
      attr: {
        T: FLOAT,
        padding: text("SAME"),
        data_format: text("NHWC"),
        strides: ints(1, stride, stride, 1),
        dilations: ints(1, 1, 1, 1),
      },
    },
  ]);
  const outputs = convolutions.map(({ output, shape: sizes }) => [output, { name: `${output}:0`, ...tensor(sizes[3]) }]);
  const specs = convolutions.map(({ kernel, shape: sizes }) => ({ name: kernel, shape: sizes, dtype: "float32" }));
  const json = JSON.stringify({
    format: "graph-model",
    modelTopology: {
      node: [{ name: "image", op: "Placeholder", attr: { shape: { shape: shape(-1, -1, -1, channels) }, dtype: FLOAT } }, ...nodes],
      versions: {},
    },
    weightsManifest: [{ paths: [file], weights: specs }],
    signature: { inputs: { image: { name: "image:0", ...tensor(channels) } }, outputs: Object.fromEntries(outputs) },
  });
  return { json, weights: Buffer.concat(convolutions.map(({ weights }) => Buffer.from(weights.buffer))) };
}

function halving(): Record<string, Body> {
  const side = 8;
  const half = { output: "denoised", kernel: "half", shape: [1, 1, 1, 1], stride: 1, weights: Float32Array.of(0.5) } as const;
  const { json, weights } = graph([half], "weights.bin");
  const card = { name: "standin", channels: 1, size_multiple: 8, halo: 8, parameters: 1, results: [] };
  const tile = Uint8Array.from({ length: side * side }, (_, at) => at * 4);
  return {
    "standin/model.json": json,
    "standin/model-card.json": JSON.stringify(card),
    "standin/weights.bin": weights,
    "standin/check.bin": Uint8Array.from([...tile, ...tile.map((value) => value / 2)]),
  };
}

/** Side of the blur in pixels. `tools/tiny.py` has the same. */
const BLUR = 5;
/** The names of the shipped models' files: the service worker asks for all of them. */
const SHARD = "group1-shard1of1.bin.gzip";

/** A noisy tile of three channels, then its means over 5 x 5 pixels, zeros outside: see `parseCheck`. */
function checkBlur(side: number): Uint8Array {
  const random = randomNumbers(1);
  const tile = Uint8Array.from({ length: side * side * 3 }, () => 256 * random());
  const reach = (BLUR - 1) / 2;
  const inside = (at: number) => at >= 0 && at < side;
  const expected = tile.map((_, at) => {
    const [x, y, channel] = [Math.floor(at / 3) % side, Math.floor(at / 3 / side), at % 3];
    let sum = 0;
    for (let row = y - reach; row <= y + reach; row++) {
      for (let column = x - reach; column <= x + reach; column++) {
        if (inside(row) && inside(column)) sum += tile[(row * side + column) * 3 + channel];
      }
    }
    return Math.round(sum / BLUR ** 2);
  });
  return Buffer.concat([tile, expected]);
}

function blurring(): Record<string, Body> {
  // [height, width, in, out]: each channel by itself.
  const mean = Float32Array.from({ length: BLUR ** 2 * 9 }, (_, at) => (at % 3 === Math.floor(at / 3) % 3 ? 1 / BLUR ** 2 : 0));
  const blur = { output: "denoised", kernel: "net/blur/kernel", shape: [BLUR, BLUR, 3, 3], stride: 1, weights: mean } as const;
  const denoiser = graph([blur], SHARD);
  const random = randomNumbers(2);
  const scales = [2, 4, 8].map((stride, at): Convolution => ({
    output: `scale${at}`,
    kernel: `kernel${at}`,
    shape: [3, 3, 3, 8],
    stride,
    weights: Float32Array.from({ length: 3 * 3 * 3 * 8 }, () => random() - 0.5),
  }));
  const encoder = graph(scales, SHARD);
  const result = { noise: { gaussian: { sigma: 25 } }, images: 2, psnr_noisy: 20.2, psnr: 26.1 };
  const card = JSON.stringify({ name: "photo", channels: 3, size_multiple: 8, halo: 16, margin: 8, parameters: mean.length, results: [result] });
  const litert = (suffix: string) => readFileSync(join(import.meta.dirname, `tiny.litert${suffix}`));
  return {
    "photo/model.json": denoiser.json,
    "photo/model-card.json": card,
    [`photo/${SHARD}`]: gzipSync(denoiser.weights),
    "photo/check.bin": checkBlur(32),
    "photo/litert.bin.gzip": gzipSync(litert(".bin")),
    "photo/litert.json": litert(".json"),
    "photo-encoder/model.json": encoder.json,
    "photo-encoder/model-card.json": card,
    [`photo-encoder/${SHARD}`]: gzipSync(encoder.weights),
  };
}

/** The body of an answer. */
export type Body = Uint8Array | string;

/** Their files, by their paths inside `models/`. */
export const STANDIN = halving();
export const TINY = blurring();
