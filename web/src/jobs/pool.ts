/** The engines at hand: one backend, one model, as many lanes as pay. */
import type { FloatImage } from "../maths/pixels.ts";
import type { TileRules } from "../maths/tiles.ts";
import { problem } from "../protocol/errors.ts";
import { type Backend, BACKENDS, type Engine } from "../protocol/engine.ts";
import { best, type Trial, tryBackends } from "./choose.ts";
import { Lane, type Link, TOLERANCE } from "./lane.ts";
import { fetchModel, fetchSkeleton, type Model } from "./models.ts";
import type { Ready } from "./whole.ts";

/** What the page shows of the pool. */
export type PoolState =
  | { readonly phase: "fetching"; readonly loaded: number; readonly total: number }
  | { readonly phase: "testing" }
  | { readonly phase: "ready"; readonly trials: readonly Trial[]; readonly lanes: number }
  | { readonly phase: "failed"; readonly trials: readonly Trial[] };

export type Choice = Backend | "auto";

/** Tiles to begin with, and the smallest to fall back to, in pixels. */
const MOST_PIXELS: Record<Backend, number> = { webgpu: 768 * 768, webgl: 640 * 640, wasm: 912 * 912 };
const LEAST_PIXELS = 240 * 240;
/** A backend that does not answer is passed over; one chosen by hand gets more time. */
const CHECK_MS = 40_000;
const PATIENT_CHECK_MS = 180_000;
const MOST_LANES = 4;
/** From how many pixels on LiteRT.js is worth its 3 MB. */
const LARGE = 4e6;

/** Lanes that run at once: a GPU is one, a CPU has cores; small machines have little memory. */
export function laneCount(backend: Backend, cores: number, gigabytes: number): number {
  if (backend !== "wasm") return 1;
  return Math.max(1, Math.min(cores, MOST_LANES, gigabytes < 4 ? 2 : MOST_LANES));
}

function isLitert({ backend }: Lane): boolean {
  return backend === "litert";
}

function timeout<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no answer")), milliseconds);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

export class Pool {
  lanes: Lane[] = [];
  model: Model | undefined;
  private name: string | undefined;
  /** All models fetched so far: the page holds them, a switch back needs no network. */
  private readonly models = new Map<string, Model>();
  /** The lane whose backend is fetched while the model is on its way. */
  private early: { lane: Lane; backend: Promise<Backend | undefined> } | undefined;
  /** Lanes of LiteRT.js, from the first large picture on: one for each lane at hand. */
  private helpers: readonly Lane[] = [];
  /** The model that they have and compute right. */
  private helped: string | undefined;
  backend: Backend | undefined;
  private maxPixels = 0;
  private choice: Choice = "auto";
  private stale = false;
  private readonly givenUp = new Set<Engine>();
  private trials: readonly Trial[] = [];
  private preparing: Promise<unknown> = Promise.resolve();
  private hastening: Promise<void> = Promise.resolve();

  constructor(
    private readonly tell: (state: PoolState) => void,
    private readonly folder: (name: string) => string,
    private readonly link: Link,
  ) {}

  /**
   * Makes the model ready to run; calls wait for each other. If that fails, the model and the
   * lanes at hand stay as they are, if they can.
   */
  prepare(name: string): Promise<void> {
    return this.inTurn(() => this.makeReady(name));
  }

  /**
   * Loads another model on the first lane, beside the one at hand, which stays.
   *
   * @throws NoBackend if it comes out wrong there.
   */
  beside(name: string): Promise<Ready & { readonly lane: Lane }> {
    return this.inTurn(async () => {
      const [lane] = this.lanes;
      if (!lane) throw problem("NoModel");
      const model = await this.fetch(name);
      await lane.load(model);
      if ((await lane.check(model)).difference > TOLERANCE) throw problem("NoBackend", name);
      this.tellReady();
      return { lane, card: model.card, run: (image: FloatImage) => lane.run(model, image) };
    });
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.preparing.then(work);
    this.preparing = turn.catch(() => {
      if (this.lanes.length > 0) this.tellReady();
      else this.tell({ phase: "failed", trials: this.trials });
    });
    return turn;
  }

  /** Takes a backend by hand, or "auto"; the next `prepare` obeys. */
  use(choice: Choice): void {
    this.choice = choice;
    this.givenUp.clear();
    this.stale = true; // a choice under way must not be disturbed, but then made again
  }

