/** Pictures come in by drop, paste, file button, from other apps or as a sample. */
import type { Incoming } from "../jobs/queue.ts";
import { problem } from "../protocol/errors.ts";
import { t } from "../words/index.ts";
import { byId, make } from "./dom.ts";
import { complain, say } from "./toast.ts";

export interface Sample {
  readonly name: string;
  readonly title: string;
  readonly author: string;
  readonly license: string;
  readonly licenseUrl: string;
  readonly source: string;
  readonly change: string;
}

const SUFFIX = /\.(png|jpe?g|webp|avif|gif|bmp|tiff?|hei[cf])$/i;

function incoming(files: Iterable<File>): Incoming[] {
  return [...files].map((file) => ({ name: file.name || "pasted.png", blob: file }));
}

/** All pictures of a dropped file or folder, and of the folders in it. What cannot be read is told by its name. */
async function unfold(entry: FileSystemEntry, folder: string): Promise<Incoming[]> {
  if (entry.isFile) {
    const read = new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    const file = await read.catch((error) => complain(problem("Unreadable", String(error)), entry.name));
    if (!file) return [];
    const picture = file.type.startsWith("image/") || SUFFIX.test(file.name);
    // What was dropped by itself is taken whatever it is: it deserves an answer.
    return picture || folder === "" ? [{ name: file.name, blob: file, folder }] : [];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Incoming[] = [];
  for (;;) {
    // A folder comes in pieces, the last of them empty.
    const piece = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (piece.length === 0) return found;
    for (const inner of piece) found.push(...(await unfold(inner, `${folder}${entry.name}/`)));
  }
}

async function dropped(data: DataTransfer): Promise<Incoming[]> {
  // Entries must be asked for before anything is waited for: the list is emptied then.
  const items = [...data.items].filter(({ kind }) => kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? null);
  const files = items.map((item) => item.getAsFile());
  const found: Incoming[] = [];
  for (const [at, entry] of entries.entries()) {
    const file = files[at];
    if (entry) found.push(...(await unfold(entry, "")));
    else if (file) found.push(...incoming([file]));
  }
  return found;
}

/** Calls `take` with whatever pictures the person brings. */
export function listen(take: (files: Incoming[]) => void): void {
  const input = byId<HTMLInputElement>("file");
  const pick = () => input.click();
  byId("choose").addEventListener("click", pick);
  byId("open").addEventListener("click", pick);
  input.addEventListener("change", () => {
    take(incoming(input.files ?? []));
    input.value = ""; // the same file may be chosen again
  });

  const hint = byId("drop-hint");
  let depth = 0; // enter and leave events come for every child
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  window.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth++;
    hint.hidden = false;
  });
  window.addEventListener("dragleave", (event) => {
    if (hasFiles(event) && --depth <= 0) hint.hidden = true;
  });
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", async (event) => {
    event.preventDefault();
    depth = 0;
    hint.hidden = true;
    if (!event.dataTransfer || !hasFiles(event)) return;
    const files = await dropped(event.dataTransfer).catch(complain); // as a file that may not be read
    if (files?.length === 0) say(t("toast.nothing"));
    else if (files) take(files);
  });

  window.addEventListener("paste", (event) => {
    const files = incoming(event.clipboardData?.files ?? []);
    if (files.length > 0) take(files);
  });

  const { launchQueue } = window as unknown as { launchQueue?: LaunchQueue };
  launchQueue?.setConsumer(({ files }) => {
    const opened = Promise.all(files.map((handle) => handle.getFile()));
    opened.then((found) => found.length > 0 && take(incoming(found)), complain);
  });
}

/** How an installed page is given the files that it was opened with. */
interface LaunchQueue {
  setConsumer(consumer: (launch: { files: FileSystemFileHandle[] }) => void): void;
}

/** Where the service worker leaves what other apps share; the same name is in sw.js. */
const SHARED = "shared-kdae";

/** Takes what another app has shared with the page. */
export async function takeShared(): Promise<Incoming[]> {
  const cache = await caches.open(SHARED);
  const found: Incoming[] = [];
  for (const request of await cache.keys()) {
    const answer = await cache.match(request);
    const name = new URL(request.url).searchParams.get("name") || "shared.png";
    if (answer) found.push({ name, blob: await answer.blob() });
  }
  await caches.delete(SHARED);
  return found;
}

export async function fetchSamples(): Promise<Sample[]> {
  return (await fetch("./samples/samples.json")).json();
}

export async function fetchSample(sample: Sample): Promise<Blob> {
  return (await fetch(`./samples/${sample.name}.jpg`)).blob();
}

/** Buttons with the samples' pictures. */
export function sampleButtons(samples: readonly Sample[], chosen: (sample: Sample) => void): HTMLElement[] {
  return samples.map((sample) => {
    const image = make("img", { src: `./samples/${sample.name}-small.jpg`, alt: sample.title });
    image.loading = "lazy";
    const button = make("button", { type: "button", className: "sample", title: sample.title }, image);
    button.dataset.sample = sample.name;
    button.addEventListener("click", () => chosen(sample));
    return button;
  });
}

/** "Dandelions, by Author, CC0-1.0" with a link to the licence. */
export function credit(sample: Sample): HTMLElement {
  const link = make("a", { href: sample.licenseUrl, target: "_blank", rel: "noopener license" }, sample.license);
  return make("span", { className: "credit", title: `${sample.source}; ${sample.change}` },
    make("b", {}, sample.title), ` ${sample.author}, `, link);
}
