import { beforeEach, expect, test, vi } from "vitest";
import { Pool } from "../src/jobs/pool.ts";
import { Queue } from "../src/jobs/queue.ts";
import type { Tile } from "../src/maths/tiles.ts";
import type { PictureCalls } from "../src/protocol/picture.ts";
import type { Client } from "../src/protocol/rpc.ts";
import { noLink, renew } from "./machine.ts";

vi.mock("../src/jobs/lane.ts", async () => (await import("./machine.ts")).lanes);
vi.mock("../src/jobs/models.ts", async () => (await import("./machine.ts")).models);
beforeEach(renew);

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

test("a picture that is chosen once more keeps its place on the screen", async () => {
  const { queue, log, until, bring } = table();
  const [item] = bring("a.png");
  queue.select(item);
  queue.look({ x: 0, y: 0, width: 100, height: 100 });
  queue.select(item);
  await until(() => log.length > 0);
  expect([log[0].tile.keep.x, log[0].tile.keep.y]).toEqual([0, 0]);
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
