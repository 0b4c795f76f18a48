/** LiteRT.js for several threads, which need a page that its host's headers isolate. */
export { default as factory } from "@litertjs/core/wasm/litert_wasm_threaded_internal.js";
export { default as wasm } from "@litertjs/core/wasm/litert_wasm_threaded_internal.wasm?url";
/** What the other threads begin with. */
export { default as script } from "@litertjs/core/wasm/litert_wasm_threaded_internal.js?url";
