/** What the engine does, and the dialog that tells how it runs. */
import type { Trial } from "../jobs/choose.ts";
import type { Model } from "../jobs/models.ts";
import type { PoolState } from "../jobs/pool.ts";
import type { Backend } from "../protocol/engine.ts";
import { language, t, tOr } from "../words/index.ts";
import { byId, make, within } from "./dom.ts";

const BACKEND_NAMES: Record<Backend, string> = {
  webgpu: "WebGPU",
  webgl: "WebGL",
  wasm: "WebAssembly",
};

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

/** The sentence for a state before the first tile; empty when ready. */
export function preparingText(state: PoolState): string {
  if (state.phase === "fetching") {
    return t("job.fetching", { loaded: megabytes(state.loaded), total: megabytes(state.total) });
  }
  return state.phase === "testing" ? t("job.testing") : "";
}

/** The fraction of the model that has arrived, while it is being fetched. */
export function fetched(state: PoolState): number | undefined {
  return state.phase === "fetching" ? state.loaded / state.total : undefined;
}

/** A model's name for people. */
export function modelTitle(name: string): string {
  return tOr(`model.${name}`, name);
}

/** Lists the models to choose from, each with a line on when. */
export function offerModels(names: readonly string[], chosen: string, choose: (name: string) => void): void {
  const rows = names.map((name) => {
    const input = make("input", { type: "radio", name: "model", value: name, checked: name === chosen });
    input.addEventListener("change", () => choose(name));
    const when = make("small", {}, tOr(`model.${name}.when`, t("model.other.when")));
    return make("label", {}, input, make("span", {}, make("b", {}, modelTitle(name)), when));
  });
  const field = byId("model");
  field.replaceChildren(within(field, "legend"), ...rows);
}

/** Marks a model as the one chosen. */
export function markModel(name: string): void {
  for (const input of byId("model").querySelectorAll("input")) input.checked = input.value === name;
}

export function showState(state: PoolState, used: Backend | undefined, model: Model | undefined): void {
  const button = byId("about-open");
  button.dataset.phase = state.phase;
  const ready = state.phase === "ready";
  byId("engine-label").textContent = ready ? (used ? BACKEND_NAMES[used] : "") : t(`engine.${state.phase}`);
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
      make("td", {}, backend === used ? t("trial.used") : t(`trial.${outcome}`)),
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
  const facts = t("facts.model", { name: card.name, parameters: card.parameters.toLocaleString(language), bytes: megabytes(bytes) });
  const quality = result && t("facts.quality", {
    images: result.images,
    noise: noiseWords(result.noise),
    before: result.psnr_noisy.toFixed(1),
    after: result.psnr.toFixed(1),
  });
  byId("model-facts").textContent = quality ? `${facts} ${quality}` : facts;
}

/** Opens and closes the dialog, also by a click beside it. */
export function bindDialog(): void {
  const dialog = byId<HTMLDialogElement>("about");
  byId("about-open").addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}

/** Menus close when one clicks elsewhere or presses Escape, and one at a time is open. */
export function bindMenus(): void {
  const menus = [...document.querySelectorAll<HTMLDetailsElement>("details.menu")];
  window.addEventListener("pointerdown", (event) => {
    for (const menu of menus) if (!menu.contains(event.target as Node)) menu.open = false;
  });
  window.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of menus.filter(({ open }) => open)) {
      menu.open = false;
      within(menu, "summary").focus();
    }
  });
}
