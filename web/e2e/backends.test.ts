import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { encodePng } from "../src/maths/png.ts";
import { chooseModel, decode, engineReady, largest, openFile, saved, useRig, WEBGPU_FLAGS } from "./browser.ts";
import { shipped } from "./server.ts";

const rig = useRig(WEBGPU_FLAGS);
const GOLDEN = join(import.meta.dirname, "../tests/golden");
const noisy = readFileSync(join(GOLDEN, "noisy.png"));

beforeAll(() => {
  const missing = shipped().filter((name) => !existsSync(join(GOLDEN, `${name}.png`)));
  if (missing.length) throw new Error(`no golden ${missing}: run \`make web\``);
});

/** The row of a backend in the table of trials. */
const row = (page: Page, backend: string) => page.locator(`#trials tr[data-backend=${backend}]`);

async function useModel(page: Page, name: string): Promise<void> {
  await chooseModel(page, name);
  await page.waitForFunction((start) => document.querySelector("#model-facts")?.textContent?.startsWith(start), `Model ${name}:`);
  await engineReady(page);
}

/** Cleans a file with every shipped model, and lets `compare` look at the results. */
async function cleanByAll(page: Page, name: string, file: Buffer, compare: (model: string, result: number[]) => Promise<void> | void): Promise<void> {
  await openFile(page, name, file);
  await page.waitForSelector(`button[aria-label^="${name}, "][aria-current=true]`, { state: "attached" });
  for (const model of shipped()) {
    await useModel(page, model);
    await page.waitForSelector(`#stage[data-state="done"][data-model=${model}]`, { timeout: 180_000 });
    await compare(model, (await decode(page, (await saved(page)).bytes)).data);
  }
}

/** The difference from Keras on the check tile, not rounded, after a backend was used to the end. */
async function onCheckTile(page: Page, backend: string): Promise<number> {
  expect(await page.getAttribute("#about-open", "data-backend")).toBe(backend);
  expect(await row(page, backend).getAttribute("data-outcome")).toBe("right");
  return Number(await row(page, backend).getAttribute("data-difference"));
}

/** A part of the noisy tile that is a quarter of it: a GPU that a CPU plays takes seconds for the whole. */
async function quarter(page: Page): Promise<Buffer> {
  const { width, data } = await decode(page, noisy);
  const side = width / 2;
  const rows = Array.from({ length: side }, (_, y) => data.slice(y * width * 4, (y * width + side) * 4));
  const pixels = { data: new Uint8ClampedArray(rows.flat()), width: side, height: side };
  return Buffer.from(await (await encodePng(side, side, "rgb", [pixels])).arrayBuffer());
}

const byWasm = new Map<string, number[]>();

test("wasm: the page's output for a noisy tile equals that of kdae.denoise within 3/255", async () => {
  const page = await rig.visitShipped();
  await engineReady(page);
  const { data: before } = await decode(page, noisy);
  await cleanByAll(page, "noisy.png", noisy, async (model, result) => {
    const difference = largest(result, (await decode(page, readFileSync(join(GOLDEN, `${model}.png`)))).data);
    const tile = await onCheckTile(page, "wasm");
    console.log(`${model}, wasm: ${difference} of 255 from Keras; check tile, not rounded: ${tile.toFixed(3)}`);
    // Weights of 8 bits differ by up to 2.3 of 255 (web/tools/models.py), rounded results by one more level.
    expect(difference).toBeLessThanOrEqual(3);
    expect(tile).toBeLessThanOrEqual(2);
    expect(largest(result, before)).toBeGreaterThan(20); // the model did something
  });
  await cleanByAll(page, "quarter.png", await quarter(page), (model, result) => void byWasm.set(model, result));
});

test.each(["webgl", "webgpu"])("%s: equals Keras on the check tile, and wasm on a picture", { timeout: 400_000 }, async (backend) => {
  const page = await rig.visitShipped();
  await engineReady(page);
  await page.click("#about-open");
  await page.selectOption("#backend", backend);
  await page.waitForSelector(`#about-open[data-backend=${backend}]`, { timeout: 180_000 });
  await page.keyboard.press("Escape");
  await cleanByAll(page, "quarter.png", await quarter(page), async (model, result) => {
    const difference = largest(result, byWasm.get(model) ?? []);
    const tile = await onCheckTile(page, backend);
    console.log(`${model}, ${backend}: ${difference} of 255 from wasm; check tile, not rounded: ${tile.toFixed(3)} from Keras`);
    expect(difference).toBeLessThanOrEqual(1); // where the sum is rounded
    expect(tile).toBeLessThanOrEqual(2);
  });
});

test("a software GPU is passed over, and not even loaded", async () => {
  const page = await rig.visit();
  const loaded: string[] = [];
  page.context().on("request", (request) => loaded.push(request.url()));
  const backends = () => new Set(loaded.map((url) => /backend-[a-z]+/.exec(url)?.[0]).filter(Boolean));
  await page.reload();
  await engineReady(page);
  expect(await page.getAttribute("#about-open", "data-backend")).toBe("wasm");
  for (const backend of ["webgpu", "webgl"]) {
    expect(await row(page, backend).getAttribute("data-outcome")).toBe("software");
  }
  expect(backends()).toEqual(new Set(["backend-wasm"]));
  await page.click("#about-open");
  await page.selectOption("#backend", "webgl");
  await page.waitForSelector("#about-open[data-backend=webgl]", { timeout: 180_000 });
  expect(backends()).toEqual(new Set(["backend-wasm", "backend-webgl"]));
});
