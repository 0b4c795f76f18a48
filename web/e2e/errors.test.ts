import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { chooseModel, decode, done, engineReady, makePicture, openFile, saved, useRig } from "./browser.ts";
import { DIST } from "./server.ts";

const rig = useRig();

test("every file is answered by its name, what it is and what to do, and several are listed", async () => {
  const page = await rig.visit();
  const text = (id: string) => page.textContent(`#${id}`);
  await openFile(page, "notes.txt", Buffer.from("these are notes, not pixels"), "text/plain");
  await page.waitForFunction(() => /notes\.txt: This is a text/.test(document.querySelector("#job-text")?.textContent ?? ""));
  const damaged = (await makePicture(80, 80)).fill(0, 200);
  const heic = Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "latin1");
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
  await page.setInputFiles("#file", [
    { name: "good.png", mimeType: "image/png", buffer: await makePicture(40, 40) },
    { name: "damaged.png", mimeType: "image/png", buffer: damaged },
    { name: "phone.heic", mimeType: "image/heic", buffer: heic },
    { name: "drawing.svg", mimeType: "image/svg+xml", buffer: svg },
  ]);
  await page.waitForSelector('button[aria-label="drawing.svg, failed"]');
  const told = (await text("toast")) ?? "";
  expect(told).toMatch(/damaged\.png: This picture is damaged/);
  expect(told).toMatch(/phone\.heic: This HEIC picture cannot be read/);
  expect(told).toMatch(/drawing\.svg: This is an SVG/);
  await page.waitForSelector('button[aria-label="good.png, done"]');
  const huge = await makePicture(8, 8);
  huge.writeUInt32BE(20_000, 16);
  huge.writeUInt32BE(20_000, 20);
  await openFile(page, "huge.png", huge);
  await page.waitForFunction(() => /huge\.png: .*too large/.test(document.querySelector("#job-text")?.textContent ?? ""));
});

test("a HEIC picture is read, by less than 400 kB that no one else fetches", async () => {
  const page = await rig.visit();
  await chooseModel(page, "standin"); // it halves every value
  await engineReady(page);
  const fetched: string[] = [];
  page.context().on("request", (request) => fetched.push(new URL(request.url()).pathname.replace("/some/folder/", "")));
  // Four quarters: red, green; blue, light grey.
  await openFile(page, "phone.heic", readFileSync(join(import.meta.dirname, "../tests/quarters.heic")), "image/heic");
  await done(page);
  const { width, height, data } = await decode(page, (await saved(page)).bytes);
  expect([width, height]).toEqual([64, 48]);
  const at = (x: number, y: number) => data.slice((y * width + x) * 4, (y * width + x) * 4 + 3).map((value) => 2 * value);
  for (const [x, y, colour] of [[10, 10, [200, 30, 30]], [50, 10, [30, 200, 30]], [10, 40, [30, 30, 200]], [50, 40, [220, 220, 220]]] as const) {
    expect(Math.max(...at(x, y).map((value, c) => Math.abs(value - colour[c])))).toBeLessThan(5);
  }
  const weight = fetched.filter((name) => /heif|heic/.test(name)).reduce((sum, name) => sum + gzipSync(readFileSync(join(DIST, name))).length, 0);
  console.log(`HEIC: ${(weight / 1000).toFixed(0)} kB gzipped`);
  expect(weight).toBeGreaterThan(100_000);
  expect(weight).toBeLessThan(400_000);
  expect(readFileSync(join(DIST, "sw.js"), "utf8")).not.toMatch(/libheif-|heic-/); // not with the first visit
});

