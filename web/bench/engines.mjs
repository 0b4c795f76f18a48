/**
 * Milliseconds per megapixel and kB of tfjs wasm and LiteRT.js wasm on the same model:
 *
 *   npm run bench:engines [-- MODEL.tflite [SIDE [REPEATS]]]
 *
 * MODEL.tflite takes a fixed [1, SIDE, SIDE, C] (SIDE 512 unless told); the TF.js model is
 * the one in public/models whose name the file's name begins with. Without a file, `gray`
 * is exported first.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { basename, extname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { build } from "vite";
import { findChromium } from "../tools/chromium.ts";

const root = import.meta.dirname;
const out = mkdtempSync(join(tmpdir(), "kdae-bench-"));
process.on("exit", () => rmSync(out, { recursive: true }));

/** Ends with a message. */
function refuse(message) {
  console.error(`error: ${message}`);
  process.exit(2);
}

function exportGray() {
  const python = join(root, "../../.venv/bin/python");
  const args = ["-m", "kdae.export", "--model", "gray", "--format", "tflite", "--out", join(out, "exports")];
  const { status, stderr } = spawnSync(python, args, { encoding: "utf8" });
  if (status !== 0) refuse(`gray was not exported: ${stderr ?? `no ${python}, \`make install\` makes it`}`);
  return join(out, "exports/gray/tflite/gray-float32-512.tflite");
}

const [file, side = "512", repeats = "5"] = process.argv.slice(2);
const tflite = file ?? exportGray();
if (!existsSync(tflite)) refuse(`no such file: ${tflite}`);
const list = join(root, "../public/models/models.json");
if (!existsSync(list)) refuse("no models in web/public/models: run `make web`");
const name = JSON.parse(readFileSync(list, "utf8")).find((model) => basename(tflite).startsWith(model));
if (!name) refuse(`${basename(tflite)} begins with the name of no model in web/public/models`);
const models = join(root, "../public/models", name);
const { channels } = JSON.parse(readFileSync(join(models, "model-card.json"), "utf8"));

const input = { tfjs: join(root, "tfjs.html"), litert: join(root, "litert.html") };
await build({
  configFile: false,
  root,
  logLevel: "error",
  build: { outDir: out, target: "es2022", rollupOptions: { input }, assetsInlineLimit: 0 },
});

const litert = join(root, "../node_modules/@litertjs/core/wasm");
const types = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };
function find(path) {
  if (path === "/model.tflite") return tflite;
  if (path.startsWith("/model/")) return join(models, basename(path));
  return path.startsWith("/litert/") ? join(litert, basename(path)) : join(out, path);
}
let bytes = 0; // of code, gzipped
const server = createServer((request, response) => {
  const path = new URL(request.url, "http://host").pathname;
  const file = find(path);
  if (!existsSync(file)) return response.writeHead(404).end();
  const body = readFileSync(file);
  if (!path.startsWith("/model")) bytes += gzipSync(body, { level: 9 }).length;
  const packed = file.endsWith(".gzip") ? { "content-encoding": "gzip" } : {}; // as TF.js does not unpack them
  response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream", ...packed }).end(body);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const browser = await chromium.launch({
  executablePath: await findChromium(),
  args: ["--no-sandbox", "--disable-gpu"],
});
const samples = [];
try {
  console.log(`${name}, 1 x ${side} x ${side} x ${channels}, one thread, least of ${repeats} runs`);
  for (const [page, title] of [["tfjs", "tfjs wasm"], ["litert", "LiteRT.js wasm"]]) {
    bytes = 0;
    const tab = await browser.newPage();
    await tab.goto(`http://127.0.0.1:${server.address().port}/${page}.html`);
    await tab.waitForFunction(() => "bench" in window);
    const shape = [1, Number(side), Number(side), channels];
    const { milliseconds, sample } = await tab.evaluate(([shape, repeats]) => window.bench(shape, repeats), [shape, Number(repeats)]);
    const perMegapixel = (milliseconds / (side * side)) * 1e6;
    console.log(`${title.padEnd(16)} ${perMegapixel.toFixed(0).padStart(6)} ms/megapixel ${(bytes / 1000).toFixed(0).padStart(6)} kB gzipped`);
    samples.push(sample);
    await tab.close();
  }
  const [a, b] = samples;
  const largest = Math.max(...a.map((value, at) => Math.abs(value - b[at])));
  console.log(`largest difference of the two: ${(largest * 255).toFixed(2)} of 255`);
} finally {
  await browser.close();
  server.close();
}
