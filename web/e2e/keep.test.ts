import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { decodeDeep, encodeDeep } from "../src/maths/deep.ts";
import { readFacts } from "../src/maths/segments.ts";
import { chooseFormat, chooseModel, decode, done, largest, makePicture, openFile, saved, setRange, useRig } from "./browser.ts";

const rig = useRig();

/** Pixels of a file as the browser shows them in Display P3. */
function inP3(page: Page, bytes: Buffer): Promise<number[]> {
  return page.evaluate(async (base64) => {
    const blob = new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))]);
    const bitmap = await createImageBitmap(blob);
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { colorSpace: "display-p3" }) as OffscreenCanvasRenderingContext2D;
    context.drawImage(bitmap, 0, 0);
    return [...context.getImageData(0, 0, bitmap.width, bitmap.height).data];
  }, bytes.toString("base64"));
}

describe("colours beyond sRGB", () => {
  test.each(["png", "jpeg"])("a Display P3 picture stays one, saved as %s", async (format) => {
    const page = await rig.visit();
    const source = Buffer.from(
      await page.evaluate(async (type) => {
        const context = new OffscreenCanvas(64, 64).getContext("2d", { colorSpace: "display-p3" }) as OffscreenCanvasRenderingContext2D;
        context.fillStyle = "color(display-p3 1 0 0)";
        context.fillRect(0, 0, 64, 64);
        const blob = await context.canvas.convertToBlob({ type, quality: 1 });
        return btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));
      }, `image/${format}`),
      "base64",
    );
    await chooseModel(page, "standin"); // halves every value, in the picture's own space
    await openFile(page, `red.${format}`, source, `image/${format}`);
    await page.waitForSelector('#stage[data-state="done"][data-model="standin"]');
    await chooseFormat(page, format);
    const half = (await saved(page)).bytes;
    const [red, green, blue] = await inP3(page, half);
    expect(red).toBeGreaterThan(123);
    expect(red).toBeLessThan(132);
    expect(Math.max(green, blue)).toBeLessThan(6); // cut to sRGB, it would be 127, 27, 19
    const facts = readFacts(half);
    expect(facts.icc).toBeDefined();
    if (format === "png") expect([...(facts.cicp ?? [])]).toEqual([12, 13, 0, 1]);
  });
});

test("16 bits stay 16 in PNG, exactly at strength 0; as JPEG it is said that they do not", async () => {
  const page = await rig.visit();
  const [width, height] = [70, 50];
  const data = Uint16Array.from({ length: width * height * 3 }, (_, at) => 20_000 + ((at * 977) % 9001));
  const file = Buffer.from(await (await encodeDeep({ data, width, height, channels: 3 })).arrayBuffer());
  await openFile(page, "deep.png", file);
  await done(page);
  const clean = await decodeDeep((await saved(page)).bytes);
  expect(clean?.channels).toBe(3);
  expect(largest([...(clean?.data ?? [])], data)).toBeGreaterThan(500); // it was cleaned
  expect(new Set(clean?.data).size).toBeGreaterThan(256); // more values than 8 bits have
  await setRange(page, "strength", 0);
  expect((await decodeDeep((await saved(page)).bytes))?.data).toEqual(data);
  await chooseFormat(page, "jpeg");
  expect(await page.textContent("#notes")).toMatch(/JPEG holds 8 bits/);
});

test("what cannot be kept is said beside Save", async () => {
  const page = await rig.visit();
  const note = async (name: string, content: Uint8Array, type: string) => {
    await openFile(page, name, Buffer.from(content), type);
    await page.waitForSelector(`button[aria-label="${name}, done"][aria-current=true]`, { state: "attached" });
    return page.textContent("#notes");
  };
  const deep = { data: new Uint16Array(6 * 4).fill(30_000), width: 6, height: 4, channels: 1 } as const;
  const png = async (type: string, ...body: number[]) => new Uint8Array(await (await encodeDeep(deep, [{ type, body: new Uint8Array(body) }])).arrayBuffer());
  expect(await note("linear.png", await png("gAMA", 0, 1, 0x86, 0xa0), "image/png")).toBe("This file has 16 bits, but is saved with 8.");
  // To be turned by a quarter: samples are not, so the browser's 8 bits are taken.
  const turned = await png("eXIf", ...Buffer.from("4d4d002a00000008" + "0001" + "0112000300000001" + "00060000" + "00000000", "hex"));
  expect(await note("turned.png", turned, "image/png")).toBe("This file has 16 bits, but is saved with 8.");

  const frame = [0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0];
  const gif = [...Buffer.from("GIF89a"), 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255, ...frame, 0x21, 0xf9, 4, 0, 0, 0, 0, 0, ...frame, 0x3b];
  expect(await note("moving.gif", new Uint8Array(gif), "image/gif")).toBe("Only the first frame of this animation is used.");
});

