import { expect, test } from "vitest";
import { cleanWhole } from "../src/jobs/whole.ts";
import type { ModelCard } from "../src/jobs/models.ts";
import { dab, emptyMask, painted, stroke } from "../src/maths/brush.ts";
import type { FloatImage, Rgba } from "../src/maths/pixels.ts";

test("a spot is full in its middle half, fades, and ends at its radius", () => {
  const mask = emptyMask(40, 40);
  dab(mask, { x: 20, y: 20 }, 8);
  const at = (x: number, y: number) => mask.data[y * 40 + x];
  expect(at(20, 20)).toBe(1);
  expect(at(22, 20)).toBe(1); // 2.5 pixels away
  expect(at(25, 20)).toBeCloseTo(2 - (2 * Math.hypot(5.5, 0.5)) / 8, 5);
  expect(at(28, 20)).toBe(0); // 8.5 away
  const area = mask.data.reduce((sum, value) => sum + value, 0);
  // A cone cut off at half its height: full to 4, then falling to 8. Its volume is 7/12 of the cylinder's.
  expect(area / (Math.PI * 64)).toBeCloseTo(7 / 12, 1);
});

test("a spot at the border stays inside, and a second does not add to the first", () => {
  const mask = emptyMask(10, 10);
  dab(mask, { x: 0, y: 0 }, 6);
  dab(mask, { x: 0, y: 0 }, 6);
  expect(Math.max(...mask.data)).toBe(1);
  expect(mask.data[9 * 10 + 9]).toBe(0);
});

test("a stroke has no gaps and covers nothing else", () => {
  const mask = emptyMask(100, 30);
  stroke(mask, { x: 15, y: 15 }, { x: 85, y: 15 }, 8);
  const row = (y: number) => [...mask.data.subarray(y * 100 + 15, y * 100 + 85)];
  expect(Math.min(...row(15))).toBe(1);
  expect(Math.max(...row(2), ...row(27))).toBe(0);
});

test("painted: clean at 0, noisy at 1, half way at a half; transparency stays", () => {
  const picture = (value: number, alpha: number): Rgba => ({ data: new Uint8ClampedArray([1, 2, 3].flatMap(() => [value, value, value, alpha])), width: 3, height: 1 });
  const mask = emptyMask(3, 1);
  mask.data.set([0, 0.5, 1]);
  const { data } = painted(picture(100, 7), picture(200, 9), mask);
  expect([...data]).toEqual([100, 100, 100, 7, 150, 150, 150, 7, 200, 200, 200, 7]);
});

test.each([0, 16])("a picture cleaned whole is continued by a margin of %i, and comes back in its size", async (margin) => {
  const [width, height] = [21, 13];
  const data = Uint8ClampedArray.from({ length: width * height * 4 }, (_, at) => (at % 4 === 3 ? 255 : (at * 31) % 251));
  let seen: FloatImage | undefined;
  const card = { size_multiple: 8, margin } as ModelCard;
  const run = async (image: FloatImage) => (seen = image);
  const result = await cleanWhole({ data, width, height }, { card, run });
  expect([seen?.width, seen?.height]).toEqual(margin ? [56, 48] : [24, 16]);
  expect([result.width, result.height]).toEqual([width, height]);
  const colours = [...data].filter((_, at) => at % 4 !== 3);
  expect([...result.data].map((value) => Math.round(value * 255))).toEqual(colours);
  // Left of the picture is its mirror image.
  if (margin) expect(seen?.data[(margin * 56 + margin - 2) * 3]).toBe(seen?.data[(margin * 56 + margin + 2) * 3]);
});
