import { gzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { best, type Tester, tryBackends } from "../src/jobs/choose.ts";
import { denoise } from "../src/jobs/denoise.ts";
import { largestDifference } from "../src/jobs/lane.ts";
import { fetchFiles, parseCheck } from "../src/jobs/models.ts";
import { laneCount } from "../src/jobs/pool.ts";
import type { FloatImage } from "../src/maths/pixels.ts";
import { planTiles, type Rect, type Tile } from "../src/maths/tiles.ts";
import { cleanTile, type TileStore } from "../src/picture/tile.ts";
import { fromHalf, resize, weightBytes, withWeights } from "../src/maths/weights.ts";
import type { Backend, Probe } from "../src/protocol/engine.ts";

/** A picture of one channel whose pixels are their own index. */
class Store implements TileStore {
  readonly result: Float32Array;
  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.result = new Float32Array(width * height).fill(Number.NaN);
  }
  value(x: number, y: number): number {
    const inside = x >= 0 && y >= 0 && x < this.width && y < this.height;
    return inside ? y * this.width + x : 0;
  }
  async cut({ x, y, width, height }: Rect): Promise<FloatImage> {
    const data = Float32Array.from({ length: width * height }, (_, at) =>
      this.value(x + (at % width), y + Math.floor(at / width)),
    );
    return { data, width, height, channels: 1 };
  }
  async put({ x, y, width }: Rect, image: FloatImage): Promise<void> {
    image.data.forEach((value, at) => {
      this.result[(y + Math.floor(at / width)) * this.width + x + (at % width)] = value;
    });
  }
}

interface Runner {
  run(image: FloatImage): Promise<FloatImage>;
}

/** Goes through tiles of 40 x 40, or whatever is told. */
function runAll(store: TileStore, lanes: Runner[], signal = never, tiles = planTiles(100, 72, RULES), onTile = (_: Tile) => {}) {
  const clean = (tile: Tile, lane: Runner) => cleanTile(tile, store, (image) => lane.run(image));
  return denoise(lanes, tiles, clean, signal, onTile);
}

/** Means over 17 x 17 with zeros outside: what a convolution does. */
const blur: Runner = {
  run: async ({ data, width, height, channels }) => {
    const out = new Float32Array(data.length);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let dy = -8; dy <= 8; dy++) {
          for (let dx = -8; dx <= 8; dx++) {
            const [sx, sy] = [x + dx, y + dy];
            if (sx >= 0 && sy >= 0 && sx < width && sy < height) sum += data[sy * width + sx];
          }
        }
        out[y * width + x] = sum / 289;
      }
    }
    return { data: out, width, height, channels };
  },
};

const RULES = { multiple: 4, halo: 8, margin: 0, maxPixels: 40 * 40, lanes: 3 };
const never = new AbortController().signal;

describe("denoise", () => {
  test("tiles give what the whole picture gives", async () => {
    const [tiled, whole] = [new Store(100, 72), new Store(100, 72)];
    const tiles = planTiles(100, 72, RULES);
    expect(tiles.length).toBeGreaterThan(8);
    const progress: Tile[] = [];
    await runAll(tiled, [blur, blur, blur], never, tiles, (tile) => progress.push(tile));
    const one = planTiles(100, 72, { ...RULES, maxPixels: 1e6, lanes: 1 });
    expect(one).toHaveLength(1);
    await runAll(whole, [blur], never, one);
    expect(tiled.result).toEqual(whole.result);
    expect(new Set(progress)).toEqual(new Set(tiles));
  });

  test("the next tile is chosen anew each time, of those left", async () => {
    const tiles = planTiles(100, 72, RULES);
    const order: Tile[] = [];
    const clean = async (tile: Tile) => void order.push(tile);
    await denoise([blur], tiles, clean, never, () => {}, (left) => left.length - 1);
    expect(order).toEqual([...tiles].reverse());
  });

  test("another lane takes the place of one between two of its tiles", async () => {
    const tiles = planTiles(100, 72, RULES);
    const by: string[] = [];
    const busy = new Set<string>();
    const clean = async (_: Tile, lane: string) => {
      by.push(lane);
      busy.add(lane);
      await new Promise((resolve) => setTimeout(resolve, 1));
      busy.delete(lane);
    };
    const swap = (lane: string) => {
      expect(busy).not.toContain(lane);
      return lane === "a" && by.length > 3 ? "c" : lane;
    };
    await denoise(["a", "b"], tiles, clean, never, () => {}, undefined, swap);
    expect(by.slice(0, 4)).toEqual(["a", "b", "a", "b"]);
    expect(new Set(by.slice(4))).toEqual(new Set(["b", "c"]));
    expect(by).toHaveLength(tiles.length);
  });

  test("an abort rejects at once, though a tile never ends, and begins no other", async () => {
    const abort = new AbortController();
    const begun: (() => void)[] = [];
    const slow: Runner = { run: (image) => new Promise((resolve) => begun.push(() => resolve(image))) };
    const progress: Tile[] = [];
    const job = runAll(new Store(100, 72), [slow], abort.signal, undefined, (tile) => progress.push(tile));
    setTimeout(() => abort.abort(), 1);
    await expect(job).rejects.toThrow(/abort/i);
    begun[0]();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect([begun.length, progress]).toEqual([1, []]);
  });

  test("a failing lane is told apart from a failing store", async () => {
    const broken: Runner = { run: () => Promise.reject(new Error("context lost")) };
    await expect(runAll(new Store(100, 72), [broken])).rejects.toMatchObject({
      name: "EngineFailed",
      message: expect.stringContaining("context lost"),
    });
    const store = new Store(100, 72);
    store.cut = () => Promise.reject(new RangeError("disk"));
    await expect(runAll(store, [blur])).rejects.toThrow(RangeError);
  });
});

