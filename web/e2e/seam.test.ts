/** The shipped model itself, in Node on the wasm backend: tiles against the whole. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { loadGraphModel } from "@tensorflow/tfjs-converter";
import { env, setBackend, type Tensor, tensor4d } from "@tensorflow/tfjs-core";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { expect, test } from "vitest";
import { replaceKernels } from "../src/engine/kernels.ts";
import { crop, type FloatImage } from "../src/maths/pixels.ts";
import { randomNumbers } from "../src/maths/noise.ts";
import { planTiles, roundUp } from "../src/maths/tiles.ts";
import { cleanTile, type TileStore } from "../src/picture/tile.ts";
import { DIST } from "./server.ts";

const FOLDER = join(DIST, "models/photo");
const read = (name: string) => {
  const bytes = readFileSync(join(FOLDER, name));
  return name.endsWith(".gzip") ? gunzipSync(bytes) : bytes;
};

async function loadModel(): Promise<(image: FloatImage) => Promise<FloatImage>> {
  env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  setWasmPaths(`${dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm"))}/`);
  await setBackend("wasm");
  replaceKernels();
  const { modelTopology, weightsManifest } = JSON.parse(read("model.json").toString());
  const paths: string[] = weightsManifest.flatMap((group: { paths: string[] }) => group.paths);
  const weightData = new Uint8Array(Buffer.concat(paths.map(read))).buffer;
  const weightSpecs = weightsManifest.flatMap((group: { weights: object[] }) => group.weights);
  const model = await loadGraphModel({ load: async () => ({ modelTopology, weightSpecs, weightData }) });
  return async (image) => {
    const input = tensor4d(image.data, [1, image.height, image.width, image.channels]);
    const output = model.execute(input) as Tensor;
    return { ...image, data: (await output.data()) as Float32Array };
  };
}

test("tiles of the shipped model show no seam", async () => {
  const card = JSON.parse(read("model-card.json").toString());
  const run = await loadModel();
  const random = randomNumbers(3);
  const [width, height] = [5, 4].map((halos) => roundUp(halos * card.halo, card.size_multiple));
  const data = Float32Array.from({ length: width * height * 3 }, random);
  const picture: FloatImage = { data, width, height, channels: 3 };
  const whole = await run(picture);
  let largest = 0;
  const store: TileStore = {
    cut: async (source) => crop(picture, source),
    put: async (keep, image) => {
      crop(whole, keep).data.forEach((value, at) => {
        largest = Math.max(largest, Math.abs(value - image.data[at]));
      });
    },
  };
  const rules = { multiple: card.size_multiple, halo: card.halo, margin: 0, maxPixels: (3 * card.halo + 16) ** 2, lanes: 1 };
  const tiles = planTiles(width, height, rules);
  expect(tiles.length).toBeGreaterThan(3);
  for (const tile of tiles) await cleanTile(tile, store, run);
  console.log(`${tiles.length} tiles differ from the whole by ${(largest * 255).toFixed(5)} of 255 at most`);
  expect(largest * 255).toBeLessThan(0.01);
});
