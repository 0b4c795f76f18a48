import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { decodeDeep } from "../src/maths/deep.ts";
import { encodePng } from "../src/maths/png.ts";
import { readFacts } from "../src/maths/segments.ts";
import { chooseFormat, chooseModel, decode, done, engineReady, largest, makePicture, openFile, saved, setRange, useRig } from "./browser.ts";

const rig = useRig();

/** A PNG without what it says of its colours: its values as they are. */
function valuesOnly(bytes: Buffer): Buffer {
  const wanted = /^(IHDR|IDAT|IEND)$/;
  const parts = [bytes.subarray(0, 8)];
  for (let at = 8; at < bytes.length; ) {
    const end = at + 12 + bytes.readUInt32BE(at);
    if (wanted.test(bytes.toString("latin1", at + 4, at + 8))) parts.push(bytes.subarray(at, end));
    at = end;
  }
  return Buffer.concat(parts);
}

const GOLDEN = join(import.meta.dirname, "../tests/golden");

describe("a picture", () => {
  test("opened by the button is cleaned as the command cleans it, and saved at every strength", async () => {
    const page = await rig.visitShipped();
    const file = readFileSync(join(GOLDEN, "noisy.png"));
    const { width, height, data: noisy } = await decode(page, file);
    const { data: expected } = await decode(page, readFileSync(join(GOLDEN, "photo.png")));
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.click("#choose")]);
    await chooser.setFiles({ name: "tile.photo.png", mimeType: "image/png", buffer: file });
    await done(page);

    const full = await saved(page);
    expect(full.name).toBe("tile.photo-clean.png");
    const clean = await decode(page, full.bytes);
    expect([clean.width, clean.height]).toEqual([width, height]);
    expect(largest(clean.data, expected)).toBeLessThanOrEqual(2);
    expect(largest(clean.data, noisy)).toBeGreaterThan(20); // the model did something

    await setRange(page, "strength", 0);
    const none = await decode(page, (await saved(page)).bytes);
    expect(largest(none.data, noisy)).toBe(0);
    await setRange(page, "strength", 40);
    const some = await decode(page, (await saved(page)).bytes);
    const mixed = clean.data.map((value, at) => noisy[at] + 0.4 * (value - noisy[at]));
    expect(largest(some.data, mixed)).toBeLessThanOrEqual(0.51);

    await chooseFormat(page, "jpeg");
    await setRange(page, "strength", 100);
    const jpeg = await saved(page);
    expect(jpeg.name).toBe("tile.photo-clean.jpg");
    expect([jpeg.bytes[0], jpeg.bytes[1]]).toEqual([0xff, 0xd8]);
  });

  test("of 16 bits, with transparency or in Display P3 is cleaned as the command cleans it", async () => {
    const page = await rig.visitShipped();
    const golden = (name: string) => readFileSync(join(GOLDEN, `${name}.png`));
    const clean = async (name: string, file: Buffer) => {
      await openFile(page, `${name}.png`, file);
      await page.waitForSelector(`button[aria-label="${name}.png, done"][aria-current=true]`, { state: "attached" });
      return (await saved(page)).bytes;
    };
    const [deep, byCommand] = [await decodeDeep(await clean("deep", golden("deep"))), await decodeDeep(golden("photo-deep"))];
    expect(deep?.channels).toBe(3);
    // In levels of 16 bits: the weights have 8.
    expect(largest([...(deep?.data ?? [])], byCommand?.data ?? [])).toBeLessThanOrEqual(3 * 257);

    // Canvases hold colours times alpha, rounded: another level for alpha 128.
    const alpha = await decode(page, await clean("alpha", golden("alpha")));
    expect(largest(alpha.data, (await decode(page, golden("photo-alpha"))).data)).toBeLessThanOrEqual(5);

    // The command takes values as they are, in the picture's own space, and so does the page.
    const noisy = await decode(page, golden("noisy"));
    const pixels = { ...noisy, data: new Uint8ClampedArray(noisy.data) };
    const p3 = await encodePng(noisy.width, noisy.height, "rgb", [pixels], [{ type: "cICP", body: new Uint8Array([12, 13, 0, 1]) }]);
    const inP3 = await clean("p3", Buffer.from(await p3.arrayBuffer()));
    expect([...(readFacts(inP3).cicp ?? [])]).toEqual([12, 13, 0, 1]);
    expect(largest((await decode(page, valuesOnly(inP3))).data, (await decode(page, golden("photo"))).data)).toBeLessThanOrEqual(3);
  });

  test("comes by drop, by paste and as a sample", async () => {
    const page = await rig.visitShipped();
    const base64 = (await makePicture(50, 40)).toString("base64");
    const bring = (kind: "drop" | "paste") =>
      page.evaluate(
        ([kind, base64]) => {
          const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
          const data = new DataTransfer();
          data.items.add(new File([bytes], `${kind}.png`, { type: "image/png" }));
          const options = { bubbles: true, cancelable: true };
          const event =
            kind === "drop"
              ? new DragEvent("drop", { ...options, dataTransfer: data })
              : new ClipboardEvent("paste", { ...options, clipboardData: data });
          document.body.dispatchEvent(event);
        },
        [kind, base64] as const,
      );
    await page.click("[data-sample=dandelions]");
    await done(page);
    for (const kind of ["drop", "paste"] as const) {
      await bring(kind);
      await page.waitForSelector(`button[aria-label="${kind}.png, done"]`);
    }
    expect(await page.locator("#strip li").count()).toBe(3);
  });

  test("keeps its transparency, its greyness and any odd size", async () => {
    const page = await rig.visit();
    await openFile(page, "half.png", await makePicture(33, 21, "rgba"));
    await done(page);
    const half = await decode(page, (await saved(page)).bytes);
    expect([half.width, half.height]).toEqual([33, 21]);
    const alphas = half.data.filter((_, at) => at % 4 === 3);
    expect(alphas.slice(0, 33)).toEqual([...Array(17).fill(128), ...Array(16).fill(255)]);

    await openFile(page, "grey.png", await makePicture(1, 70, "grey"));
    await page.waitForSelector('button[aria-label="grey.png, done"]');
    await page.click('button[aria-label="grey.png, done"]');
    const { bytes } = await saved(page);
    expect(bytes[25]).toBe(0); // PNG colour type grey
    expect((await decode(page, bytes)).height).toBe(70);
  });

  test("is turned as its EXIF data say, once", async () => {
    const page = await rig.visit();
    const plain = Buffer.from(
      await page.evaluate(async () => {
        const canvas = new OffscreenCanvas(80, 40);
        const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
        context.fillStyle = "white";
        context.fillRect(0, 0, 40, 40); // white on the left
        const blob = await canvas.convertToBlob({ type: "image/jpeg" });
        return btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));
      }),
      "base64",
    );
    // APP1 with one TIFF entry: orientation (0x112) 6, to be turned clockwise.
    const tiff = "4d4d002a00000008" + "0001" + "0112000300000001" + "00060000" + "00000000";
    const body = Buffer.concat([Buffer.from("Exif\0\0"), Buffer.from(tiff, "hex")]);
    const app1 = Buffer.concat([Buffer.from([0xff, 0xe1, 0, body.length + 2]), body]);
    const turned = Buffer.concat([plain.subarray(0, 2), app1, plain.subarray(2)]);
    await openFile(page, "turned.jpg", turned, "image/jpeg");
    await done(page);
    const { width, height, data } = await decode(page, (await saved(page)).bytes);
    expect([width, height]).toEqual([40, 80]);
    expect(data[(10 * 40 + 20) * 4]).toBeGreaterThan(200); // white is on top now
    expect(data[(70 * 40 + 20) * 4]).toBeLessThan(50);
  });
});

