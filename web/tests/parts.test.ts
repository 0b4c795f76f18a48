import { describe, expect, test } from "vitest";
import { cutDeep, decodeDeep, encodeDeep, putDeep } from "../src/maths/deep.ts";
import { exifIntoJpeg, exifIntoWebp, keepExif, orientationOf } from "../src/maths/exif.ts";
import { kindOf } from "../src/maths/header.ts";
import { encodePng } from "../src/maths/png.ts";
import { gamut, jpegParts, onSrgbCurve, pngParts, readFacts, webpParts } from "../src/maths/segments.ts";

const ascii = (text: string) => [...text].map((letter) => letter.charCodeAt(0));
const bytes = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer());

/** EXIF data, big-endian: make, orientation, copyright, a date, a serial number, and a place. */
function makeExif(): Uint8Array {
  const out = new Uint8Array(260);
  const view = new DataView(out.buffer);
  out.set([...ascii("MM"), 0, 42, 0, 0, 0, 8]);
  const directory = (at: number, entries: [number, number, number, number][]) => {
    view.setUint16(at, entries.length);
    for (const [index, [tag, type, count, value]] of entries.entries()) {
      const place = at + 2 + 12 * index;
      view.setUint16(place, tag);
      view.setUint16(place + 2, type);
      view.setUint32(place + 4, count);
      if (type === 3) view.setUint16(place + 8, value);
      else view.setUint32(place + 8, value);
    }
  };
  directory(8, [[0x10f, 2, 6, 200], [0x112, 3, 1, 6], [0x8298, 2, 8, 206], [0x8769, 4, 1, 80], [0x8825, 4, 1, 120]]);
  directory(80, [[0x9003, 2, 20, 214], [0xa431, 2, 6, 234]]);
  directory(120, [[1, 2, 2, 0x4e000000]]); // north
  out.set(ascii("Canon\0(c) Ann\x002026:11:27 15:00:00\0S-123\0"), 200);
  return out;
}

/** A TIFF, big-endian, without its pixels: depth, make, where they would be, orientation, profile. */
function makeTiff(): Uint8Array {
  const out = new Uint8Array(100);
  const view = new DataView(out.buffer);
  out.set([...ascii("MM"), 0, 42, 0, 0, 0, 8, 0, 5]);
  const entries = [[0x102, 3, 1, 16 << 16], [0x10f, 2, 6, 80], [0x111, 4, 1, 90], [0x112, 3, 1, 6 << 16], [0x8773, 7, 5, 90]];
  for (const [index, [tag, type, count, value]] of entries.entries()) {
    view.setUint16(10 + 12 * index, tag);
    view.setUint16(12 + 12 * index, type);
    view.setUint32(14 + 12 * index, count);
    view.setUint32(18 + 12 * index, value);
  }
  out.set(ascii("Canon\0"), 80);
  out.set([1, 2, 3, 4, 5], 90);
  return out;
}

/** The entries of EXIF data, by a reader of its own: tag to text, or to a number. */
function entriesOf(exif: Uint8Array): Record<string, string | number> {
  const view = new DataView(exif.buffer, exif.byteOffset);
  const found: Record<string, string | number> = {};
  const walk = (at: number) => {
    for (let index = 0; index < view.getUint16(at); index++) {
      const place = at + 2 + 12 * index;
      const [tag, type, count] = [view.getUint16(place), view.getUint16(place + 2), view.getUint32(place + 4)];
      const from = count > 4 ? view.getUint32(place + 8) : place + 8;
      const name = tag.toString(16);
      if (type === 2) found[name] = String.fromCharCode(...exif.subarray(from, from + count - 1));
      else if (tag === 0x8769 || tag === 0x8825) walk(view.getUint32(place + 8));
      else found[name] = view.getUint16(place + 8);
    }
  };
  walk(view.getUint32(4));
  return found;
}

