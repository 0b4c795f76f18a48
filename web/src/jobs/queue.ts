/** The pictures on the table. The one on the screen is cleaned first, then the others. */
import { nearest, planTiles, type Rect, type Tile } from "../maths/tiles.ts";
import type { PictureCalls, PictureInfo } from "../protocol/picture.ts";
import type { Client } from "../protocol/rpc.ts";
import { denoise } from "./denoise.ts";
import { DEFAULT_MODEL } from "./models.ts";
import type { Pool } from "./pool.ts";

/** How long a large picture waits for faster lanes before those at hand begin. */
const GRACE_MS = 3000;

/** "later": it has no result of the model chosen, and gets one when it is looked at or saved. */
export type ItemState = "later" | "waiting" | "working" | "done" | "cancelled" | "failed";

/** A file as it comes in; `folder` ("" or "holiday/") is where it lay in a dropped folder. */
export interface Incoming {
  readonly name: string;
  readonly blob: Blob;
  readonly folder?: string;
}

export interface Item {
  readonly id: number;
  readonly name: string;
  readonly folder: string;
  readonly file: Blob;
  info: PictureInfo | undefined;
  /** The model that state, progress and seconds are about. */
  model: string;
  state: ItemState;
  /** Tiles done and in total, and since when, while working. */
  progress: { done: number; total: number; begin: number };
  error: unknown;
  /** Seconds that each model took; those in it have a whole result. */
  readonly results: Map<string, number>;
}

/** Work that was put aside: the tiles left, and what they were cut for. */
interface Rest {
  readonly rules: string;
  readonly tiles: Tile[];
  readonly total: number;
  seconds: number;
}

interface Work {
  readonly item: Item;
  readonly abort: AbortController;
}

export class Queue {
  readonly items: Item[] = [];
  model = DEFAULT_MODEL;
  private nextId = 1;
  private running = false;
  private selected: Item | undefined;
  /** The part of the selected picture that is on the screen, in its pixels. */
  private view: Rect | undefined;
  private current: Work | undefined;
  private readonly rests = new Map<string, Rest>();
  private waiters: (() => void)[] = [];

  constructor(
    private readonly pictures: Client<PictureCalls>,
    private readonly pool: Pool,
    private readonly changed: (item: Item) => void,
  ) {}

  add(files: readonly Incoming[]): Item[] {
    const added = files.map(({ name, blob, folder }): Item => ({
      id: this.nextId++,
      name,
      folder: folder ?? "",
      file: blob,
      info: undefined,
      model: this.model,
      state: "waiting",
      progress: { done: 0, total: 0, begin: 0 },
      error: undefined,
      results: new Map(),
    }));
    this.items.push(...added);
    void this.work();
    return added;
  }

  remove(item: Item): void {
    this.cancel(item);
    this.items.splice(this.items.indexOf(item), 1);
    if (this.selected === item) this.selected = undefined;
    for (const key of this.rests.keys()) if (key.startsWith(`${item.id} `)) this.rests.delete(key);
    if (item.info) this.close(item);
  }

  private close(item: Item): void {
    this.pictures.call("close", [item.id]).catch(console.warn); // of a picture that is gone
  }

  /** Puts a picture before all others: it is on the screen. */
  select(item: Item): void {
    if (item !== this.selected) this.view = undefined;
    this.selected = item;
    if (item.state === "later") this.set(item, "waiting");
    if (item.state === "waiting" && this.current && this.current.item !== item) this.pause();
    void this.work();
  }

  /** Tells which part of the selected picture is on the screen. */
  look(view: Rect): void {
    this.view = view;
  }

  /** Stops work on an item, at once, and forgets its tiles. */
  cancel(item: Item): void {
    if (item.state !== "waiting" && item.state !== "working") return;
    this.rests.delete(key(item));
    if (this.current?.item === item) this.current.abort.abort();
    this.set(item, "cancelled");
  }

  /** Cleans an item that was cancelled or has failed. */
  again(item: Item): void {
    this.set(item, "waiting");
    void this.work();
  }

  /** Takes up another model. Results are kept by model; the picture on the screen is first. */
  choose(model: string): void {
    if (model === this.model) return;
    this.model = model;
    if (this.current) this.pause();
    for (const item of this.items) {
      if (item.state === "failed" && !item.info) continue; // its file is no picture
      item.model = model;
      item.progress = { done: 0, total: 0, begin: 0 };
      const fresh = item === this.selected || !item.info ? "waiting" : "later";
      this.set(item, item.results.has(model) ? "done" : fresh);
    }
    void this.work();
  }

