import { beforeEach, expect, test, vi } from "vitest";
import { Pool, type PoolState } from "../src/jobs/pool.ts";
import { Queue } from "../src/jobs/queue.ts";
import type { Tile } from "../src/maths/tiles.ts";
import type { Backend } from "../src/protocol/engine.ts";
import { problem } from "../src/protocol/errors.ts";
import type { PictureCalls } from "../src/protocol/picture.ts";
import type { Client } from "../src/protocol/rpc.ts";

/** The largest tile that each backend's memory holds, in pixels; the machine of a test. */
const machine = vi.hoisted(() => ({
  holds: {} as Record<string, number>,
  wrong: new Set<string>(),
  offline: new Set<string>(),
  fetched: [] as string[],
  engines: new Map<number, string>(),
  stopped: new Set<number>(),
  /** How many lanes of a backend its memory holds. */
  lanes: Number.POSITIVE_INFINITY,
}));

vi.mock("../src/jobs/lane.ts", () => ({
  TOLERANCE: 2,
  Lane: class {
    id = Math.random();
    backend: Backend | undefined;
    engine = { call: async () => "hardware" };
    async start(backend: Backend): Promise<void> {
      if (machine.offline.has(backend)) throw new Error(`${backend} does not start`);
      const living = [...machine.engines].filter(([id, engine]) => engine === backend && !machine.stopped.has(id));
      if (living.length >= machine.lanes) throw new Error("out of memory");
      this.backend = backend;
      machine.engines.set(this.id, backend);
    }
    async load(): Promise<void> {}
    async check(): Promise<object> {
      return { difference: machine.wrong.has(this.backend ?? "") ? 99 : 0.1, milliseconds: 5 };
    }
    stop(): void {
      machine.stopped.add(this.id);
    }
  },
}));
vi.mock("../src/jobs/models.ts", () => ({
  DEFAULT_MODEL: "photo",
  fetchSkeleton: async (folder: string) => {
    if (machine.offline.has(`${folder}'s skeleton`)) throw Object.assign(new Error(folder), { name: "NoModel" });
    return {};
  },
  fetchModel: async (folder: string) => {
    if (machine.offline.has(folder)) throw Object.assign(new Error(folder), { name: "NoModel" });
    machine.fetched.push(folder);
    return {
      card: { name: folder, channels: 3, size_multiple: 8, halo: 56 },
      files: {},
      check: { side: 64 },
      bytes: 1,
    };
  },
}));

const noLink = { connect: () => {}, disconnect: () => {} };

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

