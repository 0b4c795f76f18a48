import { inflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { crc32 } from "../src/maths/crc.ts";
import { headerSize } from "../src/maths/header.ts";
import { encodePng } from "../src/maths/png.ts";
import { uniqueName, zipStream } from "../src/picture/zip.ts";

const bytesOf = async (blob: Blob) => Buffer.from(await blob.arrayBuffer());

test("CRC-32 of the standard check text", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  const [first, second] = ["1234", "56789"].map((text) => new TextEncoder().encode(text));
  expect(crc32(second, crc32(first))).toBe(0xcbf43926);
});

/** A second, simple PNG reader: undoes the filters by the specification. */
function decodePng(png: Buffer): { width: number; height: number; type: number; rows: number[][] } {
  const parts: Buffer[] = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const type = png.toString("latin1", at + 4, at + 8);
    expect(png.readUInt32BE(at + 8 + length)).toBe(crc32(png.subarray(at + 4, at + 8 + length)));
    if (type === "IDAT") parts.push(png.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const [width, height, type] = [png.readUInt32BE(16), png.readUInt32BE(20), png[25]];
  const bytes = { 0: 1, 2: 3, 6: 4 }[type] as number;
  const raw = inflateSync(Buffer.concat(parts));
  const rows: number[][] = [];
  for (let y = 0, at = 0; y < height; y++) {
    expect(raw[at++]).toBe(4); // Paeth
    const row: number[] = [];
    for (let x = 0; x < width * bytes; x++) {
      const [a, b, c] = [row[x - bytes] ?? 0, rows[y - 1]?.[x] ?? 0, rows[y - 1]?.[x - bytes] ?? 0];
      const distances = [a, b, c].map((value) => Math.abs(a + b - c - value));
      const guess = [a, b, c][distances.indexOf(Math.min(...distances))];
      row.push((raw[at++] + guess) & 255);
    }
    rows.push(row);
  }
  return { width, height, type, rows };
}

describe("encodePng", () => {
  const data = Uint8ClampedArray.from({ length: 5 * 6 * 4 }, (_, at) => (at * 97) % 256);
  const strips = [
    { data: data.subarray(0, 5 * 2 * 4), width: 5, height: 2 },
    { data: data.subarray(5 * 2 * 4), width: 5, height: 4 },
  ];
  test.each([
    ["grey", 0, [0]],
    ["rgb", 2, [0, 1, 2]],
    ["rgba", 6, [0, 1, 2, 3]],
  ] as const)("%s: what goes in comes out", async (kind, type, channels) => {
    const png = decodePng(await bytesOf(await encodePng(5, 6, kind, strips)));
    expect([png.width, png.height, png.type]).toEqual([5, 6, type]);
    const expected = [...data].filter((_, at) => (channels as readonly number[]).includes(at % 4));
    expect(png.rows.flat()).toEqual(expected);
  });

  test("its own header tells its size", async () => {
    const bytes = new Uint8Array(await (await encodePng(5, 6, "rgb", strips)).arrayBuffer());
    expect(headerSize(bytes)).toEqual({ width: 5, height: 6 });
  });
});

describe("headerSize", () => {
  const bytes = (...parts: (string | number[])[]) =>
    new Uint8Array([...Buffer.concat(parts.map((part) => Buffer.from(part as string, "latin1"))), ...new Array(64).fill(0)]);
  test("JPEG: past other segments to the frame", () => {
    const app = [0xff, 0xe1, 0, 4, 1, 2];
    const frame = [0xff, 0xc2, 0, 17, 8, 0x0b, 0xd0, 0x0f, 0xc0];
    expect(headerSize(bytes([0xff, 0xd8], app, frame))).toEqual({ width: 4032, height: 3024 });
  });
  test("GIF and WebP", () => {
    expect(headerSize(bytes("GIF89a", [0x2c, 1, 0xc8, 0]))).toEqual({ width: 300, height: 200 });
    const extended = bytes("RIFF", [0, 0, 0, 0], "WEBPVP8X", [10, 0, 0, 0, 0, 0, 0, 0, 0x1f, 3, 0, 0xcf, 7, 0]);
    expect(headerSize(extended)).toEqual({ width: 800, height: 2000 });
  });
  test("anything else is not known", () => {
    expect(headerSize(bytes("hello, this is no picture at all"))).toBeUndefined();
    expect(headerSize(new Uint8Array(3))).toBeUndefined();
  });
});

describe("zipStream", () => {
  const entry = (name: string, text: string) => ({ name, content: async () => new Blob([text]) });

  test("entries can be found again in their folders, by the format's description", async () => {
    const entries = [entry("a.png", "one"), entry("A.png", "three"), entry("see/ü.png", "two")];
    const zip = Buffer.from(await new Response(zipStream(entries, new Date(2026, 10, 22, 12, 30, 10))).arrayBuffer());
    const end = zip.length - 22;
    expect(zip.readUInt32LE(end)).toBe(0x06054b50);
    expect(zip.readUInt16LE(end + 10)).toBe(3);
    const found: Record<string, string> = {};
    let at = zip.readUInt32LE(end + 16);
    for (let entry = 0; entry < 3; entry++) {
      expect(zip.readUInt32LE(at)).toBe(0x02014b50);
      expect(zip.readUInt16LE(at + 8) & 0x0800).toBe(0x0800); // names are UTF-8
      expect(zip.readUInt16LE(at + 10)).toBe(0); // stored
      const nameLength = zip.readUInt16LE(at + 28);
      const size = zip.readUInt32LE(at + 24);
      const local = zip.readUInt32LE(at + 42);
      expect(zip.readUInt32LE(local)).toBe(0x04034b50);
      const body = zip.subarray(local + 30 + nameLength, local + 30 + nameLength + size);
      expect(zip.readUInt32LE(at + 16)).toBe(crc32(body));
      found[zip.toString("utf8", at + 46, at + 46 + nameLength)] = body.toString();
      at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
    }
    expect(found).toEqual({ "a.png": "one", "A-2.png": "three", "see/ü.png": "two" });
    expect(at).toBe(end);
  });

  test("contents are made one at a time, when they are read", async () => {
    let made = 0;
    const content = new Uint8Array(100_000);
    const entries = Array.from({ length: 20 }, (_, at) => ({
      name: `${at}.png`,
      content: async () => {
        made++;
        return new Blob([content]);
      },
    }));
    const reader = zipStream(entries).getReader();
    let bytes = 0;
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      bytes += next.value.length;
      if (made < 20) await new Promise((resolve) => setTimeout(resolve)); // for what would be made ahead
      expect(made).toBeLessThanOrEqual(bytes / content.length + 2);
    }
    expect([made, Math.floor(bytes / content.length)]).toEqual([20, 20]);
  });

  test("names stay unique", () => {
    expect(uniqueName("x", new Set(["x", "x-2"]))).toBe("x-3");
  });
});
