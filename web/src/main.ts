/** Puts the page together. */
import { fetchNames } from "./jobs/models.ts";
import type { Link } from "./jobs/lane.ts";
import { type Choice, Pool, type PoolState } from "./jobs/pool.ts";
import { Queue } from "./jobs/queue.ts";
import type { PictureCalls } from "./protocol/picture.ts";
import { Client } from "./protocol/rpc.ts";
import { CameraView } from "./view/camera.ts";
import { CleanView } from "./view/clean.ts";
import { byId, make } from "./view/dom.ts";
import { credit, fetchSample, fetchSamples, listen, type Sample, sampleButtons } from "./view/files.ts";
import { LabView } from "./view/lab.ts";
import { bindDialog, fetched, offerModels, preparingText, showState } from "./view/status.ts";
import { complain } from "./view/toast.ts";
import { register } from "./view/worker.ts";

const MODELS = "./models";
const modelFolder = (name: string) => `${MODELS}/${name}`;

const pictures = new Client<PictureCalls>(
  new Worker(new URL("./picture/worker.ts", import.meta.url), { type: "module" }),
);
const link: Link = {
  connect: (lane, port) => void pictures.call("connect", [lane, port], [port]),
  disconnect: (lane) => void pictures.call("disconnect", [lane]),
};
const show = (state: PoolState): void => {
  showState(state, pool.lanes[0]?.backend, pool.model);
  clean.setPreparing(preparingText(state), fetched(state));
};
const pool: Pool = new Pool(show, modelFolder, link);
const queue: Queue = new Queue(pictures, pool, (item) => clean.update(item));
const clean = new CleanView(queue, pictures);
const camera = new CameraView(pool, queue, (files) => clean.take(files));
let lab: LabView | undefined;

listen((files) => clean.take(files));
bindDialog();

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
  lab = new LabView(samples, pictures, pool, queue, modelFolder);
  route(); // the Lab may have been waiting
}

const VIEWS = ["clean", "lab", "camera"] as const;

/** Shows the view that the address names. */
function route(): void {
  const view = VIEWS.find((name) => `#${name}` === location.hash) ?? "clean";
  for (const name of VIEWS) {
    byId(name).hidden = name !== view;
    const link = document.querySelector(`nav a[href="#${name}"]`);
    if (name === view) link?.setAttribute("aria-current", "page");
    else link?.removeAttribute("aria-current");
  }
  document.body.dataset.view = view;
  if (view !== "camera") camera.stop();
  if (view === "lab") lab?.show();
}
window.addEventListener("hashchange", route);
route();

byId<HTMLSelectElement>("model").addEventListener("change", (event) => {
  const model = (event.target as HTMLSelectElement).value;
  void queue.choose(model);
  pool.prepare(model).catch(complain);
  if (!byId("lab").hidden) lab?.show();
});

byId<HTMLSelectElement>("backend").addEventListener("change", (event) => {
  pool.use((event.target as HTMLSelectElement).value as Choice);
  void pool.prepare(queue.model).catch(complain);
});

fetchNames(MODELS).then(offerModels).catch(complain);
showSamples().catch(complain);
// Begin with the engine at once: it is ready when the first picture is dropped. Only then is
// the network free for what the service worker fetches ahead.
pool
  .prepare(queue.model)
  .catch(complain)
  .finally(() => void register().catch(console.warn));