describe("metadata", () => {
  test("by default date, camera and copyright stay, the place and the serial number go", () => {
    const kept = keepExif(makeExif(), "some") as Uint8Array;
    expect(entriesOf(kept)).toEqual({ "10f": "Canon", "8298": "(c) Ann", "9003": "2026:11:27 15:00:00" });
  });
  test("directories are found by pointers of either type", () => {
    const exif = makeExif();
    exif[8 + 2 + 3 * 12 + 3] = 13;
    expect(entriesOf(keepExif(exif, "some") as Uint8Array)).toMatchObject({ "9003": "2026:11:27 15:00:00" });
  });
  test("all of it but the orientation, for the pixels are upright now", () => {
    const kept = entriesOf(keepExif(makeExif(), "all") as Uint8Array);
    expect(kept).toEqual({ "10f": "Canon", "8298": "(c) Ann", "9003": "2026:11:27 15:00:00", a431: "S-123", "1": "N" });
  });
  test("none, and damaged data count as none", () => {
    expect(keepExif(makeExif(), "none")).toBeUndefined();
    expect(keepExif(makeExif().subarray(0, 30), "some")).toBeUndefined();
  });
  test("goes into JPEG after its header and into WebP at its end", () => {
    const exif = new Uint8Array([9, 8, 7]);
    const jpeg = new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 1, 0xff, 0xda, 0, 2, 5]);
    expect([...exifIntoJpeg(jpeg, exif)]).toEqual([
      0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 1, 0xff, 0xe1, 0, 11, ...ascii("Exif"), 0, 0, 9, 8, 7, 0xff, 0xda, 0, 2, 5,
    ]);
    expect([...jpegParts(exifIntoJpeg(jpeg, exif))].map(({ type }) => type)).toEqual(["e0", "e1"]);
    expect([...jpegParts(new Uint8Array([0xff, 0xd8, 0xff, 0xff, 0xff, 0xe1, 0, 3, 7, 0xff, 0xd9]))].map(({ type }) => type)).toEqual(["e1"]);
    const webp = new Uint8Array([...ascii("RIFF"), 14, 0, 0, 0, ...ascii("WEBPVP8L"), 2, 0, 0, 0, 1, 2]);
    const out = exifIntoWebp(webp, exif, 300, 200, true);
    const parts = [...webpParts(out)];
    expect(parts.map(({ type }) => type)).toEqual(["VP8X", "VP8L", "EXIF"]);
    expect([...parts[0].body]).toEqual([0x18, 0, 0, 0, 43, 1, 0, 199, 0, 0]); // 299 and 199
    expect([...parts[2].body]).toEqual([9, 8, 7]);
    expect(new DataView(out.buffer).getUint32(4, true)).toBe(out.length - 8);
  });
});

describe("16-bit PNG", () => {
  const deep = (channels: 1 | 2 | 3 | 4) => ({
    data: Uint16Array.from({ length: 7 * 5 * channels }, (_, at) => (at * 9241 + 77) % 65536),
    width: 7,
    height: 5,
    channels,
  });
  test.each([1, 2, 3, 4] as const)("of %i channels: what goes in comes out", async (channels) => {
    const picture = deep(channels);
    expect(await decodeDeep(await bytes(await encodeDeep(picture)))).toEqual(picture);
  });
  test("tiles are cut, mirrored and put back exactly; alpha stays", () => {
    const picture = deep(4);
    const tile = cutDeep(picture, { x: 3, y: 1, width: 6, height: 4 });
    expect(tile.channels).toBe(3);
    expect(tile.data[0] * 65535).toBeCloseTo(picture.data[(7 + 3) * 4], 1);
    expect(tile.data[4 * 3]).toBe(tile.data[2 * 3]); // column 7 mirrors column 5
    const copy = { ...picture, data: picture.data.slice().fill(5) };
    const inner = cutDeep(picture, { x: 1, y: 1, width: 2, height: 2 });
    putDeep(copy, { x: 1, y: 1, width: 2, height: 2 }, inner);
    for (let c = 0; c < 3; c++) expect(copy.data[(7 + 1) * 4 + c]).toBe(picture.data[(7 + 1) * 4 + c]);
    expect(copy.data[(7 + 1) * 4 + 3]).toBe(5);
  });
});

describe("files are known by their content", () => {
  test.each([
    ["heic", [0, 0, 0, 24, ...ascii("ftypheic"), 0, 0, 0, 0, ...ascii("mif1heic")]],
    ["avif", [0, 0, 0, 24, ...ascii("ftypmif1"), 0, 0, 0, 0, ...ascii("mif1avif")]],
    ["video", [0, 0, 0, 24, ...ascii("ftypisom"), 0, 0, 0, 0, ...ascii("isomavc1")]],
    ["tiff", ascii("II*\0abc")],
    ["svg", ascii('<?xml version="1.0"?><svg width="3">')],
    ["pdf", ascii("%PDF-1.7")],
    ["text", ascii("these are notes")],
    ["unknown", [1, 2, 3, 0, 5]],
  ] as const)("%s", (kind, content) => {
    expect(kindOf(new Uint8Array(content))).toBe(kind);
  });
  test("HEIC and AVIF tell their colours: code points or a profile, in a box of theirs", () => {
    const box = (type: string, ...content: number[]) => [0, 0, 0, 8 + content.length, ...ascii(type), ...content];
    const file = (...colour: number[]) => new Uint8Array([...box("ftyp", ...ascii("heicmif1")), ...box("cccc", 1), ...box("colr", ...colour), ...new Array(20).fill(0)]);
    expect([...(readFacts(file(...ascii("nclx"), 0, 12, 0, 13, 0, 6, 0x80)).cicp ?? [])]).toEqual([12, 13, 6, 1]);
    expect([...(readFacts(file(...ascii("prof"), 1, 2, 3)).icc?.bytes ?? [])]).toEqual([1, 2, 3]);
    expect(readFacts(new Uint8Array([...box("ftyp", ...ascii("heic"))])).icc).toBeUndefined();
  });
  test("a GIF of two frames moves, one of one does not", () => {
    const frame = [0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0];
    const head = [...ascii("GIF89a"), 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255];
    expect(readFacts(new Uint8Array([...head, ...frame, 0x3b])).animated).toBe(false);
    expect(readFacts(new Uint8Array([...head, ...frame, 0x21, 0xf9, 4, 0, 0, 0, 0, 0, ...frame, 0x3b])).animated).toBe(true);
  });
});

