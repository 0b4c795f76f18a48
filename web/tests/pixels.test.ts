import { describe, expect, test } from "vitest";
import { blend } from "../src/maths/blend.ts";
import { depthToSpace } from "../src/maths/depth.ts";
import { psnr } from "../src/maths/metrics.ts";
import * as pixels from "../src/maths/pixels.ts";

function rgba(width: number, height: number, ...values: number[]): pixels.Rgba {
  return { data: new Uint8ClampedArray(values), width, height };
}

test("to float and back keeps all 256 values", () => {
  const values = Array.from({ length: 256 }, (_, value) => [value, 255 - value, value, 255]).flat();
  const image = rgba(256, 1, ...values);
  expect(pixels.toRgba(pixels.toFloat(image)).data).toEqual(image.data);
});

test("results are clipped and rounded, not wrapped", () => {
  const data = new Float32Array([-0.2, 1.3, 0.5]);
  expect([...pixels.toRgba({ data, width: 1, height: 1, channels: 3 }).data]).toEqual([0, 255, 128, 255]);
});

test("channels are taken apart and joined again", () => {
  const image = { data: new Float32Array([1, 2, 3, 4, 5, 6]), width: 2, height: 1, channels: 3 };
  const planes = [0, 1, 2].map((channel) => pixels.takeChannel(image, channel));
  expect([...planes[1].data]).toEqual([2, 5]);
  expect(pixels.joinChannels(planes)).toEqual(image);
});

test("grey and transparency are recognized and kept", () => {
  const grey = rgba(2, 1, 9, 9, 9, 255, 7, 7, 7, 128);
  expect(pixels.isGrey(grey)).toBe(true);
  expect(pixels.isGrey(rgba(1, 1, 9, 9, 8, 255))).toBe(false);
  expect(pixels.isOpaque(grey)).toBe(false);
  const result = rgba(2, 1, 10, 20, 30, 255, 0, 0, 3, 255);
  pixels.makeGrey(result);
  pixels.copyAlpha(grey, result);
  expect([...result.data]).toEqual([20, 20, 20, 255, 1, 1, 1, 128]);
});

test("padding mirrors to the right and downwards", () => {
  const image = rgba(2, 2, 1, 0, 0, 255, 2, 0, 0, 255, 3, 0, 0, 255, 4, 0, 0, 255);
  const { data } = pixels.padReflect(image, 4, 3);
  const red = [...data].filter((_, at) => at % 4 === 0);
  expect(red).toEqual([1, 2, 1, 2, 3, 4, 3, 4, 1, 2, 1, 2]);
});

test("padding mirrors before the picture, too", () => {
  const image = rgba(3, 1, 1, 0, 0, 255, 2, 0, 0, 255, 3, 0, 0, 255);
  const { data } = pixels.padReflect(image, 6, 2, 2, 1);
  const red = [...data].filter((_, at) => at % 4 === 0);
  expect(red).toEqual([3, 2, 1, 2, 3, 2, 3, 2, 1, 2, 3, 2]);
});

test("every orientation is turned upright", () => {
  // What a picture of 2 x 3 whose values are 1 to 6 becomes, row by row.
  const image = rgba(2, 3, ...[1, 2, 3, 4, 5, 6].flatMap((value) => [value, 0, 0, 255]));
  const wanted = ["123456", "214365", "654321", "563412", "135246", "531642", "642531", "246135"];
  for (const [at, values] of wanted.entries()) {
    const { data, width } = pixels.turned(image, at + 1);
    expect([...data].filter((_, at) => at % 4 === 0).join(""), `${at + 1}`).toBe(values);
    expect(width).toBe(at < 4 ? 2 : 3);
  }
});

test("crop cuts what it is told to", () => {
  const data = Float32Array.from({ length: 12 }, (_, at) => at);
  const part = pixels.crop({ data, width: 4, height: 3, channels: 1 }, { x: 1, y: 1, width: 2, height: 2 });
  expect([...part.data]).toEqual([5, 6, 9, 10]);
});

