/** Puts the page together. */
import { fetchNames } from "./jobs/models.ts";
import type { Link } from "./jobs/lane.ts";
import { type Choice, Pool, type PoolState } from "./jobs/pool.ts";
import { Queue } from "./jobs/queue.ts";
import { problem } from "./protocol/errors.ts";
import type { PictureCalls } from "./protocol/picture.ts";
import { Client } from "./protocol/rpc.ts";
import { CameraView } from "./view/camera.ts";
import { CleanView } from "./view/clean.ts";
import { byId, make } from "./view/dom.ts";
import { credit, fetchSample, fetchSamples, listen, type Sample, sampleButtons, takeShared } from "./view/files.ts";
import { LabView } from "./view/lab.ts";
import { startLanguage } from "./view/language.ts";
import { bindDialog, bindMenus, fetched, markModel, modelTitle, offerModels, preparingText, showState } from "./view/status.ts";
import { complain, say } from "./view/toast.ts";
import { bindInstall, register } from "./view/worker.ts";
import { inWords, t } from "./words/index.ts";

const MODELS = "./models";
const modelFolder = (name: string) => `${MODELS}/${name}`;

const worker = new Worker(new URL("./picture/worker.ts", import.meta.url), { type: "module" });
const pictures = new Client<PictureCalls>(worker);
worker.addEventListener("error", (event) => {
  if (event instanceof ErrorEvent) return; // an error in it, which runs; its calls tell of theirs
  pictures.fail(problem("NoPart", "the picture worker"));
  complain(problem("NoPart"));
});
const link: Link = {
  connect: (lane, port) => pictures.tell("connect", [lane, port], [port]),
  disconnect: (lane) => pictures.tell("disconnect", [lane]),
};
let state: PoolState | undefined;
const showPool = (): void => {
  if (!state) return;
  showState(state, pool.backend, pool.model);
  clean.setPreparing(preparingText(state), fetched(state));
};
const pool: Pool = new Pool(
  (now) => {
    state = now;
    showPool();
  },
  modelFolder,
  link,
);
const queue: Queue = new Queue(pictures, pool, (item) => clean.update(item));
const clean = new CleanView(queue, pictures);
const camera = new CameraView(pool, queue, (files) => clean.take(files));
let lab: LabView | undefined;
let names: string[] = [];

listen((files) => clean.take(files));
bindDialog();
bindMenus();
bindInstall();

async function openSample(sample: Sample): Promise<void> {
  const blob = await pictures.call("sample", [await fetchSample(sample), 7]);
  clean.take([{ name: `${sample.name}.png`, blob }]);
}

async function showSamples(): Promise<void> {
  const samples = await fetchSamples();
  const buttons = sampleButtons(samples, (sample) => void openSample(sample).catch(complain));
  byId("samples").append(
    ...samples.map((sample, at) => make("li", {}, buttons[at], credit(sample))),
  );
  byId("credits").append(...samples.map((sample) => make("li", {}, credit(sample))));
  lab = new LabView(samples, pictures, pool, queue, modelFolder, () => names);
  route(); // the Lab may have been waiting
}

const VIEWS = ["clean", "lab", "camera"] as const;

/** Shows the view that the address names; "#start" is the clean view before its pictures. */
function route(): void {
  const view = VIEWS.find((name) => `#${name}` === location.hash) ?? "clean";
  for (const name of VIEWS) {
    byId(name).hidden = name !== view;
    const link = document.querySelector(`nav a[href="#${name}"]`);
    if (name === view) link?.setAttribute("aria-current", "page");
    else link?.removeAttribute("aria-current");
  }
  document.body.dataset.view = view;
  clean.showWork(location.hash !== "#start");
  showTitle();
  if (view !== "camera") camera.stop();
  if (view === "lab") lab?.show();
}
window.addEventListener("hashchange", route);

function showTitle(): void {
  const view = document.body.dataset.view as (typeof VIEWS)[number];
  const start = view === "clean" && byId("work").hidden;
  document.title = start ? t("page.title") : `${t(`title.${view}`)} · kdae`;
}

/** Fetches the model, then switches to it. If it cannot be had, the one in use stays. */
async function chooseModel(name: string): Promise<void> {
  try {
    await pool.prepare(name);
    queue.choose(name);
  } catch (error) {
    console.warn(error);
    say(t("toast.kept", { reason: inWords(error), model: modelTitle(queue.model) }));
    markModel(queue.model);
    await pool.prepare(queue.model).catch(complain);
  }
  if (!byId("lab").hidden) lab?.show();
}

function showModels(): void {
  offerModels(names, queue.model, (name) => void chooseModel(name));
  if (!byId("lab").hidden) lab?.show();
}

byId<HTMLSelectElement>("backend").addEventListener("change", (event) => {
  pool.use((event.target as HTMLSelectElement).value as Choice);
  void pool.prepare(queue.model).catch(complain);
});

window.addEventListener("beforeunload", (event) => {
  if (queue.busy()) event.preventDefault(); // the browser asks
});

startLanguage(() => {
  showModels();
  showPool();
  clean.renew();
  showTitle();
}).catch(complain);
route();
if (location.hash === "#shared") takeShared().then((files) => clean.take(files), complain);

fetchNames(MODELS)
  .then((found) => {
    names = found;
    showModels();
  })
  .catch(complain);
showSamples().catch(complain);
/** Milliseconds without work, after which the network is free for what is fetched ahead. */
const QUIET_MS = 2000;

/** Waits until no picture is being cleaned. */
async function quiet(): Promise<void> {
  do await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  while (queue.busy());
}

// Begin with the engine at once: it is ready when the first picture is dropped. The service
// worker comes only after that.
pool
  .prepare(queue.model)
  .catch(complain)
  .then(quiet)
  .then(register)
  .catch(console.warn);
