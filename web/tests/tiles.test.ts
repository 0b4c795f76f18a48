import { describe, expect, test } from "vitest";
import { cutLength, nearest, planTiles, reflect } from "../src/maths/tiles.ts";

const RULES = { multiple: 8, halo: 56, margin: 0, maxPixels: 512 * 512, lanes: 2 };

describe("planTiles", () => {
  test.each([
    [1, 1],
    [7, 333],
    [800, 541],
    [1500, 1125],
    [4032, 3024],
    [50_000, 100],
  ])("covers %i x %i once, with enough context, aligned", (width, height) => {
    const tiles = planTiles(width, height, RULES);
    let area = 0;
    const padded = [Math.ceil(width / 8) * 8, Math.ceil(height / 8) * 8];
    for (const { source, keep } of tiles) {
      area += keep.width * keep.height;
      expect(source.width * source.height).toBeLessThanOrEqual(RULES.maxPixels);
      for (const value of Object.values(source)) expect(value % 8).toBe(0);
      const left = keep.x - source.x;
      const right = source.x + source.width - (keep.x + keep.width);
      expect(source.x === 0 || left >= 56).toBe(true);
      expect(source.x + source.width === padded[0] || right >= 56).toBe(true);
      const top = keep.y - source.y;
      const bottom = source.y + source.height - (keep.y + keep.height);
      expect(source.y === 0 || top >= 56).toBe(true);
      expect(source.y + source.height === padded[1] || bottom >= 56).toBe(true);
    }
    expect(area).toBe(width * height);
    const corners = new Set(tiles.map(({ keep }) => `${keep.x},${keep.y}`));
    expect(corners.size).toBe(tiles.length); // equal area and distinct: no overlap
  });

  test.each([
    [1, 1, 5],
    [7, 333, 100],
    [800, 541, 300],
    [4032, 3024, 512],
  ])("continues %i x %i on all sides by the margin", (width, height, side) => {
    const rules = { multiple: 8, halo: 24, margin: 16, maxPixels: Math.max(side, 90) ** 2, lanes: 2 };
    const tiles = planTiles(width, height, rules);
    const last = [Math.ceil((width + 32) / 8) * 8 - 16, Math.ceil((height + 32) / 8) * 8 - 16];
    let area = 0;
    for (const { source, keep } of tiles) {
      area += keep.width * keep.height;
      expect(Math.min(keep.width, keep.height)).toBeGreaterThan(0);
      for (const value of Object.values(source)) expect(value % 8 === 0).toBe(true);
      for (const [from, kept, until, keptUntil, border] of [
        [source.x, keep.x, source.x + source.width, keep.x + keep.width, last[0]],
        [source.y, keep.y, source.y + source.height, keep.y + keep.height, last[1]],
      ]) {
        expect(kept - from).toBeGreaterThanOrEqual(from === -16 ? 16 : 24);
        expect(until - keptUntil).toBeGreaterThanOrEqual(until === border ? 16 : 24);
      }
    }
    expect(area).toBe(width * height);
    expect(Math.min(...tiles.map(({ source }) => source.x))).toBe(-16);
    expect(Math.max(...tiles.map(({ source }) => source.y + source.height))).toBe(last[1]);
  });

  test("all tiles have one size, so that a GPU compiles once", () => {
    const sizes = planTiles(4032, 3024, RULES).map(({ source }) => `${source.width}x${source.height}`);
    expect(new Set(sizes).size).toBe(1);
  });

  test("a small picture is shared between the lanes", () => {
    expect(planTiles(800, 541, { ...RULES, maxPixels: 1e6 })).toHaveLength(2);
    expect(planTiles(800, 541, { ...RULES, maxPixels: 1e6, lanes: 1 })).toHaveLength(1);
  });

  test("begins in the middle", () => {
    const [{ keep }] = planTiles(4000, 3000, RULES);
    expect(Math.abs(keep.x + keep.width / 2 - 2000)).toBeLessThan(450);
    expect(Math.abs(keep.y + keep.height / 2 - 1500)).toBeLessThan(450);
  });

  test("says so when no tile can hold the halo", () => {
    expect(() => planTiles(1000, 1000, { ...RULES, maxPixels: 100 * 100 })).toThrow(/halo of 56/);
  });
});

test("nearest: what is on the screen goes first, then its neighbours", () => {
  const tiles = planTiles(4000, 3000, RULES);
  const view = { x: 3300, y: 2400, width: 700, height: 600 };
  const order: { x: number; y: number; width: number; height: number }[] = [];
  for (const left = [...tiles]; left.length > 0; ) order.push(left.splice(nearest(left, view), 1)[0].keep);
  const meets = ({ x, y, width, height }: (typeof order)[0]) => x + width > 3300 && y + height > 2400 && x < 4000 && y < 3000;
  const seen = order.filter(meets).length;
  expect(seen).toBeGreaterThan(2);
  expect(order.slice(0, seen).every(meets)).toBe(true);
  const [first] = order;
  expect(first.x <= 3650 && 3650 <= first.x + first.width && first.y <= 2700 && 2700 <= first.y + first.height).toBe(true);
  expect([order.at(-1)?.x, order.at(-1)?.y]).toEqual([0, 0]); // the far corner
});

test("cutLength by hand: 100 in two with a halo of 16", () => {
  // padded 104; step = ceil8((104 - 32) / 2) = 40; size = 72
  expect(cutLength(100, 2, 8, 16)).toEqual([
    { start: 0, size: 72, keepFrom: 0, keepTo: 56 },
    { start: 32, size: 72, keepFrom: 56, keepTo: 100 },
  ]);
});

test("reflect mirrors without repeating the border", () => {
  expect([-2, -1, 0, 1, 2, 3, 4, 5].map((index) => reflect(index, 3))).toEqual([2, 1, 0, 1, 2, 1, 0, 1]);
  expect(reflect(5, 1)).toBe(0);
});
