import { createRequire } from "node:module";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { done, engineReady, labReady, makePicture, openFile, useRig } from "./browser.ts";
import { LANGUAGES } from "../src/words/index.ts";
import { DIST } from "./server.ts";

const rig = useRig();
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

test("nothing is stored about the visitor, and the policy is strict", async () => {
  const page = await rig.visit({ serviceWorkers: "allow" });
  await engineReady(page);
  expect(await page.context().cookies()).toEqual([]);
  expect(await page.evaluate(() => localStorage.length + sessionStorage.length)).toBe(0);
  const policy = await page.getAttribute('meta[http-equiv="Content-Security-Policy"]', "content");
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toMatch(/'unsafe-inline'|'unsafe-eval'|https?:|\*/);
  // Not on the watched page, which is to have no refusals.
  const other = await (await rig.browser.newContext()).newPage();
  await other.goto(rig.url);
  const refused = await other.evaluate(async () => {
    const script = document.createElement("script");
    script.textContent = "window.injected = true";
    document.body.append(script);
    const fetched = await fetch("https://example.org/").then(() => true, () => false);
    return { injected: "injected" in window, fetched };
  });
  await other.context().close();
  expect(refused).toEqual({ injected: false, fetched: false });
});

test("page and wasm backend weigh less than 400 kB gzipped, the default model less than 2 MB", async () => {
  const page = await rig.visitShipped();
  const paths = new Set<string>();
  page.context().on("request", (request) => paths.add(new URL(request.url()).pathname));
  await page.reload();
  await engineReady(page);
  const weight = (pattern: RegExp) =>
    [...paths]
      .map((path) => path.replace("/some/folder/", "") || "index.html")
      .filter((path) => pattern.test(path))
      .reduce((sum, path) => sum + gzipSync(readFileSync(join(DIST, path)), { level: 9 }).length, 0);
  const code = weight(/^(index|assets|icons|manifest)/);
  const model = weight(/^models\//);
  console.log(`page and wasm: ${(code / 1000).toFixed(0)} kB gzipped; model: ${(model / 1000).toFixed(0)} kB`);
  expect([...paths].some((path) => path.endsWith(".wasm"))).toBe(true);
  expect(code).toBeLessThan(400_000);
  expect(model).toBeLessThan(2_000_000);
  const files = readdirSync(join(DIST, "models/photo"));
  const bytes = files.reduce((sum, file) => sum + readFileSync(join(DIST, "models/photo", file)).length, 0);
  expect(bytes).toBeLessThan(2_000_000);
});

test("works offline after the first visit", async () => {
  const page = await rig.visit({ serviceWorkers: "allow" });
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
  const context = page.context();
  await context.setOffline(true);
  await page.reload();
  await page.click("[data-sample=fig]");
  await done(page);
  await page.goto(`${rig.url}index.html#lab`);
  await labReady(page);
  await context.setOffline(false);
  const caches = await page.evaluate(() => window.caches.keys());
  expect(caches).toHaveLength(1);
  expect(caches[0]).toMatch(/^kdae-[0-9a-f]{12}$/);
});

test("can be installed", async () => {
  const page = await rig.visit();
  const manifest = await page.evaluate(async () => {
    const link = document.querySelector<HTMLLinkElement>("link[rel=manifest]") as HTMLLinkElement;
    return (await fetch(link.href)).json();
  });
  expect(manifest.display).toBe("standalone");
  for (const { src } of manifest.icons) {
    expect((await page.request.get(new URL(src, rig.url).href)).status()).toBe(200);
  }
});

describe("a phone", () => {
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

  test("all controls fit, and touch moves the divider and zooms with two fingers", async () => {
    const page = await rig.visit(phone);
    await openFile(page, "x.png", await makePicture(300, 200));
    await done(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    for (const id of ["strength", "zoom-fit", "zoom-one", "adjust", "removed", "options", "copy", "save", "more", "open"]) {
      const box = await page.locator(`#${id}`).boundingBox();
      expect(box, id).not.toBeNull();
      if (!box) continue;
      expect(box.x, id).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width, id).toBeLessThanOrEqual(390);
      expect(box.y + box.height, id).toBeLessThanOrEqual(844);
    }
    const stage = await page.locator("#stage").boundingBox();
    if (!stage) throw new Error("no stage");
    const touch = await page.context().newCDPSession(page);
    const y = stage.y + stage.height / 2;
    const send = (type: string, ...points: [number, number][]) =>
      touch.send("Input.dispatchTouchEvent", {
        type: type as "touchStart",
        touchPoints: points.map(([x, y], id) => ({ x, y, id })),
      });
    await send("touchStart", [195, y]);
    await send("touchMove", [150, y]);
    await send("touchMove", [97.5, y]);
    await send("touchEnd");
    expect(await page.getAttribute("#stage .divider", "aria-valuenow")).toBe("25");
    const zoom = () => page.locator("#zoom-value").textContent().then((text) => Number.parseInt(text ?? ""));
    const before = await zoom();
    await send("touchStart", [180, y - 60], [220, y - 60]);
    await send("touchMove", [140, y - 60], [260, y - 60]);
    await send("touchEnd");
    expect(await zoom()).toBeGreaterThan(before * 2);
  });
});

describe.each([320, 375])("a phone of %i pixels", (width) => {
  test("with two pictures all controls are on the screen and large enough to touch", async () => {
    const page = await rig.visit({ viewport: { width, height: 640 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    const buffer = await makePicture(60, 40);
    await page.setInputFiles("#file", ["a", "b"].map((name) => ({ name: `${name}.png`, mimeType: "image/png", buffer })));
    await done(page);
    // The words are longer in other languages.
    for (const language of Object.keys(LANGUAGES)) {
      await page.locator("#language").evaluate((select, language) => {
        (select as HTMLSelectElement).value = language;
        select.dispatchEvent(new Event("change"));
      }, language);
      await page.waitForFunction((language) => document.documentElement.lang === language, language);
      expect(await page.evaluate(() => document.documentElement.scrollWidth), language).toBe(width);
      const save = await page.locator("#save").boundingBox();
      expect((save?.x ?? 999) + (save?.width ?? 0), language).toBeLessThanOrEqual(width);
      expect((save?.y ?? 999) + (save?.height ?? 0), language).toBeLessThanOrEqual(640);
    }
    await page.evaluate(() => {
      const select = document.querySelector("#language") as HTMLSelectElement;
      select.value = "en";
      select.dispatchEvent(new Event("change"));
    });
    await page.waitForFunction(() => document.documentElement.lang === "en");
    for (const button of await page.locator("button:visible, summary:visible").all()) {
      const box = await button.boundingBox();
      const name = (await button.getAttribute("id")) ?? (await button.getAttribute("aria-label")) ?? (await button.textContent());
      if (!box) throw new Error(`no ${name}`);
      expect(box.x, `${name}`).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width, `${name}`).toBeLessThanOrEqual(width);
      expect(box.height, `${name}`).toBeGreaterThanOrEqual(44);
      expect(box.width, `${name}`).toBeGreaterThanOrEqual(44);
    }
    const save = await page.locator("#save").boundingBox();
    expect((save?.y ?? 999) + (save?.height ?? 0)).toBeLessThanOrEqual(640);
    const stage = await page.locator("#stage").boundingBox();
    expect(stage?.height).toBeGreaterThan(150);
  });
});

/** Another look has other colours and outlines, and all else as it is: only rules on colours can differ. */
const COLOURS = ["color-contrast", "link-in-text-block"];
const LOOKS = [
  { colorScheme: "light", forcedColors: "none", rules: [] },
  { colorScheme: "dark", forcedColors: "none", rules: COLOURS },
  { colorScheme: "light", forcedColors: "active", rules: COLOURS },
] as const;

test("axe finds nothing, at four widths, in light, dark and forced colours", { timeout: 300_000 }, async () => {
  const page = await rig.visit({ bypassCSP: true });
  /** Checks what is on the screen, or a part of it; `shown` has to stay there. */
  const check = async (shown: string, part = "html") => {
    for (const width of [1400, 800, 390, 320]) {
      await page.setViewportSize({ width, height: 800 });
      for (const { rules, ...look } of LOOKS) {
        const where = `${shown} at ${width} pixels, ${JSON.stringify(look)}`;
        await page.emulateMedia(look);
        await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
        expect(await page.isVisible(shown), where).toBe(true);
        const violations = await page.evaluate(async ([part, runOnly]) => {
          type Axe = { run(part: string, options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
          const { axe } = window as unknown as { axe: Axe };
          // It need not fetch the style sheets: the one rule about them is about turning a phone.
          const found = await axe.run(part, { resultTypes: ["violations"], preload: false, ...(runOnly.length > 0 && { runOnly }) });
          return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
        }, [part, rules] as const);
        expect(violations, where).toEqual([]);
      }
    }
  };
  await page.evaluate(AXE);
  await page.waitForSelector("#samples img");
  await check("#samples img");
  await page.click("#about-open");
  await engineReady(page);
  await check("#backend", "dialog");
  await page.keyboard.press("Escape");
  await page.click("#more summary");
  await check("#model input", "#more");
  await page.keyboard.press("Escape");
  const buffer = await makePicture(60, 40);
  await page.setInputFiles("#file", ["a", "b"].map((name) => ({ name: `${name}.png`, mimeType: "image/png", buffer })));
  await done(page);
  await check("#stage");
  for (const [menu, shown] of [["adjust", "#colour"], ["options", "#format"]]) {
    await page.click(`#${menu} summary`);
    await check(shown, `#${menu}`);
    await page.keyboard.press("Escape");
  }
  await page.click('nav a[href="#camera"]');
  await check("#camera-start");
  await page.click('nav a[href="#lab"]');
  await labReady(page);
  await page.selectOption("#lab-other", "standin");
  await page.check("#lab-brush");
  await page.waitForSelector("#lab-compared:not([hidden])");
  await check("#lab-inside canvas");
});
