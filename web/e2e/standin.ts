/**
 * A second model for the tests, whatever models are shipped: grey, it halves every value.
 * Tests break it in ways that one would not break a real one.
 */
const SIDE = 8;
const NAME = "standin";

const FLOAT = { type: "DT_FLOAT" };
const shape = (...sizes: number[]) => ({ dim: sizes.map((size) => ({ size: String(size) })) });
const text = (value: string) => ({ s: btoa(value) });
const picture = shape(-1, -1, -1, 1);

const json = {
  format: "graph-model",
  modelTopology: {
    node: [
      { name: "image", op: "Placeholder", attr: { shape: { shape: picture }, dtype: FLOAT } },
      { name: "half", op: "Const", attr: { value: { tensor: { dtype: "DT_FLOAT", tensorShape: shape(1, 1, 1, 1) } }, dtype: FLOAT } },
      {
        name: "denoised",
        op: "Conv2D",
        input: ["image", "half"],
        attr: {
          T: FLOAT,
          padding: text("SAME"),
          data_format: text("NHWC"),
          strides: { list: { i: ["1", "1", "1", "1"] } },
          dilations: { list: { i: ["1", "1", "1", "1"] } },
        },
      },
    ],
    versions: {},
  },
  weightsManifest: [{ paths: ["weights.bin"], weights: [{ name: "half", shape: [1, 1, 1, 1], dtype: "float32" }] }],
  signature: {
    inputs: { image: { name: "image:0", dtype: "DT_FLOAT", tensorShape: picture } },
    outputs: { denoised: { name: "denoised:0", dtype: "DT_FLOAT", tensorShape: picture } },
  },
};
const card = { name: NAME, channels: 1, size_multiple: 8, halo: 8, parameters: 1, results: [] };
const tile = Uint8Array.from({ length: SIDE * SIDE }, (_, at) => at * 4);

/** Its files, by their path inside `models/`. */
export const STANDIN: Record<string, Uint8Array | string> = {
  [`${NAME}/model.json`]: JSON.stringify(json),
  [`${NAME}/model-card.json`]: JSON.stringify(card),
  [`${NAME}/weights.bin`]: new Uint8Array(Float32Array.of(0.5).buffer),
  [`${NAME}/check.bin`]: Uint8Array.from([...tile, ...tile.map((value) => value / 2)]),
};