/** A machine as a table: what probing finds, and [difference, milliseconds] of the check. */
function machine(table: Record<Backend, [Probe, number, number] | Error>): Tester & { checked: Backend[] } {
  const checked: Backend[] = [];
  return {
    checked,
    probe: async (backend) => {
      const row = table[backend];
      return row instanceof Error ? "hardware" : row[0];
    },
    check: async (backend) => {
      checked.push(backend);
      const row = table[backend];
      if (row instanceof Error) throw row;
      return { difference: row[1], milliseconds: row[2] };
    },
  };
}

describe("the choice of a backend", () => {
  test("a fast GPU is taken and nothing else loaded", async () => {
    const tester = machine({ webgpu: ["hardware", 0.5, 5], webgl: ["hardware", 0.1, 3], wasm: ["hardware", 0.1, 9] });
    expect(best(await tryBackends(tester))?.backend).toBe("webgpu");
    expect(tester.checked).toEqual(["webgpu"]);
  });
  test("wrong numbers, failures and missing ones fall through", async () => {
    const tester = machine({ webgpu: ["hardware", 2.1, 5], webgl: new Error("lost"), wasm: ["hardware", 0.1, 90] });
    const trials = await tryBackends(tester);
    expect(trials.map(({ outcome }) => outcome)).toEqual(["wrong", "failed", "right"]);
    expect(best(trials)?.backend).toBe("wasm");
  });
  test("slow ones are compared by time", async () => {
    const tester = machine({ webgpu: ["missing", 0, 0], webgl: ["hardware", 0, 80], wasm: ["hardware", 0, 40] });
    expect(best(await tryBackends(tester))?.backend).toBe("wasm");
  });
  test("a software GPU is not loaded, unless chosen by hand", async () => {
    const tester = machine({ webgpu: ["software", 0, 900], webgl: ["software", 0, 900], wasm: ["hardware", 0, 40] });
    expect(best(await tryBackends(tester))?.backend).toBe("wasm");
    expect(tester.checked).toEqual(["wasm"]);
    expect(best(await tryBackends(tester, ["webgl"]))?.backend).toBe("webgl");
  });
  test("if none is right there is none", async () => {
    const wrong = ["hardware", 99, 1] as [Probe, number, number];
    expect(best(await tryBackends(machine({ webgpu: wrong, webgl: wrong, wasm: wrong })))).toBeUndefined();
  });
});

test("the difference from Keras counts clipped values, and not-a-number as infinite", () => {
  const expected = new Uint8Array([0, 255, 100]);
  expect(largestDifference(new Float32Array([-3, 7, 101.5 / 255]), expected)).toBeCloseTo(1.5, 3);
  expect(largestDifference(new Float32Array([0, 1, Number.NaN]), expected)).toBe(Number.POSITIVE_INFINITY);
  expect(largestDifference(new Float32Array(2), expected)).toBe(Number.POSITIVE_INFINITY);
});

test("lanes: one for a GPU, as many as cores for wasm, fewer with little memory", () => {
  expect(laneCount("webgpu", 16, 8)).toBe(1);
  expect(laneCount("wasm", 2, 8)).toBe(2);
  expect(laneCount("wasm", 16, 8)).toBe(4);
  expect(laneCount("wasm", 8, 2)).toBe(2);
});

