/** Chooses a backend: the first that is fast enough, else the fastest that is right. */
import { type Backend, BACKENDS, type Probe } from "../protocol/engine.ts";
import { type CheckResult, TOLERANCE } from "./lane.ts";

/** How one backend did. */
export interface Trial {
  readonly backend: Backend;
  readonly outcome: "right" | "wrong" | "failed" | "missing" | "software";
  readonly result?: CheckResult;
  readonly message?: string;
}

export interface Tester {
  probe(backend: Backend): Promise<Probe>;
  check(backend: Backend): Promise<CheckResult>;
}

/** A check tile this fast leaves nothing to be gained from loading another backend. */
const FAST_ENOUGH_MS = 12;

/** The promise, or an error if it takes longer. */
export function timeout<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no answer")), milliseconds);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

async function attempt(backend: Backend, tester: Tester, byHand: boolean): Promise<Trial> {
  try {
    const found = await tester.probe(backend);
    if (found === "missing") return { backend, outcome: "missing" };
    // A CPU that plays a GPU is slower than wasm: not worth the load, unless asked for.
    if (found === "software" && !byHand) return { backend, outcome: "software" };
    const result = await tester.check(backend);
    return { backend, outcome: result.difference <= TOLERANCE ? "right" : "wrong", result };
  } catch (error) {
    return { backend, outcome: "failed", message: String(error) };
  }
}

/** Tries backends in order; `allowed` names those in question. */
export async function tryBackends(
  tester: Tester,
  allowed: readonly Backend[] = BACKENDS,
): Promise<Trial[]> {
  const trials: Trial[] = [];
  for (const backend of allowed) {
    const trial = await attempt(backend, tester, allowed.length === 1);
    trials.push(trial);
    if (trial.outcome === "right" && speed(trial) <= FAST_ENOUGH_MS) break;
  }
  return trials;
}

function speed({ result }: Trial): number {
  return result?.milliseconds ?? Number.POSITIVE_INFINITY;
}

/** The fastest backend whose numbers are right, or undefined. */
export function best(trials: readonly Trial[]): Trial | undefined {
  return trials
    .filter(({ outcome }) => outcome === "right")
    .sort((a, b) => speed(a) - speed(b))
    .at(0);
}
