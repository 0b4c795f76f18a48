import { beforeEach, expect, test, vi } from "vitest";
import { Pool, type PoolState } from "../src/jobs/pool.ts";
import { Queue } from "../src/jobs/queue.ts";
import type { Tile } from "../src/maths/tiles.ts";
import { problem } from "../src/protocol/errors.ts";
import type { PictureCalls } from "../src/protocol/picture.ts";
import type { Client } from "../src/protocol/rpc.ts";
import { machine, noLink, renew } from "./machine.ts";

vi.mock("../src/jobs/lane.ts", async () => (await import("./machine.ts")).lanes);
vi.mock("../src/jobs/models.ts", async () => (await import("./machine.ts")).models);
beforeEach(renew);

/** Cleans one picture and tells how it ended, and with what; `engines` are those whose tiles came out. */
async function clean(width = 1200, height = 900): Promise<{ state: string; error: string; backend: string; phases: string[]; engines: string[] }> {
  const engines = new Set<string>();
  const phases: string[] = [];
  const pool = new Pool((state: PoolState) => phases.push(state.phase), (name) => name, noLink);
  const calls: Record<string, (...args: never[]) => unknown> = {
    open: () => ({ width, height, grey: false, opaque: true }),
    clean: (_: number, { source: { width, height } }: Tile, id: number) => {
      const backend = machine.engines.get(id) ?? "none";
      if (!(width * height <= machine.holds[backend])) throw problem("EngineFailed", "out of memory");
      engines.add(backend);
    },
  };
  const pictures = { call: async (name: string, args: never[]) => calls[name]?.(...args) };
  return new Promise((resolve) => {
    const queue = new Queue(pictures as unknown as Client<PictureCalls>, pool, ({ state, error }) => {
      if (state !== "done" && state !== "failed") return;
      const backend = pool.lanes[0]?.backend ?? "none";
      resolve({ state, error: error instanceof Error ? error.name : "", backend, phases, engines: [...engines] });
    });
    queue.add([{ name: "x.png", blob: new Blob() }]);
  });
}

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

test("where memory holds one lane only, that one does it", async () => {
  machine.wrong = new Set(["webgpu", "webgl"]);
  machine.lanes = 1;
  expect(await clean()).toMatchObject({ state: "done", backend: "wasm", error: "" });
});

test("the speed is that of one lane, which is what the camera runs on", async () => {
  machine.wrong = new Set(["webgpu", "webgl"]);
  const pool = new Pool(() => {}, (name) => name, noLink);
  await pool.prepare("photo");
  expect(pool.lanes).toHaveLength(2);
  expect(pool.speed()).toBeCloseTo((5 / 64 ** 2) * 1e6); // 5 ms for a tile of 64 x 64
});

/** A pool without a GPU, whose lanes of LiteRT.js are ready to take over. */
async function hastened(): Promise<Pool> {
  machine.wrong = new Set(["webgpu", "webgl"]);
  const pool = new Pool(() => {}, (name) => name, noLink);
  await pool.prepare("photo");
  await pool.hasten(4000 * 3000);
  return pool;
}

test("without a GPU LiteRT.js cleans large pictures, and them only", async () => {
  expect(await clean(4000, 3000)).toMatchObject({ state: "done", engines: ["webgpu"] });
  machine.wrong = new Set(["webgpu", "webgl"]);
  expect(await clean(4000, 3000)).toMatchObject({ state: "done", engines: ["litert"] });
  expect(await clean()).toMatchObject({ state: "done", engines: ["wasm"] });
});

test("lanes of LiteRT.js take the place of those at hand, which end; so does all that a failure leaves", async () => {
  const pool = await hastened();
  const [first, second] = pool.lanes;
  const helper = pool.relieve(first);
  expect(pool.lanes).toEqual([helper, second]);
  expect(helper.backend).toBe("litert");
  expect(pool.relieve(helper)).toBe(helper);
  expect([first, second, helper].map(({ id }) => machine.stopped.has(id))).toEqual([true, false, false]);
  const other = pool.relieve(second);
  await pool.weaken(pool.lanes);
  expect([second, helper, other].every(({ id }) => machine.stopped.has(id))).toBe(true);
  await pool.prepare("photo");
  await pool.hasten(4000 * 3000);
  expect(pool.relieve(pool.lanes[0]).backend).toBe("wasm");
});

