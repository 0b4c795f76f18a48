/** Finds and loads TF.js backends. Each is a chunk of its own, fetched only when used. */
import simd from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url";
import { env, ready, setBackend } from "@tensorflow/tfjs-core";
import type { Backend, Probe } from "../protocol/engine.ts";
import { replaceKernels } from "./kernels.ts";

/** Names that drivers without a GPU give themselves. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

async function probeWebgpu(): Promise<Probe> {
  const adapter = await (navigator as { gpu?: GPU }).gpu?.requestAdapter();
  if (!adapter) return "missing";
  const { info } = adapter;
  const names = `${info?.vendor} ${info?.architecture} ${info?.device} ${info?.description}`;
  return info?.isFallbackAdapter || SOFTWARE.test(names) ? "software" : "hardware";
}

function probeWebgl(): Probe {
  const context = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (!context) return "missing";
  const info = context.getExtension("WEBGL_debug_renderer_info");
  const name = String(context.getParameter(info?.UNMASKED_RENDERER_WEBGL ?? context.RENDERER));
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return SOFTWARE.test(name) ? "software" : "hardware";
}

export async function probe(backend: Backend): Promise<Probe> {
  if (backend === "webgpu") return probeWebgpu();
  if (backend === "webgl") return probeWebgl();
  return typeof WebAssembly === "object" ? "hardware" : "missing";
}

export async function start(backend: Backend): Promise<void> {
  if (backend === "webgpu") await import("@tensorflow/tfjs-backend-webgpu");
  else if (backend === "webgl") await import("@tensorflow/tfjs-backend-webgl");
  else {
    const { setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
    // Threads need headers that static hosts rarely send: several workers run instead.
    env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
    setWasmPaths({
      "tfjs-backend-wasm.wasm": simd, // every browser with module workers has SIMD
      "tfjs-backend-wasm-simd.wasm": simd,
      "tfjs-backend-wasm-threaded-simd.wasm": simd,
    });
    replaceKernels();
  }
  if (!(await setBackend(backend))) throw new Error(`${backend} does not start`);
  await ready();
}