test("a dropped folder gives its pictures, with their folders in the ZIP; a TIFF is read", async () => {
  const page = await rig.visit();
  const picture = (await makePicture(30, 20)).toString("base64");
  // A TIFF of 2 x 1 pixels, RGB, uncompressed: white and black.
  const entry = (tag: number, type: number, count: number, value: number) => {
    const out = Buffer.alloc(12);
    out.writeUInt16LE(tag, 0);
    out.writeUInt16LE(type, 2);
    out.writeUInt32LE(count, 4);
    out.writeUInt32LE(value, 8);
    return out;
  };
  const entries = [[256, 3, 1, 2], [257, 3, 1, 1], [258, 3, 1, 8], [259, 3, 1, 1], [262, 3, 1, 2], [273, 4, 1, 8], [277, 3, 1, 3], [278, 3, 1, 1], [279, 4, 1, 6]];
  const tiff = Buffer.concat([
    Buffer.from([0x49, 0x49, 42, 0, 14, 0, 0, 0, 255, 255, 255, 0, 0, 0, entries.length, 0]),
    ...entries.map(([tag, type, count, value]) => entry(tag, type, count, value)),
    Buffer.alloc(4),
  ]).toString("base64");
  await page.evaluate(
    ([picture, tiff]) => {
      const bytes = (base64: string) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const file = (name: string, content: Uint8Array<ArrayBuffer>, type: string) => ({
        isFile: true,
        name,
        file: (resolve: (file: File) => void) => resolve(new File([content], name, { type })),
      });
      const folder = (name: string, entries: object[]) => ({
        isFile: false,
        name,
        createReader: () => ({ readEntries: (resolve: (found: object[]) => void) => resolve(entries.splice(0, 2)) }),
      });
      const tree = folder("holiday", [
        file("a.png", bytes(picture), "image/png"),
        file("readme.txt", bytes(btoa("text")), "text/plain"),
        folder("beach", [file("b.tif", bytes(tiff), "")]),
      ]);
      DataTransferItem.prototype.webkitGetAsEntry = () => tree as unknown as FileSystemEntry;
      const data = new DataTransfer();
      data.items.add(new File([], "holiday"));
      document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data }));
    },
    [picture, tiff],
  );
  await page.waitForFunction(() => document.querySelectorAll('#strip li[data-state="done"]').length === 2);
  const { bytes } = await saved(page, "#save-all");
  const names = [...bytes.toString("latin1").matchAll(/PK\x01\x02.{42}([a-z/-]+\.png)/gs)].map((match) => match[1]);
  expect(names).toEqual(["holiday/a-clean.png", "holiday/beach/b-clean.png"]);
  const [reader] = readdirSync(join(DIST, "assets")).filter((name) => name.startsWith("tiff-"));
  expect(gzipSync(readFileSync(join(DIST, "assets", reader))).length).toBeLessThan(400_000);

  await page.evaluate(() => {
    const locked = { isFile: true, name: "x.png", file: (_: unknown, reject: (reason: Error) => void) => reject(new DOMException("locked", "NotReadableError")) };
    DataTransferItem.prototype.webkitGetAsEntry = () => locked as unknown as FileSystemEntry;
    const data = new DataTransfer();
    data.items.add(new File([], "x.png"));
    document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data }));
  });
  await page.waitForFunction(() => /x\.png: This file cannot be read/.test(document.querySelector("#toast")?.textContent ?? ""));
});

test("a picture that is cut short says so", async () => {
  const page = await rig.visit();
  const whole = readFileSync(join(DIST, "samples/fig.jpg"));
  await openFile(page, "half.jpg", whole.subarray(0, whole.length / 2), "image/jpeg");
  await page.waitForFunction(() => /half\.jpg: This picture is damaged or cut short/.test(document.querySelector("#job-text")?.textContent ?? ""));
});

test("where the first model cannot be fetched, the picture waits for a second try", async () => {
  rig.site.changes.set("models/photo/model.json", null);
  const page = await rig.visit();
  await page.waitForSelector('#about-open[data-phase="failed"]');
  await openFile(page, "x.png", await makePicture(40, 40));
  await page.waitForFunction(() => /x\.png: The model could not be fetched/.test(document.querySelector("#job-text")?.textContent ?? ""));
  rig.site.changes.clear();
  await page.click("#job-again");
  await done(page);
  await engineReady(page);
});