test("a PNG tells its depth, profile, code points and EXIF data", async () => {
  const pixels = [{ data: new Uint8ClampedArray(4), width: 1, height: 1 }];
  const chunks = [
    { type: "cICP", body: new Uint8Array([12, 13, 0, 1]) },
    { type: "iCCP", body: new Uint8Array([...ascii("P3"), 0, 0, 1, 2, 3]) },
    { type: "eXIf", body: new Uint8Array([4, 5]) },
  ];
  const png = await bytes(await encodePng(1, 1, "rgb", pixels, chunks));
  const facts = readFacts(png);
  expect([...new Set([...pngParts(png)].map(({ type }) => type))]).toEqual(["IHDR", "cICP", "iCCP", "eXIf", "IDAT", "IEND"]);
  expect(facts).toMatchObject({ bits: 8, animated: false, icc: { packed: true } });
  expect([...(facts.cicp ?? [])]).toEqual([12, 13, 0, 1]);
  expect([...(facts.icc?.bytes ?? [])]).toEqual([1, 2, 3]);
  expect([...(facts.exif ?? [])]).toEqual([4, 5]);
});

test("a PNG of another gamma or other primaries is not on the curve of sRGB, unless a profile says more", async () => {
  const pixels = [{ data: new Uint8ClampedArray(4), width: 1, height: 1 }];
  const number = (value: number) => [0, value >> 16, (value >> 8) & 255, value & 255];
  const curve = async (...chunks: { type: string; body: number[] }[]) => {
    const named = chunks.map(({ type, body }) => ({ type, body: new Uint8Array(body) }));
    return onSrgbCurve(readFacts(await bytes(await encodePng(1, 1, "rgb", pixels, named))));
  };
  const primaries = (redX: number) => ({ type: "cHRM", body: [31270, 32900, redX, 33000, 30000, 60000, 15000, 6000].flatMap(number) });
  expect(await curve()).toBe(true);
  expect(await curve({ type: "gAMA", body: number(45455) }, primaries(64000))).toBe(true);
  expect(await curve({ type: "gAMA", body: number(100_000) })).toBe(false);
  expect(await curve({ type: "gAMA", body: number(45455) }, primaries(68000))).toBe(false);
  expect(await curve({ type: "gAMA", body: number(100_000) }, { type: "iCCP", body: [...ascii("P3"), 0, 0, 1] })).toBe(true);
  expect(await curve({ type: "cICP", body: [12, 16, 0, 1] })).toBe(false); // PQ
});

test("a TIFF tells its depth, profile and what EXIF data tell; HEIC has those behind their name", () => {
  const tiff = makeTiff();
  const facts = readFacts(tiff);
  expect(facts.bits).toBe(16);
  expect([...(facts.icc?.bytes ?? [])]).toEqual([1, 2, 3, 4, 5]);
  expect(orientationOf(tiff)).toBe(6);
  expect(entriesOf(keepExif(facts.exif as Uint8Array, "all") as Uint8Array)).toEqual({ "10f": "Canon" });
  const heic = new Uint8Array([0, 0, 0, 12, ...ascii("ftypheic"), 0, 0, 0, 6, ...ascii("Exif"), 0, 0, ...makeExif()]);
  const kept = keepExif(readFacts(heic).exif as Uint8Array, "some") as Uint8Array;
  expect(entriesOf(kept)).toEqual({ "10f": "Canon", "8298": "(c) Ann", "9003": "2026:11:27 15:00:00" });
});

test("the gamut of a profile, by its red", () => {
  const profile = (x: number, space = "RGB ") => {
    const out = new Uint8Array(200);
    const view = new DataView(out.buffer);
    out.set(ascii(space), 16);
    view.setUint32(128, 1);
    out.set(ascii("rXYZ"), 132);
    view.setUint32(136, 144);
    view.setInt32(152, Math.round(x * 65536));
    return out;
  };
  expect(gamut(profile(0.43607))).toBe("srgb");
  expect(gamut(profile(0.51512))).toBe("p3");
  expect(gamut(profile(0.60974))).toBe("other"); // Adobe RGB
  expect(gamut(profile(0.5, "CMYK"))).toBe("none");
});
