import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Fetched with the first visit; other models, LiteRT.js, and what reads HEIC, are cached when they are first used. */
const PRECACHED = /^(assets\/(?!heic|libheif|litert)|icons\/icon\.svg|icons\/icon-192|samples\/|models\/(models\.json|photo\/|photo-encoder\/)|manifest)/;

/** Writes dist/sw.js: the service worker with this build's version and file list. */
function serviceWorker(): Plugin {
  let out = "";
  return {
    name: "service-worker",
    apply: "build",
    configResolved: (config) => {
      out = join(config.root, config.build.outDir);
    },
    closeBundle: () => {
      const files = readdirSync(out, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name !== "sw.js")
        .map((entry) => join(entry.parentPath, entry.name).slice(out.length + 1))
        .sort();
      const hash = createHash("sha256");
      for (const file of files) hash.update(file).update(readFileSync(join(out, file)));
      const list = ["./", ...files.filter((file) => PRECACHED.test(file)).map((file) => `./${file}`)];
      const source = readFileSync(join(import.meta.dirname, "src/sw.js"), "utf8")
        .replace('"__VERSION__"', JSON.stringify(hash.digest("hex").slice(0, 12)))
        .replace('["__FILES__"]', JSON.stringify(list));
      writeFileSync(join(out, "sw.js"), source);
    },
  };
}

/** What lies beside the page: the measured lecture, to whose claims the Lab links, and a licence. */
const BESIDE = {
  "lecture/report.html": "../docs/lecture/report.html",
  "licenses/libheif-js.txt": "node_modules/libheif-js/LICENSE",
};

function beside(): Plugin {
  return {
    name: "beside",
    apply: "build",
    generateBundle() {
      for (const [fileName, path] of Object.entries(BESIDE)) {
        this.emitFile({ type: "asset", fileName, source: readFileSync(join(import.meta.dirname, path)) });
      }
    },
  };
}

/** Backends are called by their names, for people and tests to see which are fetched. */
function chunkFileNames({ name, facadeModuleId }: { name: string; facadeModuleId: string | null }): string {
  const backend = /tfjs-backend-\w+/.exec(facadeModuleId ?? "")?.[0];
  return `assets/${backend ?? name}-[hash].js`;
}

export default defineConfig({
  base: "./", // any folder of any host
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  worker: { format: "es", rolldownOptions: { output: { chunkFileNames } } },
  plugins: [beside(), serviceWorker()],
  test: { include: ["tests/**/*.test.ts"], testTimeout: 20_000 }, // machines are busy at times
});