  /**
   * Prepares lanes of LiteRT.js, which `relieve` those at hand, if a picture has so many pixels
   * that they pay. What goes wrong leaves the lanes at hand.
   */
  hasten(pixels: number): Promise<void> {
    if (pixels < LARGE) return Promise.resolve();
    this.hastening = this.hastening.then(() => this.help());
    return this.hastening;
  }

  private async help(): Promise<void> {
    const { backend, choice, name, lanes } = this;
    if (!name || backend !== "wasm" || choice !== "auto" || this.givenUp.has("litert")) return;
    if (this.helped === name || lanes.every(isLitert)) return;
    const fresh = this.helpers.length === 0;
    if (fresh) this.helpers = lanes.map(() => new Lane(this.link));
    const { helpers } = this;
    try {
      const model = await this.fetchWhole(name);
      if (fresh) await Promise.all(helpers.map((lane) => lane.start("litert")));
      await Promise.all(helpers.map((lane) => lane.load(model)));
      if ((await helpers[0].check(model)).difference > TOLERANCE) throw problem("NoBackend", "litert");
      if (this.helpers === helpers) this.helped = name;
    } catch (error) {
      if (this.helpers !== helpers) return; // stopped meanwhile
      for (const lane of helpers) if (!lanes.includes(lane)) lane.stop();
      this.helpers = [];
      const offline = error instanceof Error && error.name === "NoModel";
      if (!offline) this.givenUp.add("litert");
    }
  }

  /**
   * The lane of LiteRT.js that takes the place of a lane which has nothing to do right now, and
   * is stopped, as both would take too much memory; that lane itself if there is none.
   */
  relieve(lane: Lane): Lane {
    const at = this.lanes.indexOf(lane);
    const helper = this.helpers[at];
    if (!helper || helper === lane || this.helped !== this.name) return lane;
    this.lanes[at] = helper;
    lane.stop();
    return helper;
  }

  /** How to cut pictures for the model and lanes at hand. */
  rules(): TileRules {
    if (!this.model) throw problem("NoModel");
    const { size_multiple: multiple, halo, margin = 0 } = this.model.card;
    return { multiple, halo, margin, maxPixels: this.maxPixels, lanes: this.lanes.length };
  }

  /** The model at hand, on the first lane. */
  ready(): Ready {
    const { model, lanes: [lane] } = this;
    if (!model || !lane) throw problem("NoModel");
    return { card: model.card, run: (image) => lane.run(model, image) };
  }

  /** Milliseconds that a lane takes for a megapixel, by the check tile. */
  speed(): number {
    const trial = this.trials.find(({ backend }) => backend === this.backend);
    const side = this.model?.check.side ?? 64;
    return ((trial?.result?.milliseconds ?? 100) / (side * side)) * 1e6;
  }

  /**
   * After `failed` lanes failed: smaller tiles, then the next backend. The engines start
   * anew, for a lost GPU does not come back.
   *
   * @returns false if nothing is left to try.
   */
  async weaken(failed: readonly Lane[]): Promise<boolean> {
    const { backend, name } = this;
    if (failed !== this.lanes) return true; // replaced already, by hand
    if (!backend || !name) return false;
    const helped = this.helpers.length > 0;
    const smaller = this.maxPixels / 4;
    this.stop();
    if (helped) {
      this.givenUp.add("litert"); // it may have been their fault
      return true;
    }
    if (smaller >= LEAST_PIXELS) {
      await this.prepare(name).catch(() => {}); // then it is the next backend's turn
      if (this.lanes.length > 0) {
        if (this.lanes[0].backend === backend) this.maxPixels = smaller;
        return true;
      }
    }
    this.givenUp.add(backend);
    if (this.choice === backend) this.choice = "auto";
    return this.allowed().length > 0;
  }

  stop(): void {
    for (const lane of [...this.lanes, ...this.helpers]) lane.stop();
    this.lanes = [];
    this.helpers = [];
    this.helped = undefined;
    this.backend = undefined;
  }

  private allowed(): Backend[] {
    if (this.choice !== "auto") return [this.choice];
    return BACKENDS.filter((backend) => !this.givenUp.has(backend));
  }

  private tellReady(): void {
    this.tell({ phase: "ready", trials: this.trials, lanes: this.lanes.length });
  }

