import { defineConfig } from "vitest/config";

// One browser at a time: these tests measure time and memory.
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["*.test.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // Other tests run beside these. What happens twice is the page's doing, not that of a busy machine.
    retry: 1,
  },
});
