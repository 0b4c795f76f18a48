/** Times the TF.js graph model on the wasm backend, one thread, for `window.bench`. */
import { loadGraphModel } from "@tensorflow/tfjs-converter";
import { type Tensor, tensor4d } from "@tensorflow/tfjs-core";
import { start } from "../src/engine/backends.ts";
import { type Bench, timed } from "./timed.ts";

const bench: Bench = async (shape, repeats) => {
  await start("wasm");
  const model = await loadGraphModel("/model/model.json");
  return timed(shape, repeats, async (data) => {
    const input = tensor4d(data, shape);
    const output = model.execute(input) as Tensor;
    const result = await output.data();
    input.dispose();
    output.dispose();
    return result as Float32Array;
  });
};
Object.assign(window, { bench });
