import { beforeEach, expect, test, vi } from "vitest";
import { Pool, type PoolState } from "../src/jobs/pool.ts";
import { Queue } from "../src/jobs/queue.ts";
import type { Tile } from "../src/maths/tiles.ts";
import type { Backend } from "../src/protocol/engine.ts";
import { problem } from "../src/protocol/errors.ts";
import type { PictureCalls } from "../src/protocol/picture.ts";
import type { Client } from "../src/protocol/rpc.ts";

/** The largest tile that each backend's memory holds, in pixels; the machine of a test. */
const machine = vi.hoisted(() => ({ holds: {} as Record<string, number>, wrong: new Set<string>() }));

vi.mock("../src/jobs/lane.ts", () => ({
  TOLERANCE: 2,
  Lane: class {
    id = Math.random();
    backend: Backend | undefined;
    engine = { call: async () => "hardware" };
    async start(backend: Backend): Promise<void> {
      this.backend = backend;
    }
    async load(): Promise<void> {}
    async check(): Promise<object> {
      return { difference: machine.wrong.has(this.backend ?? "") ? 99 : 0.1, milliseconds: 5 };
    }
    stop(): void {}
  },
}));
vi.mock("../src/jobs/models.ts", () => ({
  DEFAULT_MODEL: "photo",
  fetchModel: async (folder: string) => ({
    card: { name: folder, channels: 3, size_multiple: 8, halo: 56 },
    files: {},
    check: { side: 64 },
    bytes: 1,
  }),
}));

const noLink = { connect: () => {}, disconnect: () => {} };

/** Cleans one picture of 1200 x 900 and tells how it ended, and with what. */
async function clean(): Promise<{ state: string; error: string; backend: string; phases: string[] }> {
  const phases: string[] = [];
  const pool = new Pool((state: PoolState) => phases.push(state.phase), (name) => name, noLink);
  const calls: Record<string, (...args: never[]) => unknown> = {
    open: () => ({ width: 1200, height: 900, grey: false, opaque: true }),
    clean: (_: number, { source: { width, height } }: Tile, id: number) => {
      const backend = pool.lanes.find((lane) => lane.id === id)?.backend ?? "none";
      if (!(width * height <= machine.holds[backend])) throw problem("EngineFailed", "out of memory");
    },
  };
  const pictures = { call: async (name: string, args: never[]) => calls[name]?.(...args) };
  return new Promise((resolve) => {
    const queue = new Queue(pictures as unknown as Client<PictureCalls>, pool, ({ state, error }) => {
      if (state !== "done" && state !== "failed") return;
      const backend = pool.lanes[0]?.backend ?? "none";
      resolve({ state, error: error instanceof Error ? error.name : "", backend, phases });
    });
    queue.add([{ name: "x.png", blob: new Blob() }]);
  });
}

beforeEach(() => {
  vi.stubGlobal("navigator", { hardwareConcurrency: 2 });
  machine.holds = { webgpu: 1e9, webgl: 1e9, wasm: 1e9 };
  machine.wrong = new Set();
});

test("enough memory: the first backend does it", async () => {
  expect(await clean()).toMatchObject({ state: "done", backend: "webgpu" });
});

test("too little for large tiles: the same backend does it with smaller ones", async () => {
  machine.holds.webgpu = 400 * 400;
  expect(await clean()).toMatchObject({ state: "done", backend: "webgpu" });
});

test("too little for any tile: the next backend does it", async () => {
  machine.holds.webgpu = 100;
  expect(await clean()).toMatchObject({ state: "done", backend: "webgl" });
});

test("wrong and too small ones fall through to the last", async () => {
  machine.wrong = new Set(["webgpu"]);
  machine.holds.webgl = 100;
  expect(await clean()).toMatchObject({ state: "done", backend: "wasm" });
});

test("nothing works: the picture fails by name, after all were tried", async () => {
  machine.holds = { webgpu: 100, webgl: 100, wasm: 100 };
  const { state, error } = await clean();
  expect([state, error]).toEqual(["failed", "EngineFailed"]);
});
