/** Pictures come in by drop, paste, file button or as a sample. */
import { byId, make } from "./dom.ts";

export interface Incoming {
  readonly name: string;
  readonly blob: Blob;
}

export interface Sample {
  readonly name: string;
  readonly title: string;
  readonly author: string;
  readonly license: string;
  readonly licenseUrl: string;
  readonly source: string;
  readonly change: string;
}

function incoming(files: Iterable<File>): Incoming[] {
  return [...files].map((file) => ({ name: file.name || "pasted.png", blob: file }));
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
    if (hasFiles(event)) hint.hidden = ++depth === 0;
  });
  window.addEventListener("dragleave", (event) => {
    if (hasFiles(event) && --depth <= 0) hint.hidden = true;
  });
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    hint.hidden = true;
    const files = incoming(event.dataTransfer?.files ?? []);
    if (files.length > 0) take(files);
  });

  window.addEventListener("paste", (event) => {
    const files = incoming(event.clipboardData?.files ?? []);
    if (files.length > 0) take(files);
  });
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
    const image = make("img", { src: `./samples/${sample.name}.jpg`, alt: sample.title });
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
