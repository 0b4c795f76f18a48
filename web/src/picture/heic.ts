/** HEIC pictures, which Safari alone reads by itself. A chunk of its own: fetched for the first. */
import libheif from "libheif-js/libheif-wasm/libheif.js";
import wasm from "libheif-js/libheif-wasm/libheif.wasm?url";
import { MAX_PIXELS, problem } from "../protocol/errors.ts";

/** One for all pictures: it gives the memory of the last one back when the next comes. */
let ready: Promise<HeifDecoder> | undefined;

async function start(): Promise<HeifDecoder> {
  const answer = await fetch(wasm);
  if (!answer.ok) throw new Error(`${wasm}: ${answer.status}`);
  const wasmBinary = await answer.arrayBuffer();
  return new Promise((resolve, reject) => {
    const library = libheif({ wasmBinary, onRuntimeInitialized: () => setTimeout(() => resolve(new library.HeifDecoder())), onAbort: reject });
  });
}

/** Decodes the first picture of a HEIC file, turned as the file says, to 8 bits in `colorSpace`, the file's own. */
export async function decodeHeic(file: ArrayBuffer, colorSpace: PredefinedColorSpace): Promise<ImageData> {
  ready ??= start();
  const decoder = await ready.catch((error) => {
    ready = undefined; // the next picture tries again
    throw error;
  });
  const images = decoder.decode(new Uint8Array(file));
  try {
    const [main] = images; // phones write one, and its thumbnails do not count
    if (!main) throw new Error("no picture in this HEIC");
    const [width, height] = [main.get_width(), main.get_height()];
    if (width * height > MAX_PIXELS) throw problem("TooLarge", `${width} x ${height} pixels`);
    const target = new ImageData(width, height, { colorSpace });
    const shown = await new Promise((resolve) => main.display(target, resolve));
    if (!shown) throw new Error("this HEIC picture is damaged");
    return target;
  } finally {
    for (const image of images) image.free();
  }
}
