/** Noise for the Lab and the samples. Every function is pure and takes a seed. */
import type { Rgba } from "./pixels.ts";

/** A small, fast generator of numbers in [0, 1): mulberry32. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Normally distributed numbers, mean 0 and deviation 1, by the method of Box and Muller. */
function normalNumbers(seed: number): () => number {
  const random = randomNumbers(seed);
  let spare: number | undefined;
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

function perValue(image: Rgba, change: (value: number) => number): Rgba {
  const data = new Uint8ClampedArray(image.data);
  for (let at = 0; at < data.length; at++) {
    if (at % 4 !== 3) data[at] = change(data[at]);
  }
  return { data, width: image.width, height: image.height };
}

/** Adds Gaussian noise of deviation `sigma` on the 0 to 255 scale. */
export function gaussian(image: Rgba, sigma: number, seed: number): Rgba {
  const normal = normalNumbers(seed);
  return perValue(image, (value) => value + sigma * normal());
}

/**
 * Photon noise: white counts `peak` photons. A count of mean m is drawn as a normal
 * number of mean and variance m above 20, exactly (by Knuth's product) below.
 */
export function poisson(image: Rgba, peak: number, seed: number): Rgba {
  const random = randomNumbers(seed);
  const normal = normalNumbers(seed ^ 0x5bd1e995);
  return perValue(image, (value) => {
    const mean = (value / 255) * peak;
    if (mean > 20) return ((mean + Math.sqrt(mean) * normal()) / peak) * 255;
    const limit = Math.exp(-mean);
    let count = -1;
    for (let product = 1; product > limit || count < 0; count++) product *= random();
    return (count / peak) * 255;
  });
}

/** Knocks out square blocks of `side` pixels, black, until `fraction` of the area is tried. */
export function blocks(image: Rgba, fraction: number, side: number, seed: number): Rgba {
  const random = randomNumbers(seed);
  const { width, height } = image;
  const data = new Uint8ClampedArray(image.data);
  const count = Math.round((fraction * width * height) / (side * side));
  for (let block = 0; block < count; block++) {
    const left = Math.floor(random() * Math.max(1, width - side + 1));
    const top = Math.floor(random() * Math.max(1, height - side + 1));
    for (let y = top; y < Math.min(height, top + side); y++) {
      const from = (y * width + left) * 4;
      for (let x = 0; x < Math.min(side, width - left); x++) {
        data.fill(0, from + x * 4, from + x * 4 + 3);
      }
    }
  }
  return { data, width, height };
}

/** Adds the same normal number to red, green and blue: grain, as a camera's own cleaning leaves it. */
export function grain(image: Rgba, sigma: number, seed: number): Rgba {
  const normal = normalNumbers(seed);
  const data = new Uint8ClampedArray(image.data);
  for (let at = 0; at < data.length; at += 4) {
    const value = sigma * normal();
    for (let c = 0; c < 3; c++) data[at + c] = image.data[at + c] + value;
  }
  return { data, width: image.width, height: image.height };
}

/** Side of a blotch in pixels. */
const BLOTCH = 6;

/**
 * Adds coarse spots of colour that leave the brightness (BT.601) as it is: normal numbers of
 * deviation `sigma` in Cb and Cr on a grid of 6 pixels, bilinear between its points.
 */
export function blotches(image: Rgba, sigma: number, seed: number): Rgba {
  const { width, height } = image;
  const normal = normalNumbers(seed);
  const across = Math.ceil(width / BLOTCH) + 1;
  const down = Math.ceil(height / BLOTCH) + 1;
  const [cb, cr] = [0, 1].map(() => Float32Array.from({ length: across * down }, () => sigma * normal()));
  const at = (grid: Float32Array, x: number, y: number) => {
    const [column, row] = [Math.floor(x / BLOTCH), Math.floor(y / BLOTCH)];
    const [u, v] = [x / BLOTCH - column, y / BLOTCH - row];
    const from = row * across + column;
    const top = grid[from] * (1 - u) + grid[from + 1] * u;
    return top * (1 - v) + (grid[from + across] * (1 - u) + grid[from + across + 1] * u) * v;
  };
  const data = new Uint8ClampedArray(image.data);
  for (let y = 0, pixel = 0; y < height; y++) {
    for (let x = 0; x < width; x++, pixel += 4) {
      const [blue, red] = [at(cb, x, y), at(cr, x, y)];
      data[pixel] = image.data[pixel] + 1.402 * red;
      data[pixel + 1] = image.data[pixel + 1] - 0.344136 * blue - 0.714136 * red;
      data[pixel + 2] = image.data[pixel + 2] + 1.772 * blue;
    }
  }
  return { data, width, height };
}

/** The noise of a small sensor in dim light: photon noise, then read noise. */
export function sensor(image: Rgba, seed: number): Rgba {
  return gaussian(poisson(image, 130, seed), 11, seed + 1);
}