test("check tiles: two squares of bytes", () => {
  const { side, noisy, expected } = parseCheck(Uint8Array.from({ length: 24 }, (_, at) => at), 3);
  expect([side, noisy[0], expected[0]]).toEqual([2, 0, 12]);
  expect(() => parseCheck(new Uint8Array(30), 3)).toThrow(/30 bytes/);
});

test("bytes of weights, by their stored type", () => {
  const weights = [
    { name: "a", shape: [3, 3, 3, 40], dtype: "float32", quantization: { dtype: "float16" } },
    { name: "b", shape: [2], dtype: "int32" },
    { name: "c", shape: [], dtype: "float32" },
  ];
  expect(weightBytes(weights)).toBe(2160 + 8 + 4);
});

test("float16: normal, subnormal and negative numbers", () => {
  const bits = [0x3c00, 0xc000, 0x3555, 0x0001, 0x8000, 0x7bff];
  const expected = [1, -2, 0.333251953125, 2 ** -24, -0, 65504];
  expect(bits.map(fromHalf)).toEqual(expected);
});

test("weights go to their places in a TFLite file, and its shapes to those of the picture", () => {
  const specs = [
    { name: "x", shape: [1, 2, 1, 2], dtype: "float32", quantization: { dtype: "uint8", scale: 0.5, min: -1 } },
    { name: "y", shape: [1, 1, 2, 2], dtype: "float32", quantization: { dtype: "float16" } },
  ];
  const weights = new Uint8Array([0, 1, 2, 3, 0x00, 0x3c, 0x00, 0x40, 0x00, 0x42, 0x00, 0x44]).buffer;
  const plan = { side: 64, shapes: [[0, 64], [8, 16]] as const, weights: { y: 16, x: 32 } };
  const filled = withWeights(new Uint8Array(48), plan, specs, weights);
  const view = new DataView(filled.buffer);
  const floats = (at: number) => [0, 4, 8, 12].map((more) => view.getFloat32(at + more, true));
  expect(floats(32)).toEqual([-1, 0, -0.5, 0.5]); // out 0: both columns; out 1: both columns
  expect(floats(16)).toEqual([1, 3, 2, 4]);
  resize(filled, plan, 1096, 8);
  expect([0, 4, 8, 12].map((at) => view.getInt32(at, true))).toEqual([8, 1096, 2, 274]);
  expect(() => withWeights(filled, { ...plan, weights: { x: 32 } }, specs, weights)).toThrow(/no place for y/);
});

test("weights come as they are or compressed, in one buffer", async () => {
  const weights = [{ name: "x", shape: [5], dtype: "float32", quantization: { dtype: "uint8", min: 0, scale: 1 } }];
  const files: Record<string, BodyInit> = {
    "m/model.json": JSON.stringify({ weightsManifest: [{ paths: ["a.bin.gzip", "b.bin"], weights }] }),
    "m/a.bin.gzip": new Uint8Array(gzipSync(Uint8Array.of(1, 2, 3))),
    "m/b.bin": Uint8Array.of(4, 5),
  };
  vi.stubGlobal("fetch", async (path: string) => new Response(files[path]));
  const told: number[] = [];
  const { weights: buffer } = await fetchFiles("m", (loaded, total) => told.push(loaded / total));
  expect([...new Uint8Array(buffer)]).toEqual([1, 2, 3, 4, 5]);
  expect(told).toEqual([0, 0.6, 1]);
  files["m/a.bin.gzip"] = (files["m/a.bin.gzip"] as Uint8Array<ArrayBuffer>).slice(0, 12);
  await expect(fetchFiles("m")).rejects.toMatchObject({ name: "NoModel" });
  vi.unstubAllGlobals();
});

test("a connection that breaks amid the weights is a model that could not be fetched", async () => {
  const json = JSON.stringify({ weightsManifest: [{ paths: ["a.bin"], weights: [{ name: "x", shape: [2], dtype: "uint8" }] }] });
  const broken = () =>
    new ReadableStream({
      start: (controller) => controller.enqueue(Uint8Array.of(1)),
      pull: (controller) => controller.error(new TypeError("network error")),
    });
  vi.stubGlobal("fetch", async (path: string) => new Response(path.endsWith(".json") ? json : broken()));
  await expect(fetchFiles("m")).rejects.toMatchObject({ name: "NoModel", message: expect.stringContaining("m/a.bin") });
  vi.unstubAllGlobals();
});