test("several pictures queue up, are cleaned with another model, and saved as a zip", async () => {
  const page = await rig.visit();
  const buffer = await makePicture(90, 60);
  await page.setInputFiles("#file", ["a", "b", "a"].map((name) => ({ name: `${name}.png`, mimeType: "image/png", buffer })));
  await page.waitForFunction(() => document.querySelectorAll('#strip li[data-state="done"]').length === 3);
  await chooseModel(page, "standin");
  // The one on the stage is cleaned at once, the others when they are looked at or saved.
  await page.waitForSelector('#stage[data-state="done"][data-model="standin"]');
  expect(await page.locator('#strip li[data-state="later"]').count()).toBe(2);
  const { name, bytes } = await saved(page, "#save-all");
  expect(name).toBe("kdae-clean.zip");
  const names = [...bytes.toString("latin1").matchAll(/PK\x01\x02.{42}([a-z0-9-]+\.png)/gs)].map((match) => match[1]);
  expect(names).toEqual(["a-clean.png", "b-clean.png", "a-clean-2.png"]);
  // A grey model took the channels of a colour picture in turn.
  const [noisy, clean] = [await decode(page, buffer), await decode(page, bytes.subarray(bytes.indexOf("\x89PNG", 0, "latin1")))];
  expect(largest(clean.data, noisy.data.map((value, at) => (at % 4 === 3 ? 255 : value / 2)))).toBeLessThanOrEqual(0.51);
  await page.click('button[aria-label="Remove b.png"]');
  expect(await page.locator("#strip li").count()).toBe(2);
});