  private async makeReady(name: string): Promise<void> {
    if (this.stale) this.stop();
    this.stale = false;
    if (this.name === name && this.lanes.length > 0) return;
    if (this.lanes.length === 0) this.warm();
    const model = await (this.lanes.some(isLitert) ? this.fetchWhole(name).catch(() => this.fetch(name)) : this.fetch(name));
    const before = [this.name, this.model] as const;
    [this.name, this.model] = [name, model];
    try {
      this.tell({ phase: "testing" });
      // The backend at hand may not suit this model: then all are tried again.
      if (!(await this.reload(model).catch(() => false))) this.stop();
      if (this.lanes.length === 0) await this.choose(model);
    } catch (error) {
      [this.name, this.model] = before;
      throw error;
    }
    this.tellReady();
  }

  private async fetch(name: string): Promise<Model> {
    const known = this.models.get(name);
    if (known) return known;
    const model = await fetchModel(this.folder(name), (loaded, total) =>
      this.tell({ phase: "fetching", loaded, total }),
    );
    this.models.set(name, model);
    return model;
  }

  /** Fetches what LiteRT.js needs, too. */
  private async fetchWhole(name: string): Promise<Model> {
    const model = await this.fetch(name);
    if (model.files.skeleton) return model;
    const files = { ...model.files, skeleton: await fetchSkeleton(this.folder(name)) };
    this.models.set(name, { ...model, files });
    return { ...model, files };
  }

  /** Begins to load the first backend that this machine has the hardware for. */
  private warm(): void {
    if (this.early) return;
    const lane = new Lane(this.link);
    const find = async (): Promise<Backend | undefined> => {
      for (const backend of this.allowed()) {
        if ((await lane.engine.call("probe", [backend])) !== "hardware") continue;
        await lane.start(backend);
        return backend;
      }
      return undefined;
    };
    this.early = { lane, backend: find().catch(() => undefined) };
  }

  /** The lane that was warmed, if it has this backend. */
  private async takeEarly(backend: Backend): Promise<Lane | undefined> {
    const { early } = this;
    if (!early || (await early.backend) !== backend) return undefined;
    this.early = undefined;
    return early.lane;
  }

  /** Gives the lanes at hand another model; false if there are none or it comes out wrong. */
  private async reload(model: Model): Promise<boolean> {
    if (this.lanes.length === 0) return false;
    if (this.lanes.some(isLitert) && !model.files.skeleton) return false; // TF.js starts anew
    await Promise.all(this.lanes.map((lane) => lane.load(model)));
    const result = await this.lanes[0].check(model);
    this.trials = this.trials.map((trial) =>
      trial.backend === this.backend ? { ...trial, result } : trial,
    );
    return result.difference <= TOLERANCE;
  }

  private async choose(model: Model): Promise<void> {
    const tried = new Map<Backend, Lane>();
    const limit = this.choice === "auto" ? CHECK_MS : PATIENT_CHECK_MS;
    const tester = {
      probe: async (backend: Backend) => {
        const lane = new Lane(this.link);
        tried.set(backend, lane);
        return timeout(lane.engine.call("probe", [backend]), limit);
      },
      check: async (backend: Backend) => {
        const run = async () => {
          const early = await this.takeEarly(backend);
          if (early) {
            tried.get(backend)?.stop();
            tried.set(backend, early);
          }
          const lane = tried.get(backend) as Lane;
          if (!early) await lane.start(backend);
          await lane.load(model);
          return lane.check(model);
        };
        return timeout(run(), limit);
      },
    };
    this.trials = await tryBackends(tester, this.allowed());
    const winner = best(this.trials)?.backend;
    for (const [backend, lane] of tried) if (backend !== winner) lane.stop();
    this.early?.lane.stop();
    this.early = undefined;
    if (!winner) throw problem("NoBackend");
    this.backend = winner;
    this.maxPixels = MOST_PIXELS[winner];
    this.lanes = [tried.get(winner) as Lane];
    const { hardwareConcurrency: cores, deviceMemory } = navigator as Navigator & {
      deviceMemory?: number;
    };
    for (let more = laneCount(winner, cores, deviceMemory ?? 4); more > 1; more--) {
      const lane = new Lane(this.link);
      try {
        await lane.start(winner);
        await lane.load(model);
      } catch {
        lane.stop(); // for want of memory: those at hand do it
        return;
      }
      this.lanes.push(lane);
    }
  }
}