const full = { strength: 1, luma: 1, colour: 1, detail: 0 };

test("strength goes from the noisy to the clean picture and keeps alpha", () => {
  const noisy = rgba(1, 1, 100, 0, 255, 77);
  const clean = rgba(1, 1, 50, 10, 255, 255);
  const at = (strength: number) => [...blend(noisy, clean, { ...full, strength }).data];
  expect(at(0)).toEqual([100, 0, 255, 77]);
  expect(at(0.5)).toEqual([75, 5, 255, 77]);
  expect(at(1)).toEqual([50, 10, 255, 77]);
  expect(() => blend(noisy, rgba(2, 1, 0, 0, 0, 0, 0, 0, 0, 0), full)).toThrow(RangeError);
});

describe("brightness and colour are taken apart as BT.601 does", () => {
  // d = (40, 10, -20): dY = 0.299 * 40 + 0.587 * 10 - 0.114 * 20 = 15.55
  const noisy = rgba(1, 1, 100, 100, 100, 255);
  const clean = rgba(1, 1, 140, 110, 80, 255);
  test("brightness alone moves all three alike", () => {
    expect([...blend(noisy, clean, { ...full, colour: 0 }).data]).toEqual([116, 116, 116, 255]);
  });
  test("colour alone leaves the brightness", () => {
    // d - dY = (24.45, -5.55, -35.55)
    expect([...blend(noisy, clean, { ...full, luma: 0 }).data]).toEqual([124, 94, 64, 255]);
  });
  test("half of each is half of all", () => {
    const half = blend(noisy, clean, { ...full, luma: 0.5, colour: 0.5 });
    expect([...half.data]).toEqual([...blend(noisy, clean, { ...full, strength: 0.5 }).data]);
  });
});

test("keeping detail gives single pixels back, but not what is removed everywhere", () => {
  const side = 9;
  const flat = (value: number) => rgba(side, side, ...Array.from({ length: side * side }, () => [value, value, value, 255]).flat());
  const keep = { ...full, detail: 1 };
  expect([...blend(flat(120), flat(100), keep).data.slice(0, 4)]).toEqual([100, 100, 100, 255]);
  const dot = flat(100);
  const middle = 4 * (4 * side + 4);
  dot.data.fill(200, middle, middle + 3);
  // d = -100 in the middle; its blur there is -100 * (6 / 16)^2 = -14.06, which stays removed.
  expect(blend(dot, flat(100), keep).data[middle]).toBe(186);
  expect(blend(dot, flat(100), full).data[middle]).toBe(100);
});

test("the spot that changed most", () => {
  const [width, height] = [300, 200];
  const picture = () => ({ data: new Uint8ClampedArray(width * height * 4).fill(90), width, height });
  const [before, after] = [picture(), picture()];
  for (let y = 110; y < 150; y++) for (let x = 100; x < 180; x++) after.data[(y * width + x) * 4 + 1] = 30;
  const { x, y, change } = pixels.largestChange(before, after);
  expect([x, y]).toEqual([144, 144]); // the square from 96 to 192 in both directions
  expect(change).toBeCloseTo((60 * 40 * 80) / (96 * 96), 5);
});

test("depth to space: groups of channels become squares, row by row", () => {
  // One row of two pixels with 2 x 2 x 2 channels each, numbered by what they become.
  const input = Float32Array.from([0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15]);
  const out = new Float32Array(16);
  depthToSpace(input, out, 1, 2, 2, 2);
  expect([...out]).toEqual([...Array(16).keys()]);
});

test("PSNR by hand", () => {
  const a = rgba(1, 1, 100, 100, 100, 255);
  expect(psnr(a, rgba(1, 1, 110, 110, 110, 255))).toBeCloseTo(28.1308, 4);
  expect(psnr(a, a)).toBe(Number.POSITIVE_INFINITY);
});