test("where the page may write a file, the zip goes into it as it comes", async () => {
  const page = await rig.visit();
  await chooseModel(page, "standin");
  const pictures = [await makePicture(90, 60), await makePicture(50, 40)];
  await page.setInputFiles("#file", pictures.map((buffer, at) => ({ name: `${at}.png`, mimeType: "image/png", buffer })));
  await page.waitForFunction(() => document.querySelectorAll('#strip li[data-state="done"]').length === 2);
  let downloads = 0;
  page.on("download", () => downloads++);
  // In place of the file that the person would choose, one that the browser keeps for the page.
  await page.evaluate(() => {
    const showSaveFilePicker = async ({ suggestedName }: { suggestedName: string }) =>
      (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true });
    Object.assign(window, { showSaveFilePicker });
  });
  await page.click("#save-all");
  await page.waitForFunction(() => document.querySelector("#toast span")?.textContent?.includes("kdae-clean.zip is saved."));
  const base64 = await page.evaluate(async () => {
    const handle = await (await navigator.storage.getDirectory()).getFileHandle("kdae-clean.zip");
    return btoa(String.fromCharCode(...new Uint8Array(await (await handle.getFile()).arrayBuffer())));
  });
  const zip = Buffer.from(base64, "base64");
  const starts = [...zip.toString("latin1").matchAll(/\x89PNG/g)].map(({ index }) => index);
  expect(starts).toHaveLength(2);
  for (const [at, start] of starts.entries()) {
    const [noisy, clean] = [await decode(page, pictures[at]), await decode(page, zip.subarray(start))];
    expect(largest(clean.data, noisy.data.map((value, at) => (at % 4 === 3 ? 255 : value / 2)))).toBeLessThanOrEqual(0.51);
  }
  expect(zip.readUInt32LE(zip.length - 22)).toBe(0x06054b50); // to its end
  expect(downloads).toBe(0);
  // A person who changes their mind gets nothing, and no complaint.
  await page.evaluate(() => {
    const showSaveFilePicker = async () => {
      throw new DOMException("", "AbortError");
    };
    Object.assign(window, { showSaveFilePicker });
  });
  await page.click("#save-all");
  await page.waitForTimeout(500);
  expect(downloads).toBe(0);
  expect(await page.textContent("#toast")).not.toContain("wrong");
  expect(await page.getAttribute("#save-all", "aria-busy")).toBeNull();
});

test("the first tile of a large picture is that on the screen", async () => {
  const page = await rig.visit({ viewport: { width: 800, height: 700 } });
  await page.context().addInitScript(() => {
    const tiles: object[] = [];
    const send = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (message, ...rest) {
      if (message.name === "clean") tiles.push(message.args[1].keep);
      return send.call(this, message, ...(rest as unknown as []));
    };
    Object.assign(window, { tiles });
  });
  await page.reload();
  await engineReady(page);
  const seen = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(2400, 1700);
    canvas.getContext("2d")?.fillRect(0, 0, 1200, 1700);
    const data = new DataTransfer();
    data.items.add(new File([await canvas.convertToBlob()], "large.png"));
    document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data }));
    const stage = document.querySelector("#stage") as HTMLElement;
    const press = (key: string) => stage.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    // Within the page: a message from here might come after the tile.
    await new Promise<void>((resolve) => {
      new MutationObserver(() => {
        if (!stage.classList.contains("empty")) resolve();
      }).observe(stage, { attributeFilter: ["class"] });
    });
    press("1");
    for (let at = 0; at < 40; at++) for (const key of ["ArrowRight", "ArrowDown"]) press(key);
    return document.querySelector("#zoom-value")?.textContent;
  });
  expect(seen).toBe("100 %");
  await done(page);
  const [first] = await page.evaluate(() => (window as unknown as { tiles: { x: number; y: number; width: number; height: number }[] }).tiles);
  expect([first.x + first.width, first.y + first.height]).toEqual([2400, 1700]);
});

