// Runs exported TF.js models under Node: `node run_tfjs.mjs FOLDER`; see exchange.py.
// The same packages as in the page, and its own backend: wasm with SIMD.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.KDAE_NODE_MODULES, "from-here.js"));
const tf = require("@tensorflow/tfjs-core");
const { loadGraphModel } = require("@tensorflow/tfjs-converter");
const wasm = require.resolve("@tensorflow/tfjs-backend-wasm");
require(wasm).setWasmPaths(path.dirname(wasm) + path.sep);

const folder = process.argv[2];

/** Reads a graph model from a folder, all shards in one buffer. */
function read(model) {
  const { modelTopology, weightsManifest, signature, format } = JSON.parse(
    readFileSync(path.join(model, "model.json"), "utf8"),
  );
  const shards = weightsManifest.flatMap(({ paths }) => paths);
  const bytes = Buffer.concat(shards.map((shard) => readFileSync(path.join(model, shard))));
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const weightSpecs = weightsManifest.flatMap(({ weights }) => weights);
  return { load: async () => ({ modelTopology, weightSpecs, weightData, signature, format }) };
}

function floats(file) {
  const bytes = readFileSync(path.join(folder, file));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

async function apply(model, image) {
  const output = model.execute(image);
  const values = await output.data();
  output.dispose();
  return values;
}

if (!(await tf.setBackend("wasm"))) throw new Error("the wasm backend does not start");
const { repeats, jobs } = JSON.parse(readFileSync(path.join(folder, "jobs.json"), "utf8"));
const milliseconds = [];
for (const job of jobs) {
  const model = await loadGraphModel(read(job.path));
  const images = job.pictures.map(({ input, shape }) => tf.tensor4d(floats(input), [1, ...shape]));
  for (const [index, { output }] of job.pictures.entries()) {
    writeFileSync(path.join(folder, output), await apply(model, images[index]));
  }
  let least = Infinity;
  for (let repeat = 0; repeat < repeats; repeat++) {
    const start = performance.now();
    await apply(model, images[0]);
    least = Math.min(least, performance.now() - start);
  }
  milliseconds.push({ 1: least });
  tf.dispose(images);
  model.dispose();
}
const { version } = require("@tensorflow/tfjs-core/package.json");
const runtime = `tfjs ${version} (${tf.getBackend()}, 1 thread, Node ${process.versions.node})`;
writeFileSync(path.join(folder, "result.json"), JSON.stringify({ runtime, milliseconds }));
