import { expect, test } from "vitest";
import { engineReady, makePicture, openFile, useRig } from "./browser.ts";

const rig = useRig();

test("errors are told in words: not a picture, damaged, too large", async () => {
  const page = await rig.visit();
  await openFile(page, "notes.txt", Buffer.from("these are notes, not pixels"), "text/plain");
  await page.waitForFunction(() => /not a picture/.test(document.querySelector("#job-text")?.textContent ?? ""));
  const damaged = await makePicture(80, 80);
  await openFile(page, "damaged.png", damaged.fill(0, 200));
  await page.waitForSelector('button[aria-label="damaged.png, failed"]');
  expect(await page.textContent("#job-text")).toMatch(/damaged/);
  const huge = await makePicture(8, 8);
  huge.writeUInt32BE(20_000, 16);
  huge.writeUInt32BE(20_000, 20);
  await openFile(page, "huge.png", huge);
  await page.waitForFunction(() => /too large/.test(document.querySelector("#job-text")?.textContent ?? ""));
});

test("no camera", async () => {
  const page = await rig.visit({}, "#camera");
  await page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotFoundError"));
  });
  await page.click("#camera-start");
  await page.waitForSelector("#camera-error:not([hidden])");
  expect(await page.textContent("#camera-error")).toMatch(/No camera/);
});

test("no model: the message says so, and the next picture tries again", async () => {
  const page = await rig.visit({ serviceWorkers: "block" });
  const context = page.context();
  await context.route("**/models/standin/*.bin", (route) => route.fulfill({ status: 404 }));
  await page.selectOption("#model", "standin");
  await page.waitForFunction(() => /could not be fetched/.test(document.querySelector("#toast")?.textContent ?? ""));
  await context.unroute("**/models/standin/*.bin");
  await openFile(page, "x.png", await makePicture(40, 40));
  await page.waitForSelector('#stage[data-state="done"]');
});

test("a model comes with a progress bar", async () => {
  const page = await rig.visit({ serviceWorkers: "block" });
  await engineReady(page);
  expect(await page.locator("#fetch").isVisible()).toBe(false);
  let send = () => {};
  const held = new Promise<void>((resolve) => {
    send = resolve;
  });
  await page.context().route("**/models/standin/weights.bin", (route) => held.then(() => route.continue()));
  await page.selectOption("#model", "standin");
  await page.waitForSelector("#fetch:not([hidden])");
  send();
  await page.waitForSelector("#fetch", { state: "hidden" });
  await engineReady(page);
});

test("a backend that gives wrong numbers is not used", async () => {
  const page = await rig.visit({ serviceWorkers: "block" });
  await engineReady(page);
  await page.context().route("**/models/standin/check.bin", async (route) => {
    const body = await (await route.fetch()).body();
    body.fill(7, body.length / 2); // Keras would have said otherwise
    await route.fulfill({ body });
  });
  await openFile(page, "x.png", await makePicture(40, 40));
  await page.selectOption("#model", "standin");
  await page.waitForFunction(() => /right results/.test(document.querySelector("#job-text")?.textContent ?? ""));
});