  /** Cleans what has no result yet; resolves when nothing is left to do. */
  async finish(): Promise<void> {
    for (const item of this.items) if (item.state === "later") this.set(item, "waiting");
    if (!this.items.some(({ state }) => state === "waiting" || state === "working")) return;
    const finished = new Promise<void>((resolve) => this.waiters.push(resolve));
    void this.work();
    await finished;
  }

  /** True while there is work that closing the page would lose. */
  busy(): boolean {
    return this.items.some(({ state }) => state === "waiting" || state === "working");
  }

  private set(item: Item, state: ItemState): void {
    item.state = state;
    this.changed(item);
  }

  /** Puts the current work aside; its tiles are kept. */
  private pause(): void {
    const { item, abort } = this.current as Work;
    if (item.state === "working") this.set(item, "waiting");
    abort.abort();
  }

  private next(): Item | undefined {
    if (this.selected?.state === "waiting") return this.selected;
    return this.items.find(({ state }) => state === "waiting");
  }

  private async work(): Promise<void> {
    if (this.running) return;
    this.running = true;
    for (let item = this.next(); item; item = this.next()) await this.clean(item);
    this.running = false;
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  private async clean(item: Item): Promise<void> {
    const abort = new AbortController();
    const { signal } = abort;
    const { model } = item;
    this.current = { item, abort };
    item.progress = { done: 0, total: 0, begin: 0 };
    this.set(item, "working");
    try {
      if (!item.info) {
        item.info = await this.pictures.call("open", [item.id, item.file]);
        // It was removed while it was read: it could not be closed before it was open.
        if (!this.items.includes(item)) this.close(item);
        this.changed(item);
      }
      if (!signal.aborted) await this.tryUntilDone(item, item.info, signal);
      if (!signal.aborted) this.set(item, "done");
    } catch (error) {
      if (!signal.aborted) {
        item.error = error;
        this.set(item, "failed");
      }
    }
    this.current = undefined;
    if (item.state === "cancelled" && item.info && this.items.includes(item)) {
      await this.pictures.call("reset", [item.id, model]).catch(console.warn); // the others go on
      this.changed(item); // to be drawn without its tiles
    }
  }

  /** A failure of the engine is answered by smaller tiles, then by the next backend. */
  private async tryUntilDone(item: Item, info: PictureInfo, signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.pool.prepare(item.model);
      signal.throwIfAborted();
      const { lanes } = this.pool;
      try {
        return await this.run(item, info, signal);
      } catch (error) {
        const byEngine = error instanceof Error && error.name === "EngineFailed";
        if (signal.aborted || !byEngine || !(await this.pool.weaken(lanes))) throw error;
      }
    }
  }

  private async run(item: Item, info: PictureInfo, signal: AbortSignal): Promise<void> {
    const { lanes } = this.pool;
    const { model } = item;
    const channels = this.pool.model?.card.channels ?? 3;
    const rest = this.rest(item, info);
    const begin = performance.now() - rest.seconds * 1000;
    const tell = () => {
      item.progress = { done: rest.total - rest.tiles.length, total: rest.total, begin };
      this.changed(item);
    };
    tell();
    const clean = (tile: Tile, { id }: { id: number }) =>
      this.pictures.call("clean", [item.id, tile, id, model, channels]);
    const onTile = (tile: Tile) => {
      rest.tiles.splice(rest.tiles.indexOf(tile), 1);
      rest.seconds = (performance.now() - begin) / 1000;
      tell();
    };
    const pick = (left: readonly Tile[]) =>
      item === this.selected && this.view ? nearest(left, this.view) : 0;
    // Lanes that come a moment later clean all tiles, and in less time.
    const pause = new Promise((resolve) => setTimeout(resolve, GRACE_MS));
    await Promise.race([this.pool.hasten(info.width * info.height), pause]);
    await denoise(lanes, rest.tiles, clean, signal, onTile, pick, (lane) => this.pool.relieve(lane));
    item.results.set(model, rest.seconds);
    this.rests.delete(key(item));
  }

  /** The tiles to do: those left of work put aside, if the same lanes do the rest. */
  private rest(item: Item, { width, height }: PictureInfo): Rest {
    const rules = this.pool.rules();
    const named = JSON.stringify(rules);
    const known = this.rests.get(key(item));
    if (known?.rules === named) return known;
    const tiles = planTiles(width, height, rules);
    const rest = { rules: named, tiles, total: tiles.length, seconds: 0 };
    this.rests.set(key(item), rest);
    return rest;
  }
}

function key({ id, model }: Item): string {
  return `${id} ${model}`;
}
