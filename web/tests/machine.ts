/** A machine of a test's making in place of engines and models: for `vi.mock`. */
import { vi } from "vitest";
import type { Backend } from "../src/protocol/engine.ts";

export const machine = {
  /** The largest tile that each backend's memory holds, in pixels. */
  holds: {} as Record<string, number>,
  wrong: new Set<string>(),
  offline: new Set<string>(),
  fetched: [] as string[],
  engines: new Map<number, string>(),
  stopped: new Set<number>(),
  /** How many lanes of a backend its memory holds. */
  lanes: Number.POSITIVE_INFINITY,
};

/** In place of `jobs/lane.ts`. */
export const lanes = {
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
};

/** In place of `jobs/models.ts`. */
export const models = {
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
};

export const noLink = { connect: () => {}, disconnect: () => {} };

/** A machine with all backends and enough of everything. */
export function renew(): void {
  vi.stubGlobal("navigator", { hardwareConcurrency: 2 });
  machine.holds = { webgpu: 1e9, webgl: 1e9, wasm: 1e9, litert: 1e9 };
  machine.wrong = new Set();
  machine.offline = new Set();
  machine.fetched = [];
  machine.stopped = new Set();
  machine.engines = new Map();
  machine.lanes = Number.POSITIVE_INFINITY;
}
