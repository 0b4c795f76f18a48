import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { chooseModel, labReady, setRange, useRig } from "./browser.ts";
import { scales } from "./server.ts";

const rig = useRig();

test("Lab: the model raises the PSNR; the sliders act; filters and maps of every scale are shown", async () => {
  const page = await rig.visitShipped({ viewport: { width: 1200, height: 800 } }, "#lab");
  await labReady(page);
  const read = async (id: string) => Number.parseFloat((await page.textContent(id)) ?? "");
  // Sigma 25 on values that are clipped: a little more than 20 log10(255 / 25) = 20.17 dB.
  const before = await read("#lab-psnr-noisy");
  expect(before).toBeGreaterThan(20.1);
  expect(before).toBeLessThan(21.5);
  expect(await read("#lab-psnr")).toBeGreaterThan(before + 3);

  await setRange(page, "lab-sigma", 60);
  await page.waitForFunction((old) => Number.parseFloat(document.querySelector("#lab-psnr-noisy")?.textContent ?? "") < old - 4, before);
  await setRange(page, "lab-sigma", 0);
  await page.waitForFunction(() => document.querySelector("#lab-psnr-noisy")?.textContent === "no noise");
  await setRange(page, "lab-poisson", 80);
  await setRange(page, "lab-blocks", 10);
  await page.waitForFunction(() => / dB/.test(document.querySelector("#lab-psnr-noisy")?.textContent ?? ""));
  expect(await page.textContent('output[for="lab-blocks"]')).toBe("10 %");

  const headings = await page.locator("#lab-inside h3").allTextContents();
  expect(headings).toEqual(["First layer", ...scales().map((step) => `Scale 1/${step}`)]);
  expect(await page.locator("#lab-inside .filters canvas").count()).toBeGreaterThanOrEqual(16);
  const coarsest = page.locator("#lab-inside section").last();
  const shown = await coarsest.locator("canvas").count();
  await coarsest.locator("button").click();
  expect(await coarsest.locator("canvas").count()).toBeGreaterThan(shown);
  // It stays so with other noise.
  await coarsest.evaluate((section) => section.classList.add("old"));
  await page.click("#lab-seed");
  await page.waitForSelector("#lab-inside section:last-child:not(.old)");
  expect(await coarsest.locator("canvas").count()).toBeGreaterThan(shown);
});

test("Lab: another model cleans the same picture beside the one in use", async () => {
  const page = await rig.visit({ viewport: { width: 1200, height: 800 } }, "#lab");
  await labReady(page);
  expect(await page.isVisible("#lab-compared")).toBe(false);
  const dB = (id: string) => page.waitForFunction((id) => / dB$/.test(document.querySelector(id)?.textContent ?? ""), id);
  await setRange(page, "lab-grain", 20);
  await setRange(page, "lab-jpeg", 40);
  expect(await page.locator("#lab-other option").allTextContents()).toContain("Even colour noise");
  await page.selectOption("#lab-other", "color");
  await page.waitForSelector("#lab-compared:not([hidden])");
  await dB("#lab-other-psnr");
  expect(await page.textContent("#lab-model")).toBe("by “Photographs”");
  expect(await page.textContent("#lab-other-model")).toBe("by “Even colour noise”");
  const [photo, color] = [await page.textContent("#lab-psnr"), await page.textContent("#lab-other-psnr")];
  expect(color).not.toBe(photo);
  // It is what the model gives by itself.
  await chooseModel(page, "color");
  await page.waitForFunction(() => document.querySelector("#lab-model")?.textContent === "by “Even colour noise”");
  expect(await page.textContent("#lab-psnr")).toBe(color);
  expect(await page.locator("#lab-other option").allTextContents()).not.toContain("Even colour noise");
  await page.waitForSelector("#lab-compared", { state: "hidden" });
});

/** The part of the noisy picture that differs from the clean one: its bounds, in pixels. */
function noisyPart(page: Page) {
  return page.evaluate(() => {
    const [clean, noisy] = ["lab-clean", "lab-noisy"].map((id) => {
      const canvas = document.getElementById(id) as HTMLCanvasElement;
      return canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) as ImageData;
    });
    const [xs, ys] = [new Set<number>(), new Set<number>()];
    for (let at = 0; at < clean.data.length; at++) {
      if (clean.data[at] === noisy.data[at]) continue;
      xs.add((at >> 2) % clean.width);
      ys.add(Math.floor((at >> 2) / clean.width));
    }
    return { count: xs.size, left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
  });
}

