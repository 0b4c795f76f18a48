import { expect, test } from "vitest";
import * as noise from "../src/maths/noise.ts";
import type { Rgba } from "../src/maths/pixels.ts";

function flat(value: number, side = 200): Rgba {
  const data = new Uint8ClampedArray(side * side * 4).fill(value);
  for (let at = 3; at < data.length; at += 4) data[at] = 255;
  return { data, width: side, height: side };
}

function statistics({ data }: Rgba): { mean: number; deviation: number } {
  const values = data.filter((_, at) => at % 4 !== 3);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}

test("Gaussian noise has mean 0 and the deviation asked for", () => {
  const { mean, deviation } = statistics(noise.gaussian(flat(128), 20, 1));
  expect(mean).toBeCloseTo(128, 0);
  expect(deviation).toBeGreaterThan(19.7);
  expect(deviation).toBeLessThan(20.3);
});

test.each([
  [10, 100], // 4 photons a pixel: drawn exactly
  [200, 128],
])("Poisson noise of %i photons keeps the mean; its variance is the mean", (peak, value) => {
  const { mean, deviation } = statistics(noise.poisson(flat(value), peak, 1));
  const expected = Math.sqrt((value / 255) * peak) * (255 / peak);
  expect(Math.abs(mean - value)).toBeLessThan(1);
  // At 4 photons a few counts beyond white are clipped.
  expect(Math.abs(deviation / expected - 1)).toBeLessThan(0.05);
});

test("blocks are black, aligned to nothing, and of the area asked for", () => {
  const { data } = noise.blocks(flat(255), 0.1, 8, 1);
  const black = data.filter((value, at) => at % 4 === 0 && value === 0).length / (200 * 200);
  expect(black).toBeGreaterThan(0.08); // some overlap
  expect(black).toBeLessThanOrEqual(0.1);
  expect(data.filter((value, at) => at % 4 === 3 && value !== 255)).toHaveLength(0);
});

test("the same seed gives the same noise, another seed another", () => {
  const image = flat(100, 8);
  for (const kind of [noise.gaussian, noise.poisson]) {
    expect(kind(image, 30, 5).data).toEqual(kind(image, 30, 5).data);
    expect(kind(image, 30, 5).data).not.toEqual(kind(image, 30, 6).data);
  }
  expect(image.data[0]).toBe(100); // the input stays as it is
});