test("results are kept by model: going back needs no time, and no network", async () => {
  const page = await rig.visit();
  const buffer = await makePicture(120, 80);
  await openFile(page, "a.png", buffer);
  await done(page);
  const photo = await decode(page, (await saved(page)).bytes);
  await chooseModel(page, "standin");
  await page.waitForSelector('#stage[data-state="done"][data-model="standin"]');
  const standin = await decode(page, (await saved(page)).bytes);
  expect(largest(photo.data, standin.data)).toBeGreaterThan(20);
  await page.evaluate(() => {
    const seen: string[] = [];
    const stage = document.querySelector("#stage") as HTMLElement;
    new MutationObserver(() => seen.push(String(stage.dataset.state))).observe(stage, { attributeFilter: ["data-state"] });
    Object.assign(window, { seen });
  });
  await chooseModel(page, "photo");
  await page.waitForSelector('#stage[data-state="done"][data-model="photo"]');
  const states = await page.evaluate(() => (window as unknown as { seen: string[] }).seen);
  expect(states.filter((state) => state !== "done")).toEqual([]);
  expect(largest((await decode(page, (await saved(page)).bytes)).data, photo.data)).toBe(0);
});

test("copies to the clipboard", async () => {
  const page = await rig.visit({ permissions: ["clipboard-read", "clipboard-write"] });
  await openFile(page, "x.png", await makePicture(30, 20));
  await done(page);
  await page.click("#copy");
  await page.waitForFunction(() => /Copied/.test(document.querySelector("#toast")?.textContent ?? ""));
  const types = await page.evaluate(async () => (await navigator.clipboard.read()).flatMap((item) => item.types));
  expect(types).toContain("image/png");
});

async function dividerAt(page: Page): Promise<number> {
  return Number(await page.getAttribute("#stage .divider", "aria-valuenow"));
}

test("the divider moves by mouse and keys; zoom and pan by wheel, buttons and keys", async () => {
  const page = await rig.visit({ viewport: { width: 1000, height: 700 } });
  await openFile(page, "wide.png", await makePicture(500, 100));
  await done(page);
  const box = (await page.locator("#stage").boundingBox()) as { x: number; y: number; width: number; height: number };
  expect(await dividerAt(page)).toBe(50);
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 4, box.y + box.height / 2, { steps: 3 });
  await page.mouse.up();
  expect(await dividerAt(page)).toBe(25);
  await page.focus("#stage .divider");
  await page.keyboard.press("ArrowRight");
  expect(await dividerAt(page)).toBe(27);
  await page.keyboard.press("End");
  expect(await dividerAt(page)).toBe(100);

  const zoom = () => page.textContent("#zoom-value");
  expect(await zoom()).toBe("200 %");
  await page.click("#zoom-one");
  expect(await zoom()).toBe("100 %");
  expect(await page.getAttribute("#zoom-one", "aria-pressed")).toBe("true");
  await page.mouse.move(box.x + 100, box.y + 200);
  await page.mouse.wheel(0, -2000);
  expect(await zoom()).toBe("1600 %");
  await page.focus("#stage");
  await page.keyboard.press("0");
  expect(await zoom()).toBe("200 %");
});

test("what is on the stage: noisy left of the divider, clean right, and strength acts at once", async () => {
  const page = await rig.visit({ viewport: { width: 800, height: 600 } });
  await openFile(page, "x.png", await makePicture(300, 300));
  await done(page);
  const stage = page.locator("#stage");
  await page.focus("#stage .divider");
  const look = async () => {
    await page.waitForTimeout(150);
    return stage.screenshot();
  };
  await page.keyboard.press("Home");
  const clean = await look();
  await page.keyboard.press("End");
  const noisy = await look();
  expect(clean.length).toBeLessThan(noisy.length * 0.8); // noise does not compress
  await page.keyboard.press("Home");
  await setRange(page, "strength", 0);
  const none = await look();
  expect(Math.abs(none.length / noisy.length - 1)).toBeLessThan(0.1);
});
