/** Times the .tflite of the same model on LiteRT.js, wasm, one thread, for `window.bench`. */
import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";
import { type Bench, timed } from "./timed.ts";

const bench: Bench = async (wanted, repeats) => {
  await loadLiteRt("/litert/");
  const model = await loadAndCompile("/model.tflite", { accelerator: "wasm" });
  const shape = [...model.getInputDetails()[0].shape] as [number, number, number, number];
  if (String(shape) !== String(wanted)) throw new Error(`the .tflite takes ${shape}, not ${wanted}`);
  return timed(shape, repeats, async (data) => {
    const input = Tensor.fromTypedArray(data, shape);
    const [output] = await model.run(input);
    const result = (await output.data()).slice() as Float32Array;
    input.delete();
    output.delete();
    return result;
  });
};
Object.assign(window, { bench });
