/**
 * What a visitor waits for on the built page:
 *
 *   npm run bench [-- OTHER_DIST]
 *
 * the bytes of a first visit, the seconds that 12 megapixels take with wasm, and how many of them
 * are not the model's. With the `dist` of another build, 12 megapixels take turns in both, and the
 * ratio of their times is told: the machine is the same, and as busy, for both.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";
import { makePicture } from "../e2e/pictures.ts";
import { serveDist, type Site } from "../e2e/server.ts";
import { findChromium } from "../tools/chromium.ts";
import { firstVisit, inKilobytes } from "./visit.ts";

const TURNS = 2;
const [other] = process.argv.slice(2);
if (other && !existsSync(join(other, "index.html"))) {
  console.error(`error: no built page in ${other}`);
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "kdae-bench-"));
const path = join(folder, "12.png");
const browser = await chromium.launch({ executablePath: await findChromium(), args: ["--no-sandbox", "--disable-gpu"] });
const sites: Site[] = [];

async function open(site: Site): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(site.url);
  return page;
}

/** Seconds that the picture takes on a page whose engine is ready; with the `model` of that name. */
async function seconds(site: Site, model?: string): Promise<number> {
  const page = await open(site);
  await page.waitForSelector('#about-open[data-phase="ready"][data-backend="wasm"]', { timeout: 120_000 });
  if (model) {
    await page.click("#more summary");
    await page.click(`#model input[value=${model}]`);
    await page.keyboard.press("Escape");
    await page.waitForFunction((start) => document.querySelector("#model-facts")?.textContent?.startsWith(start), `Model ${model}:`);
  }
  const begin = performance.now();
  await page.setInputFiles("#file", path);
  await page.waitForSelector('#stage[data-state="done"]', { timeout: 600_000 });
  const took = (performance.now() - begin) / 1000;
  await page.context().close();
  return took;
}

try {
  const site = await serveDist();
  sites.push(site);
  const { page, ...visit } = await firstVisit(site, () => open(site));
  await page.context().close();
  console.log(inKilobytes(visit));

  writeFileSync(path, await makePicture(4000, 3000));
  if (other) sites.push(await serveDist(other));
  const times = sites.map(() => Number.POSITIVE_INFINITY);
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [at, each] of sites.entries()) times[at] = Math.min(times[at], await seconds(each));
  }
  const rest = await seconds(site, "standin"); // a model that takes no time
  const [here, there] = times;
  console.log(`12 megapixels, wasm, ${availableParallelism()} cores, least of ${TURNS}: ${here.toFixed(1)} s, of them ${rest.toFixed(1)} s beside the model`);
  if (other) console.log(`${other}: ${there.toFixed(1)} s; ratio ${(here / there).toFixed(2)}`);
} finally {
  await browser.close();
  for (const { server } of sites) server.close().closeAllConnections();
  rmSync(folder, { recursive: true });
}
