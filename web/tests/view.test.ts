import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { MessageChannel } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { FRAME_MS, LIVE_SIDES, liveSide, nextSide } from "../src/maths/camera.ts";
import { filterPicture, mapActivity, mapPicture } from "../src/maths/features.ts";
import { secondsLeft } from "../src/maths/progress.ts";
import * as viewport from "../src/maths/viewport.ts";
import { problem } from "../src/protocol/errors.ts";
import { inWords } from "../src/words/index.ts";
import { noiseWords } from "../src/view/status.ts";
import { Client, type Endpoint, Moved, serve } from "../src/protocol/rpc.ts";

describe("viewport", () => {
  const picture = { width: 4000, height: 3000 };
  const screen = { width: 1000, height: 1000 };
  test("fit shows the whole picture in the middle", () => {
    const view = viewport.fit(picture, screen);
    expect(view).toEqual({ scale: 0.25, x: 2000, y: 1500 });
    expect(viewport.pictureRect(view, picture, screen)).toEqual({ x: 0, y: 125, width: 1000, height: 750 });
  });
  test("zooming keeps the point under the pointer", () => {
    const before = viewport.fit(picture, screen);
    const after = viewport.zoomAt(before, 4, 300, 400, picture, screen);
    const point = (view: viewport.Viewport) => [view.x + (300 - 500) / view.scale, view.y + (400 - 500) / view.scale];
    expect(after.scale).toBe(1);
    expect(point(after)).toEqual(point(before));
  });
  test("neither too near nor too far, and never off the screen", () => {
    const view = viewport.fit(picture, screen);
    expect(viewport.zoomAt(view, 1e9, 0, 0, picture, screen).scale).toBe(viewport.MAX_SCALE);
    expect(viewport.zoomAt(view, 1e-9, 0, 0, picture, screen)).toEqual(view);
    const near = { scale: 1, x: 2000, y: 1500 };
    expect(viewport.pan(near, 1e6, -1e6, picture, screen)).toEqual({ scale: 1, x: 500, y: 2500 });
  });
});

test("time left", () => {
  expect(secondsLeft(0, 10, 5)).toBeUndefined();
  expect(secondsLeft(4, 10, 8)).toBe(12);
});

test("the camera's size suits the machine", () => {
  expect(liveSide(1e6, 0.75)).toBe(LIVE_SIDES[0]);
  expect(liveSide(1, 0.75)).toBe(LIVE_SIDES.at(-1));
  expect(liveSide(2000, 0.75)).toBe(256); // 256 * 192 pixels take 98 ms, 320 * 240 154 ms
  expect(nextSide(256, FRAME_MS * 2)).toBe(192);
  expect(nextSide(128, FRAME_MS * 9)).toBe(128);
  expect(nextSide(256, FRAME_MS)).toBe(256);
  expect(nextSide(256, FRAME_MS / 3)).toBe(320);
});

test("filters and maps become pictures", () => {
  // One 1 x 2 filter over one channel, two filters: index 1 has the values 2 and -4.
  const filter = filterPicture(new Float32Array([9, 2, 9, -4]), [1, 2, 1, 2], 1);
  expect([...filter.data]).toEqual([191, 191, 191, 255, 0, 0, 0, 255]);
  const maps = { data: new Float32Array([1, 0, 2, 8]), width: 2, height: 1, channels: 2 };
  expect([...mapPicture(maps, 0).data]).toEqual([128, 128, 128, 255, 255, 255, 255, 255]);
  expect(mapActivity(maps)).toEqual([1.5, 4]);
});

describe("calls between workers", () => {
  interface Table {
    add(a: number, b: number): number;
    move(data: Uint8Array): Promise<Moved<Uint8Array>>;
    fail(): void;
  }
  const { port1, port2 } = new MessageChannel();
  const endpoint = (port: typeof port1): Endpoint => ({
    postMessage: (message, transfer) => port.postMessage(message, transfer as never),
    addEventListener: (_, listener) => port.on("message", (data) => listener({ data } as MessageEvent)),
  });
  serve<Table>(endpoint(port1), {
    add: (a, b) => a + b,
    move: async (data) => new Moved(data, [data.buffer as ArrayBuffer]),
    fail: () => {
      throw problem("TooLarge", "9 x 9 pixels");
    },
  });
  const client = new Client<Table>(endpoint(port2));
  port1.unref();
  port2.unref();

  test("answers find their callers", async () => {
    const sums = await Promise.all([1, 2, 3].map((value) => client.call("add", [value, 10])));
    expect(sums).toEqual([11, 12, 13]);
  });
  test("buffers move", async () => {
    const data = new Uint8Array([1, 2]);
    const back = await client.call("move", [data], [data.buffer]);
    expect([...back]).toEqual([1, 2]);
    expect(data.length).toBe(0);
  });
  test("errors arrive by name, and become words", async () => {
    const error = await client.call("fail", []).catch((reason) => reason);
    expect(error.name).toBe("TooLarge");
    expect(inWords(error)).toMatch(/too large.*50 megapixels/);
  });
  test("when the other side is gone, calls fail: those under way and later ones", async () => {
    const deaf = new Client<Table>({ postMessage: () => {}, addEventListener: () => {} });
    const under = deaf.call("add", [1, 2]);
    deaf.fail(new Error("gone"));
    await expect(under).rejects.toThrow("gone");
    await expect(deaf.call("add", [1, 2])).rejects.toThrow("gone");
  });
});

test("the card's noise in words", () => {
  expect(noiseWords({ gaussian: { sigma: 25 } })).toBe("gaussian, sigma 25");
  expect(noiseWords({ camera: { smooth: [0, 1.2] } })).toBe("camera");
  expect(noiseWords({ chain: { poisson: { peak: 30 }, blocks: {} } })).toBe("chain, poisson, peak 30, blocks");
});

test("unknown errors are not hidden", () => {
  expect(inWords(new Error("xyz"))).toContain("xyz");
  expect(inWords(new RangeError("Array buffer allocation failed"))).toMatch(/memory/);
});

test("the parts do not mix: who may import whom", () => {
  const allowed: Record<string, RegExp> = {
    maths: /^maths$/,
    protocol: /^(protocol|maths)$/,
    engine: /^(engine|protocol|maths|@(tensorflow|litertjs).*)$/,
    picture: /^(picture|protocol|maths|utif2|client-zip|libheif-js.*)$/,
    jobs: /^(jobs|protocol|maths)$/,
    view: /^(view|jobs|protocol|maths|words)$/,
    words: /^words$/,
  };
  const root = join(import.meta.dirname, "../src");
  for (const [folder, pattern] of Object.entries(allowed)) {
    for (const file of readdirSync(join(root, folder)).filter((name) => name.endsWith(".ts"))) {
      const source = readFileSync(join(root, folder, file), "utf8");
      for (const [, path] of source.matchAll(/(?:from |import\()"([^"]+)"/g)) {
        const target = path.startsWith("./") ? folder : path.startsWith("../") ? path.split("/")[1] : path;
        expect(target, `${folder}/${file} imports ${path}`).toMatch(pattern);
      }
    }
  }
});
