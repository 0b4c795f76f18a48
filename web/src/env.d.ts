/// <reference types="vite/client" />
/// <reference types="@webgpu/types" />

/** The part of libheif-js that `picture/heic.ts` uses. */
interface HeifImage {
  get_width(): number;
  get_height(): number;
  /** Fills `target.data` with RGBA; calls back with nothing if that fails. */
  display(target: ImageData, done: (shown: ImageData | null) => void): void;
  free(): void;
}
interface HeifDecoder {
  decode(file: Uint8Array): HeifImage[];
}
interface LibHeif {
  HeifDecoder: new () => HeifDecoder;
}
declare module "libheif-js/libheif-wasm/libheif.js" {
  export default function libheif(settings: {
    wasmBinary: ArrayBuffer;
    onRuntimeInitialized(): void;
    onAbort(reason: unknown): void;
  }): LibHeif;
}

/** The scripts of which LiteRT.js would fetch one for itself; see `engine/litert.ts`. */
declare module "@litertjs/core/wasm/litert_wasm_internal.js" {
  export default function factory(settings: object): Promise<object>;
}
declare module "@litertjs/core/wasm/litert_wasm_threaded_internal.js" {
  export default function factory(settings: object): Promise<object>;
}
