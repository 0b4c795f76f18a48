/** What the engine does, and the dialog that tells how it runs. */
import type { Trial } from "../jobs/choose.ts";
import { DEFAULT_MODEL, type Model } from "../jobs/models.ts";
import type { PoolState } from "../jobs/pool.ts";
import type { Backend } from "../protocol/engine.ts";
import { byId, make, within } from "./dom.ts";

export const BACKEND_NAMES: Record<Backend, string> = {
  webgpu: "WebGPU",
  webgl: "WebGL",
  wasm: "WebAssembly",
};

const OUTCOMES: Record<Trial["outcome"], string> = {
  right: "right",
  wrong: "wrong numbers",
  failed: "failed",
  missing: "not here",
  software: "no real GPU",
};

const MODEL_TITLES: Record<string, string> = { photo: "Photo", color: "Colour", gray: "Grey" };

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

/** The sentence for a state before the first tile; empty when ready. */
export function preparingText(state: PoolState): string {
  if (state.phase === "fetching") {
    return `Fetching the model, ${megabytes(state.loaded)} of ${megabytes(state.total)}`;
  }
  return state.phase === "testing" ? "Trying what this machine computes with" : "";
}

/** The fraction of the model that has arrived, while it is being fetched. */
export function fetched(state: PoolState): number | undefined {
  return state.phase === "fetching" ? state.loaded / state.total : undefined;
}

/** Lists the models to choose from. */
export function offerModels(names: readonly string[]): void {
  const options = names.map((name) => {
    const selected = name === DEFAULT_MODEL;
    return make("option", { value: name, selected }, MODEL_TITLES[name] ?? name);
  });
  byId("model").replaceChildren(...options);
}

export function showState(state: PoolState, used: Backend | undefined, model: Model | undefined): void {
  const button = byId("about-open");
  button.dataset.phase = state.phase;
  const labels = {
    fetching: "Fetching",
    testing: "Testing",
    failed: "No engine",
    ready: used ? BACKEND_NAMES[used] : "",
  };
  byId("engine-label").textContent = labels[state.phase];
  const bar = byId<HTMLProgressElement>("fetch");
  bar.hidden = state.phase !== "fetching";
  bar.value = fetched(state) ?? 0;
  if (state.phase === "ready" && used) button.dataset.backend = used;
  else delete button.dataset.backend;
  if (state.phase === "ready" || state.phase === "failed") showTrials(state.trials, used);
  if (model) showModel(model);
}

function showTrials(trials: readonly Trial[], used: Backend | undefined): void {
  const rows = trials.map(({ backend, outcome, result, message }) => {
    const row = make(
      "tr",
      { title: message ?? "" },
      make("th", { scope: "row" }, BACKEND_NAMES[backend]),
      make("td", {}, backend === used ? "in use" : OUTCOMES[outcome]),
      make("td", {}, result ? `${result.milliseconds.toFixed(0)} ms` : "–"),
      make("td", {}, result ? `${result.difference.toFixed(2)} / 255` : "–"),
    );
    row.dataset.backend = backend;
    row.dataset.outcome = outcome;
    if (result) row.dataset.difference = String(result.difference);
    return row;
  });
  within(byId("trials"), "tbody").replaceChildren(...rows);
}

/** A card's noise, as {"gaussian": {"sigma": 25}}, in words: "gaussian, sigma 25"; no ranges. */
export function noiseWords(noise: unknown): string {
  if (typeof noise !== "object" || noise === null) return String(noise);
  const words = Object.entries(noise).flatMap(([key, value]) => {
    if (Array.isArray(value)) return [];
    return typeof value === "object" ? [key, noiseWords(value)] : [`${key} ${value}`];
  });
  return words.filter(Boolean).join(", ");
}

function showModel({ card, bytes }: Model): void {
  const [result] = card.results;
  const quality = result
    ? ` On ${result.images} held-out photographs with noise (${noiseWords(result.noise)}) it raises the PSNR from ${result.psnr_noisy.toFixed(1)} to ${result.psnr.toFixed(1)} dB.`
    : "";
  byId("model-facts").textContent =
    `Model ${card.name}: ${card.parameters.toLocaleString("en")} parameters, ${megabytes(bytes)}.${quality}`;
}

/** Opens and closes the dialog, also by a click beside it. */
export function bindDialog(): void {
  const dialog = byId<HTMLDialogElement>("about");
  byId("about-open").addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}
