import { expect, test } from "vitest";
import { labReady, setRange, useRig } from "./browser.ts";
import { scales } from "./server.ts";

const rig = useRig();

test("Lab: the model raises the PSNR; the sliders act; filters and maps of every scale are shown", async () => {
  const page = await rig.visit({ viewport: { width: 1200, height: 800 } }, "#lab");
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
