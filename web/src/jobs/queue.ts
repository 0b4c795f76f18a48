/** The pictures on the table, cleaned one after the other. */
import { planTiles, type Tile } from "../maths/tiles.ts";
import type { PictureCalls, PictureInfo } from "../protocol/picture.ts";
import type { Client } from "../protocol/rpc.ts";
import { denoise } from "./denoise.ts";
import { DEFAULT_MODEL } from "./models.ts";
import type { Pool } from "./pool.ts";

export type ItemState = "waiting" | "working" | "done" | "cancelled" | "failed";

export interface Item {
  readonly id: number;
  readonly name: string;
  readonly file: Blob;
  info: PictureInfo | undefined;
  state: ItemState;
  /** Tiles done and in total, and since when, while working. */
  progress: { done: number; total: number; begin: number };
  error: unknown;
  /** Seconds that the model took, when done. */
  seconds: number;
}

export class Queue {
  readonly items: Item[] = [];
  model = DEFAULT_MODEL;
  private nextId = 1;
  private running = false;
  private current: { item: Item; abort: AbortController } | undefined;

  constructor(
    private readonly pictures: Client<PictureCalls>,
    private readonly pool: Pool,
    private readonly changed: (item: Item) => void,
  ) {}

  add(files: readonly { name: string; blob: Blob }[]): Item[] {
    const added = files.map(({ name, blob }): Item => {
      const progress = { done: 0, total: 0, begin: 0 };
      return {
        id: this.nextId++,
        name,
        file: blob,
        info: undefined,
        state: "waiting",
        progress,
        error: undefined,
        seconds: 0,
      };
    });
    this.items.push(...added);
    void this.work();
    return added;
  }

  remove(item: Item): void {
    this.cancel(item);
    this.items.splice(this.items.indexOf(item), 1);
    void this.pictures.call("close", [item.id]);
  }

  /** Stops work on an item, at once. */
  cancel(item: Item): void {
    if (this.current?.item === item) this.current.abort.abort();
    if (item.state === "waiting" || item.state === "working") this.set(item, "cancelled");
  }

  /** Cleans an item (again). */
  async again(item: Item): Promise<void> {
    this.cancel(item);
    if (item.info) await this.pictures.call("reset", [item.id]);
    this.set(item, "waiting");
    void this.work();
  }

  /** Takes up another model: every picture is cleaned again. */
  async choose(model: string): Promise<void> {
    this.model = model;
    await Promise.all(this.items.filter(({ state }) => state !== "failed").map((item) => this.again(item)));
  }

  private set(item: Item, state: ItemState): void {
    item.state = state;
    this.changed(item);
  }

  private async work(): Promise<void> {
    if (this.running) return;
    this.running = true;
    for (;;) {
      const item = this.items.find(({ state }) => state === "waiting");
      if (!item) break;
      await this.clean(item);
    }
    this.running = false;
  }

  private async clean(item: Item): Promise<void> {
    const abort = new AbortController();
    this.current = { item, abort };
    item.progress = { done: 0, total: 0, begin: 0 };
    this.set(item, "working");
    try {
      if (!item.info) {
        item.info = await this.pictures.call("open", [item.id, item.file]);
        this.changed(item);
      }
      await this.tryUntilDone(item, item.info, abort.signal);
      if (!abort.signal.aborted) this.set(item, "done");
    } catch (error) {
      if (!abort.signal.aborted) {
        item.error = error;
        this.set(item, "failed");
      }
    }
    this.current = undefined;
    if (abort.signal.aborted && item.info && this.items.includes(item)) {
      await this.pictures.call("reset", [item.id]);
      this.changed(item); // to be drawn without its tiles
    }
  }

  /** A failure of the engine is answered by smaller tiles, then by the next backend. */
  private async tryUntilDone(item: Item, info: PictureInfo, signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.pool.prepare(this.model);
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
    const { lanes, model } = this.pool;
    const channels = model?.card.channels ?? 3;
    const tiles = planTiles(info.width, info.height, this.pool.rules());
    const clean = (tile: Tile, { id }: { id: number }) =>
      this.pictures.call("clean", [item.id, tile, id, channels]);
    const begin = performance.now();
    item.progress = { done: 0, total: tiles.length, begin };
    this.changed(item);
    await denoise(lanes, tiles, clean, signal, (done, total) => {
      item.progress = { done, total, begin };
      item.seconds = (performance.now() - begin) / 1000;
      this.changed(item);
    });
  }
}