test("another model stays with LiteRT.js where it has a file for it, and else goes back to TF.js", async () => {
  const pool = await hastened();
  const helpers = [...pool.lanes].map((lane) => pool.relieve(lane));
  await pool.prepare("color");
  expect(pool.lanes).toEqual(helpers);
  machine.offline.add("gray's skeleton");
  await pool.prepare("gray");
  expect(pool.lanes.map(({ backend }) => backend)).toEqual(["wasm", "wasm"]);
  expect(helpers.every(({ id }) => machine.stopped.has(id))).toBe(true);
  await pool.hasten(4000 * 3000);
  expect(pool.relieve(pool.lanes[0]).backend).toBe("wasm");
  machine.offline.clear(); // it was the network's fault alone
  await pool.hasten(4000 * 3000);
  expect(pool.relieve(pool.lanes[0]).backend).toBe("litert");
});

test("a model that came while LiteRT.js was prepared for another gets no help meanwhile", async () => {
  const pool = await hastened();
  await pool.prepare("color");
  const [lane] = pool.lanes;
  expect(pool.relieve(lane)).toBe(lane);
  expect(machine.stopped).not.toContain(lane.id);
});

test("where LiteRT.js comes out wrong, does not start or fails, TF.js does it", async () => {
  machine.wrong = new Set(["webgpu", "webgl", "litert"]);
  expect(await clean(4000, 3000)).toMatchObject({ state: "done", engines: ["wasm"] });
  machine.wrong.delete("litert");
  machine.offline = new Set(["litert"]);
  expect(await clean(4000, 3000)).toMatchObject({ state: "done", engines: ["wasm"] });
  machine.offline.clear();
  machine.holds.litert = 100;
  expect(await clean(4000, 3000)).toMatchObject({ state: "done", engines: ["wasm"] });
});

test("a model that cannot be fetched changes nothing, and is fetched once when it can be", async () => {
  const phases: string[] = [];
  const pool = new Pool((state) => phases.push(state.phase), (name) => name, noLink);
  await pool.prepare("photo");
  const [lane] = pool.lanes;
  machine.offline.add("other");
  await expect(pool.prepare("other")).rejects.toMatchObject({ name: "NoModel" });
  await pool.prepare("photo");
  expect(pool.model?.card.name).toBe("photo");
  expect(pool.lanes[0]).toBe(lane);
  expect(phases.at(-1)).toBe("ready");
  machine.offline.clear();
  for (const name of ["other", "photo", "other"]) await pool.prepare(name);
  expect(machine.fetched).toEqual(["photo", "other"]);
});

test("a model that nothing here computes right leaves the one before", async () => {
  const pool = new Pool(() => {}, (name) => name, noLink);
  await pool.prepare("photo");
  machine.wrong = new Set(["webgpu", "webgl", "wasm"]);
  await expect(pool.prepare("other")).rejects.toMatchObject({ name: "NoBackend" });
  machine.wrong = new Set();
  await pool.prepare("photo");
  expect(pool.model?.card.name).toBe("photo");
  expect(pool.lanes.length).toBeGreaterThan(0);
});

test("a model beside the one at hand leaves that one; a wrong or missing one leaves everything", async () => {
  const phases: string[] = [];
  const pool = new Pool((state) => phases.push(state.phase), (name) => name, noLink);
  await pool.prepare("photo");
  const [lane] = pool.lanes;
  const beside = await pool.beside("color");
  expect(beside.card.name).toBe("color");
  expect(beside.lane).toBe(lane);
  expect(pool.ready().card.name).toBe("photo");
  machine.wrong.add("webgpu");
  await expect(pool.beside("gray")).rejects.toMatchObject({ name: "NoBackend" });
  machine.offline.add("other");
  await expect(pool.beside("other")).rejects.toMatchObject({ name: "NoModel" });
  expect(pool.ready().card.name).toBe("photo");
  expect(pool.lanes[0]).toBe(lane);
  expect(phases.at(-1)).toBe("ready");
});