test("Lab: the brush puts noise where it is painted, by pointer and by keys, and nowhere else", async () => {
  const page = await rig.visit({ viewport: { width: 1200, height: 800 } }, "#lab");
  await labReady(page);
  const noNoise = () => page.waitForFunction(() => document.querySelector("#lab-psnr-noisy")?.textContent === "no noise");
  const noise = () => page.waitForFunction(() => / dB$/.test(document.querySelector("#lab-psnr-noisy")?.textContent ?? ""));
  await page.check("#lab-brush");
  await setRange(page, "lab-brush-size", 32); // pixels across, of 320
  await noNoise();
  expect((await noisyPart(page)).count).toBe(0);
  const box = await page.locator("#lab-easel").boundingBox();
  if (!box) throw new Error("no easel");
  const scale = box.width / 320;
  await page.mouse.move(box.x + 60 * scale, box.y + 100 * scale);
  await page.mouse.down();
  await page.mouse.move(box.x + 200 * scale, box.y + 100 * scale, { steps: 3 });
  await page.mouse.up();
  await noise();
  const painted = await noisyPart(page);
  const near = (found: number, wanted: number) => expect(Math.abs(found - wanted), `${found}, ${wanted}`).toBeLessThan(6);
  near(painted.left, 44);
  near(painted.right, 216);
  near(painted.top, 84);
  near(painted.bottom, 116);

  await page.click("#lab-wipe");
  await noNoise();
  await page.focus("#lab-easel");
  for (let step = 0; step < 5; step++) await page.keyboard.press("ArrowDown"); // by 8 pixels each
  await noNoise();
  await page.keyboard.press("Space");
  for (let step = 0; step < 4; step++) await page.keyboard.press("Shift+ArrowLeft");
  await noise();
  const typed = await noisyPart(page);
  near(typed.right - typed.left, 32 + 32);
  near((typed.top + typed.bottom) / 2, 140); // where the pointer was, 40 below
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("lab-easel");
  await page.uncheck("#lab-brush");
  await page.waitForFunction(() => Number.parseFloat(document.querySelector("#lab-psnr-noisy")?.textContent ?? "") < 22);
  expect((await noisyPart(page)).count).toBe(320); // noise everywhere

  // The sample chosen last is shown, though another that was chosen before comes later.
  let send = () => {};
  const held = new Promise<void>((resolve) => (send = resolve));
  await page.context().route("**/samples/friends.jpg", (route) => held.then(() => route.continue()));
  const seen = () => page.evaluate(() => (document.querySelector("#lab-clean") as HTMLCanvasElement).toDataURL());
  const before = await seen();
  await page.click("#lab-samples [data-sample=friends]");
  await page.click("#lab-samples [data-sample=fig]");
  await page.waitForFunction((old) => (document.querySelector("#lab-clean") as HTMLCanvasElement).toDataURL() !== old, before);
  const fig = await seen();
  const arrived = page.waitForResponse("**/samples/friends.jpg");
  send();
  await (await arrived).finished();
  await page.waitForTimeout(500);
  expect(await seen()).toBe(fig);
});

test("Lab: its links lead to the claims of the lecture, with and without a network", async () => {
  const page = await rig.visit({ serviceWorkers: "allow" }, "#lab");
  const links = await page.locator("#lab a").evaluateAll((all) => all.map((link) => (link as HTMLAnchorElement).href));
  expect(links.length).toBeGreaterThan(4);
  const ids = links.map((link) => new URL(link).hash.slice(1));
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  const [lecture] = await Promise.all([page.context().waitForEvent("page"), page.locator("#lab a").first().click()]);
  await lecture.waitForLoadState(); // articles appear one by one
  for (const id of ids) expect(await lecture.locator(`article[id=${id}]`).count(), id).toBe(1);
  await lecture.waitForFunction(() => caches.match(location.href.split("#")[0])); // it is kept after it has come
  await page.context().setOffline(true);
  await lecture.reload();
  await lecture.waitForSelector("article");
  await page.context().setOffline(false);
});

test("camera: live with frames a second, stopped, and a still for the queue", async () => {
  const page = await rig.visit({ permissions: ["camera"] }, "#camera");
  await page.click("#camera-start");
  await page.waitForFunction(() => /^[\d.]+ frames\/s at \d+ × \d+$/.test(document.querySelector("#camera-rate")?.textContent ?? ""));
  await page.click("#camera-take");
  await page.waitForSelector("#work:not([hidden]) #stage[data-state]");
  expect(await page.locator("#strip button.thumb").getAttribute("title")).toMatch(/^camera-.*\.png$/);
  const live = await page.evaluate(() => (document.querySelector("#camera-video") as HTMLVideoElement).srcObject);
  expect(live).toBeNull(); // the camera is off again
});