beforeEach(() => {
  vi.stubGlobal("navigator", { hardwareConcurrency: 2 });
  machine.holds = { webgpu: 1e9, webgl: 1e9, wasm: 1e9, litert: 1e9 };
  machine.wrong = new Set();
  machine.offline = new Set();
  machine.fetched = [];
  machine.stopped = new Set();
  machine.engines = new Map();
  machine.lanes = Number.POSITIVE_INFINITY;
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

/** A table of pictures of 4000 x 3000 whose tiles are cleaned one at a time, by hand. */
function table() {
  const pool = new Pool(() => {}, (name) => name, noLink);
  const log: { id: number; tile: Tile; model: string; finish: () => void }[] = [];
  const closed: [string, number, string?][] = [];
  const calls: Record<string, (...args: never[]) => unknown> = {
    open: () => ({ width: 4000, height: 3000, grey: false, opaque: true }),
    clean: (id: number, tile: Tile, _: number, model: string) =>
      new Promise<void>((finish) => log.push({ id, tile, model, finish })),
    reset: (id: number, model: string) => void closed.push(["reset", id, model]),
    close: (id: number) => void closed.push(["close", id]),
  };
  const pictures = { call: async (name: string, args: never[]) => calls[name]?.(...args) };
  const queue = new Queue(pictures as unknown as Client<PictureCalls>, pool, () => {});
  const until = async (holds: () => boolean) => {
    for (let turn = 0; turn < 500 && !holds(); turn++) await new Promise((resolve) => setTimeout(resolve));
    expect(holds()).toBe(true);
  };
  /** Lets the latest `count` tiles end. */
  const finish = async (count: number) => {
    for (let done = 0; done < count; done++) {
      await until(() => log.length > done);
      const before = log.length;
      log.at(-1)?.finish();
      await until(() => log.length > before || queue.items.every(({ state }) => state !== "working"));
    }
  };
  const bring = (...names: string[]) => queue.add(names.map((name) => ({ name, blob: new Blob() })));
  return { pool, queue, log, calls, closed, until, finish, bring };
}

test("the tile on the screen comes next, also after the view has moved", async () => {
  const { queue, log, finish, bring } = table();
  const [item] = bring("a.png");
  queue.select(item);
  queue.look({ x: 3900, y: 2900, width: 100, height: 100 });
  await finish(1);
  const { keep } = log[1].tile;
  expect([keep.x + keep.width, keep.y + keep.height].join()).not.toBe("0,0");
  expect(keep.x + keep.width).toBeGreaterThan(2000);
  queue.look({ x: 0, y: 0, width: 100, height: 100 });
  await finish(1);
  expect([log.at(-1)?.tile.keep.x, log.at(-1)?.tile.keep.y]).toEqual([0, 0]);
});

test("the picture on the screen is cleaned first; what was done of the other is kept", async () => {
  const { queue, log, until, finish, bring } = table();
  const [first, second] = bring("a.png", "b.png");
  queue.select(first);
  await finish(2);
  const { total } = first.progress;
  queue.select(second);
  await until(() => log.at(-1)?.id === second.id);
  expect([first.state, second.state]).toEqual(["waiting", "working"]);
  await finish(total);
  expect(second.state).toBe("done");
  await until(() => first.state === "working" && first.progress.done > 0);
  expect(first.progress.done).toBe(2);
});

test("results are kept by model: going back is done at once, others wait until looked at", async () => {
  const { queue, until, finish, bring } = table();
  const [first, second] = bring("a.png", "b.png");
  queue.select(first);
  await until(() => first.state === "working" && first.progress.total > 0);
  await finish(first.progress.total);
  await until(() => second.state === "working" && second.progress.total > 0);
  await finish(second.progress.total);
  expect([first.state, second.state]).toEqual(["done", "done"]);
  queue.choose("other");
  expect([first.state, second.state]).toEqual(["working", "later"]);
  await until(() => first.state === "working" && first.progress.total > 0);
  await finish(first.progress.total);
  expect([first.state, second.state]).toEqual(["done", "later"]);
  queue.choose("photo");
  expect([first.state, second.state]).toEqual(["done", "done"]);
  queue.choose("other");
  expect([first.state, second.state]).toEqual(["done", "later"]);
  const all = queue.finish();
  await until(() => second.state === "working" && second.progress.total > 0);
  await finish(second.progress.total);
  await all;
  expect(second.state).toBe("done");
});

test("a picture that was removed while it was read is closed once it is open", async () => {
  const { queue, bring, calls, closed, until } = table();
  let opened = (_: object) => {};
  calls.open = () => new Promise((resolve) => (opened = resolve));
  const [item] = bring("a.png");
  await until(() => item.state === "working");
  queue.remove(item);
  expect(closed).toEqual([]);
  opened({ width: 40, height: 30, grey: false, opaque: true });
  await until(() => closed.length > 0);
  expect(closed).toEqual([["close", item.id]]);
});

test("a result that cannot be thrown away stops nothing", async () => {
  const { queue, bring, calls, until } = table();
  calls.reset = () => Promise.reject(new Error("out of memory"));
  const [first, second] = bring("a.png", "b.png");
  queue.select(first);
  await until(() => first.state === "working" && first.progress.total > 0);
  queue.cancel(first);
  await until(() => second.state === "working" && second.progress.total > 0);
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
