/** Chromium, and what the tests do with the page again and again. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { findChromium } from "../tools/chromium.ts";
import { scales, serveDist, type Site } from "./server.ts";

export { makePicture } from "./pictures.ts";

const FLAGS = [
  "--no-sandbox", // tests may run as root
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream",
];
/** Compiles of WebAssembly only what is used: a sixth of a visit's work. Not where time is measured. */
const LAZY = "--js-flags=--wasm-lazy-compilation";
export const WEBGPU_FLAGS = [LAZY, "--enable-unsafe-webgpu", "--enable-unsafe-swiftshader", "--use-webgpu-adapter=swiftshader"];

export interface Rig {
  readonly url: string;
  readonly browser: Browser;
  readonly site: Site;
  /**
   * A fresh visitor on the page, whose default model is the tests' tiny one; what the page asks
   * of the network is watched. There is no service worker unless `options` allow it.
   */
  visit(options?: BrowserContextOptions, hash?: string): Promise<Page>;
  /** The same with the shipped models, where the test is about them or needs the time they take. */
  visitShipped(options?: BrowserContextOptions, hash?: string): Promise<Page>;
}

/** Starts server and browser, with `flags`, for one test file and closes them after it. */
export function useRig(flags: string[] = [LAZY]): Rig {
  const rig = {} as { -readonly [K in keyof Rig]: Rig[K] };
  const contexts: BrowserContext[] = [];
  const strangers: string[] = [];
  const errors: string[] = [];
  let close = () => {};
  beforeAll(async () => {
    const site = await serveDist();
    const { url, server } = site;
    rig.site = site;
    const executablePath = await findChromium();
    rig.url = url;
    rig.browser = await chromium.launch({ executablePath, args: [...FLAGS, ...flags] });
    close = () => {
      server.close();
      server.closeAllConnections();
    };
  });
  const visit = async (tiny: boolean, options: BrowserContextOptions = {}, hash = "") => {
    for (const context of contexts.splice(0)) await context.close();
    const context = await rig.browser.newContext({ serviceWorkers: "block", ...options });
    contexts.push(context);
    rig.site.tiny = tiny;
    context.on("request", (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol !== "blob:" && origin !== new URL(rig.url).origin) strangers.push(request.url());
    });
    // Nobody would answer the system's question for a file: pages save by a download, then.
    await context.addInitScript(() => Reflect.deleteProperty(window, "showSaveFilePicker"));
    const page = await context.newPage();
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => {
      if (/Content Security Policy/i.test(message.text())) errors.push(message.text());
    });
    await page.goto(rig.url + hash);
    return page;
  };
  rig.visit = (...wanted) => visit(true, ...wanted);
  rig.visitShipped = (...wanted) => visit(false, ...wanted);
  afterAll(async () => {
    await rig.browser?.close();
    close();
    expect(strangers, "requests to other origins").toEqual([]);
    expect(errors, "errors on the page").toEqual([]);
  });
  return rig;
}

export const engineReady = (page: Page, timeout = 90_000) =>
  page.waitForSelector('#about-open[data-phase="ready"]', { timeout });

/** The Lab, with the filters and the maps of every scale. */
export const labReady = (page: Page) => page.waitForSelector(`#lab-inside section:nth-child(${1 + scales().length})`);

export const done = (page: Page, timeout = 90_000) =>
  page.waitForSelector('#stage[data-state="done"]', { timeout });

/**
 * The mean step from a pixel to the next, in the roughest stretch of 100 pixels of a
 * picture: about 20 for `makePicture`, everywhere. Rows are looked at here and there.
 */
export async function roughest(page: Page, bytes: Buffer): Promise<number> {
  return page.evaluate(async (base64) => {
    const blob = await (await fetch(`data:image/png;base64,${base64}`)).blob();
    const bitmap = await createImageBitmap(blob);
    const context = new OffscreenCanvas(bitmap.width, 1).getContext("2d") as OffscreenCanvasRenderingContext2D;
    let most = 0;
    for (let y = 0; y < bitmap.height; y += 37) {
      context.drawImage(bitmap, 0, -y);
      const { data } = context.getImageData(0, 0, bitmap.width, 1);
      for (let x = 0; x + 100 <= bitmap.width; x += 100) {
        let sum = 0;
        for (let at = x * 4; at < (x + 99) * 4; at += 4) sum += Math.abs(data[at + 4] - data[at]);
        most = Math.max(most, sum / 99);
      }
    }
    return most;
  }, bytes.toString("base64"));
}

/** Chooses a model under "More". */
export async function chooseModel(page: Page, name: string): Promise<void> {
  await page.click("#more summary");
  await page.click(`#model input[value=${name}]`);
  await page.keyboard.press("Escape");
}

export async function chooseFormat(page: Page, name: string): Promise<void> {
  await page.click("#options summary");
  await page.selectOption("#format", name);
  await page.keyboard.press("Escape");
}

export async function openFile(page: Page, name: string, buffer: Buffer, mimeType = "image/png"): Promise<void> {
  await page.setInputFiles("#file", { name, mimeType, buffer });
}

/** Clicks a button and reads what it saves. */
export async function saved(page: Page, button = "#save"): Promise<{ name: string; bytes: Buffer }> {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

/** Decodes with the browser: RGBA. */
export async function decode(page: Page, bytes: Buffer): Promise<{ width: number; height: number; data: number[] }> {
  return page.evaluate(async (base64) => {
    const blob = new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))]);
    const bitmap = await createImageBitmap(blob);
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d") as OffscreenCanvasRenderingContext2D;
    context.drawImage(bitmap, 0, 0);
    const { width, height, data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    return { width, height, data: [...data] };
  }, bytes.toString("base64"));
}

/**
 * Lets the page's main thread beat every few milliseconds; what is returned stops that and
 * gives the longest times between two beats, in milliseconds of the clock on the wall, the longest first.
 *
 * Where the system allows it (Linux, to root), that thread and those of the browser that it
 * asks for things go before all others: waiting for a core that other programs hold is not
 * the page's doing.
 */
export async function watchGaps(page: Page): Promise<() => Promise<number[]>> {
  const session = await page.context().browser()?.newBrowserCDPSession();
  const { processInfo = [] } = (await session?.send("SystemInfo.getProcessInfo")) ?? {};
  for (const { id } of processInfo) {
    // A process's id is its main thread's, too; its other threads stay as they are.
    spawnSync("chrt", ["--reset-on-fork", "--fifo", "--pid", "1", String(id)]);
  }
  await page.evaluate(() => {
    const gaps: number[] = [];
    let last = performance.now();
    const beat = () => {
      const now = performance.now();
      if (now - last > 15) gaps.push(now - last);
      last = now;
      setTimeout(beat);
    };
    beat();
    Object.assign(window, { gaps });
  });
  return () => page.evaluate(() => (window as unknown as { gaps: number[] }).gaps.sort((a, b) => b - a));
}

/** Difference of two RGBA pictures at its largest. */
export function largest(a: number[], b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, at) => Math.max(most, Math.abs(value - b[at])), 0);
}

export async function setRange(page: Page, id: string, value: number): Promise<void> {
  await page.locator(`#${id}`).evaluate((input, wanted) => {
    (input as HTMLInputElement).value = String(wanted);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }, value);
}