test("no camera, or one that comes too late", async () => {
  const page = await rig.visit({}, "#camera");
  await page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotFoundError"));
  });
  await page.click("#camera-start");
  await page.waitForSelector("#camera-error:not([hidden])");
  expect(await page.textContent("#camera-error")).toMatch(/No camera/);

  // A camera that comes when the person has clicked again, or has left the room, is turned off.
  await page.evaluate(() => {
    const asked: (() => void)[] = [];
    const streams: MediaStream[] = [];
    navigator.mediaDevices.getUserMedia = () =>
      new Promise((resolve) => {
        asked.push(() => {
          const stream = document.createElement("canvas").captureStream();
          streams.push(stream);
          resolve(stream);
        });
      });
    Object.assign(window, { asked, streams });
  });
  await page.click("#camera-start");
  await page.click("#camera-start");
  await page.evaluate(() => (location.hash = "#lab"));
  await page.waitForFunction(() => document.title === "Lab · kdae");
  const states = await page.evaluate(async () => {
    const { asked, streams } = window as unknown as { asked: (() => void)[]; streams: MediaStream[] };
    for (const come of asked) come();
    await new Promise((resolve) => setTimeout(resolve, 100));
    return streams.flatMap((stream) => stream.getTracks()).map(({ readyState }) => readyState);
  });
  expect(states).toEqual(["ended", "ended"]);
});

test("a page whose own files are gone says so", async () => {
  const workers = readdirSync(join(DIST, "assets")).filter((name) => name.startsWith("worker-"));
  for (const name of workers) rig.site.changes.set(`assets/${name}`, null);
  const page = await rig.visit();
  await page.waitForFunction(() => /part of this page could not be fetched/.test(document.querySelector("#toast")?.textContent ?? ""));
  rig.site.changes.clear();
});

test("a model that cannot be fetched, offline or not there: the result stays, and it can be had later", async () => {
  const page = await rig.visit();
  const context = page.context();
  await openFile(page, "x.png", await makePicture(40, 40));
  await done(page);
  const before = (await saved(page)).bytes;
  await context.setOffline(true);
  await chooseModel(page, "standin");
  await page.waitForFunction(() => /could not be fetched.*stays: Photographs/.test(document.querySelector("#toast")?.textContent ?? ""));
  expect(await page.isChecked("#model input[value=photo]")).toBe(true);
  await engineReady(page);
  expect(await page.getAttribute("#stage", "data-state")).toBe("done");
  expect((await saved(page)).bytes.equals(before)).toBe(true);
  await openFile(page, "y.png", await makePicture(40, 40)); // the engine still runs
  await page.waitForSelector('button[aria-label="y.png, done"]');
  await context.setOffline(false);
  await chooseModel(page, "standin");
  await page.waitForSelector('#stage[data-state="done"][data-model="standin"]');
});

test("a model comes with a progress bar", async () => {
  const page = await rig.visit();
  await engineReady(page);
  expect(await page.locator("#fetch").isVisible()).toBe(false);
  let send = () => {};
  const held = new Promise<void>((resolve) => {
    send = resolve;
  });
  await page.context().route("**/models/standin/weights.bin", (route) => held.then(() => route.continue()));
  await chooseModel(page, "standin");
  await page.waitForSelector("#fetch:not([hidden])");
  send();
  await page.waitForSelector("#fetch", { state: "hidden" });
  await engineReady(page);
});

test("a backend that gives wrong numbers is not used", async () => {
  const page = await rig.visit();
  await engineReady(page);
  await page.context().route("**/models/standin/check.bin", async (route) => {
    const body = await (await route.fetch()).body();
    body.fill(7, body.length / 2); // Keras would have said otherwise
    await route.fulfill({ body });
  });
  await openFile(page, "x.png", await makePicture(40, 40));
  await chooseModel(page, "standin");
  await page.waitForFunction(() => /right results/.test(document.querySelector("#toast")?.textContent ?? ""));
  await page.waitForSelector('#stage[data-state="done"][data-model="photo"]'); // the one before goes on
  await engineReady(page);
});