/** EXIF data, little-endian: a make, the orientation 1, and a place (north). */
function makeExif(): Buffer {
  const hex =
    "49492a0008000000" + // header
    "0300" + "0f010200060000003e000000" + "120103000100000001000000" + "25880400010000003200" + "0000" + "00000000" +
    "0100" + "01000200020000004e000000"; // the place; what would be its end is the make
  return Buffer.concat([Buffer.from(hex, "hex").subarray(0, 62), Buffer.alloc(2), Buffer.from("Canon\0")]);
}

test("metadata: date, camera and copyright stay by default, the place goes; all or nothing when asked for", async () => {
  const page = await rig.visit();
  const plain = Buffer.from(
    await page.evaluate(async () => {
      const canvas = new OffscreenCanvas(40, 30);
      canvas.getContext("2d")?.fillRect(0, 0, 20, 30);
      const blob = await canvas.convertToBlob({ type: "image/jpeg" });
      return btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));
    }),
    "base64",
  );
  const exif = makeExif();
  exif.writeUInt32LE(64, 18); // where the make is
  const body = Buffer.concat([Buffer.from("Exif\0\0"), exif]);
  const source = Buffer.concat([plain.subarray(0, 2), Buffer.from([0xff, 0xe1, 0, body.length + 2]), body, plain.subarray(2)]);
  await openFile(page, "camera.jpg", source, "image/jpeg");
  await done(page);
  const has = (bytes: Buffer) => {
    const found = readFacts(bytes).exif;
    const text = found ? Buffer.from(found).toString("latin1") : "";
    return { make: text.includes("Canon"), place: text.includes("\x25\x88") };
  };
  for (const format of ["png", "jpeg", "webp"]) {
    await chooseFormat(page, format);
    for (const [keep, make, place] of [["some", true, false], ["all", true, true], ["none", false, false]] as const) {
      await page.click("#options summary");
      await page.check(`input[name=keep][value=${keep}]`);
      await page.keyboard.press("Escape");
      const { bytes } = await saved(page);
      expect(has(bytes), `${format}, ${keep}`).toEqual({ make, place });
      expect((await decode(page, bytes)).width).toBe(40); // it is still a picture
    }
  }
});

test("WebP and JPEG have a quality, and the options tell the size before and after", async () => {
  const page = await rig.visit();
  await page.click("[data-sample=friends]");
  await done(page);
  await page.click("#options summary");
  await page.waitForFunction(() => /MB|kB/.test(document.querySelector("#size")?.textContent ?? ""));
  await page.selectOption("#format", "webp");
  const size = async () => {
    await page.waitForTimeout(600);
    await page.waitForFunction(() => /before/.test(document.querySelector("#size")?.textContent ?? ""));
    return Number.parseInt((await page.textContent("#size")) ?? "");
  };
  const large = await size();
  await setRange(page, "quality", 40);
  expect(await size()).toBeLessThan(large / 2);

  // What happens to other pictures is no reason to measure again.
  await openFile(page, "x.png", await makePicture(40, 30));
  await page.waitForSelector('button[aria-label="x.png, done"]');
  await page.locator('button[aria-label="friends.png, done"]').dispatchEvent("click"); // the menu stays open
  const small = await size();
  const told = await page.evaluate(async () => {
    const said: (string | null)[] = [];
    const line = document.querySelector("#size") as HTMLElement;
    new MutationObserver(() => said.push(line.textContent)).observe(line, { childList: true });
    document.querySelector<HTMLElement>('button[aria-label="Remove x.png"]')?.click();
    await new Promise((resolve) => setTimeout(resolve, 800));
    return said;
  });
  expect(told).toEqual([]);
  expect(await size()).toBe(small);
  await page.keyboard.press("Escape");
  const { name, bytes } = await saved(page);
  expect(name).toBe("friends-clean.webp");
  expect(bytes.toString("latin1", 8, 12)).toBe("WEBP");
});
