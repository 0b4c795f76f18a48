/** LiteRT.js for one thread. */
export { default as factory } from "@litertjs/core/wasm/litert_wasm_internal.js";
export { default as wasm } from "@litertjs/core/wasm/litert_wasm_internal.wasm?url";
/** What other threads would begin with. */
export const script = undefined;
