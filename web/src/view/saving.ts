/** Saving: format, quality, size, metadata; one picture, all of them, the clipboard, other apps. */
import type { Item, Queue } from "../jobs/queue.ts";
import type { Controls } from "../maths/blend.ts";
import type { Keep } from "../maths/exif.ts";
import { problem } from "../protocol/errors.ts";
import type { PictureCalls, SaveFormat, SaveOptions, SaveOrder } from "../protocol/picture.ts";
import type { Client } from "../protocol/rpc.ts";
import { language, t } from "../words/index.ts";
import { byId, make, within } from "./dom.ts";
import { complain, say } from "./toast.ts";

const SUFFIX: Record<SaveFormat, string> = { png: ".png", jpeg: ".jpg", webp: ".webp", avif: ".avif" };
const NAMES: Record<SaveFormat, string> = { png: "PNG", jpeg: "JPEG", webp: "WebP", avif: "AVIF" };
const WITH_EXIF: readonly SaveFormat[] = ["png", "jpeg", "webp"];
const SETTLED_MS = 400;
const ZIP_NAME = "kdae-clean.zip";

/** "holiday.jpeg" becomes "holiday-clean.png". */
function cleanName(name: string, format: SaveFormat): string {
  return name.replace(/\.[^.]*$/, "") + "-clean" + SUFFIX[format];
}

export function download(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser reads it in its own time
}

function spokenSize(bytes: number): string {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

interface FilePicker {
  showSaveFilePicker?(options: { suggestedName: string }): Promise<FileSystemFileHandle>;
}

/** Asks where to write a file; undefined where browsers do not let pages do so. */
async function askForFile(suggestedName: string): Promise<FileSystemFileHandle | "cancelled" | undefined> {
  try {
    return await (window as FilePicker).showSaveFilePicker?.({ suggestedName });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return "cancelled";
    return undefined; // not allowed here, as inside a frame of another site
  }
}

export class SaveView {
  private item: Item | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** What the size shown is of; empty while none is shown. */
  private sized = "";
  /** What to share with the next click, as making it has outlasted the last. */
  private toShare: { readonly wanted: string; readonly content: Blob } | undefined;

  constructor(
    private readonly pictures: Client<PictureCalls>,
    private readonly queue: Queue,
    private readonly controls: (id: number) => Controls,
  ) {
    this.offerFormats().catch(console.warn); // then PNG is offered, which every browser writes
    byId("options").addEventListener("toggle", () => this.changed());
    for (const id of ["format", "quality"]) byId(id).addEventListener("input", () => this.changed());
    byId("options").addEventListener("change", () => this.changed());
    this.whenClicked("save", async (item) => {
      const order = this.order(item);
      download(await pictures.call("save", [order, this.options()]), order.name);
    });
    this.whenClicked("copy", (item) => this.copy(item));
    this.whenClicked("share", (item) => this.share(item));
    this.whenClicked("save-all", () => this.saveAll());
    const probe = new File([new Uint8Array(1)], "x.png", { type: "image/png" });
    byId("share").hidden = !navigator.canShare?.({ files: [probe] });
    window.addEventListener("keydown", (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.shiftKey || !this.item) return;
      if (document.body.dataset.view !== "clean" || byId("work").hidden) return; // another room's picture
      const key = event.key.toLowerCase(); // capital letters come with Caps Lock
      if (key === "s") byId("save").click();
      else if (key === "c" && !getSelection()?.toString()) byId("copy").click();
      else return;
      event.preventDefault();
    });
  }

  /** Shows what can be saved of the picture on the stage. */
  show(item: Item): void {
    this.item = item;
    const ready = item.state === "done";
    for (const id of ["save", "copy", "share"]) byId<HTMLButtonElement>(id).disabled = !ready;
    const all = byId<HTMLButtonElement>("save-all");
    const { items } = this.queue;
    const able = items.filter(({ state }) => state !== "failed" && state !== "cancelled").length;
    all.hidden = items.length < 2;
    all.disabled = able === 0;
    all.textContent = t("save.saveAll", { count: able });
    this.changed();
  }

  private async offerFormats(): Promise<void> {
    const found = await this.pictures.call("formats", []);
    byId("format").replaceChildren(...found.map((value) => make("option", { value }, NAMES[value])));
  }

  private options(): SaveOptions {
    const format = byId<HTMLSelectElement>("format").value as SaveFormat;
    const keep = within<HTMLInputElement>(document.body, "input[name=keep]:checked").value as Keep;
    return { format, quality: byId<HTMLInputElement>("quality").valueAsNumber / 100, keep };
  }

  private order(item: Item): SaveOrder {
    const { format } = this.options();
    return { id: item.id, model: item.model, name: cleanName(item.name, format), controls: this.controls(item.id) };
  }

  /** To be called when the result, its controls or an option have changed. */
  changed(): void {
    const { format, quality } = this.options();
    byId("quality-row").hidden = format === "png";
    within(document.body, 'output[for="quality"]').textContent = String(Math.round(quality * 100));
    this.showNotes();
    const { item } = this;
    const shown = byId<HTMLDetailsElement>("options").open && item?.state === "done";
    const wanted = shown ? JSON.stringify([this.order(item), this.options(), language]) : "";
    if (wanted === this.sized) return; // tiles of other pictures change nothing
    this.sized = wanted;
    clearTimeout(this.timer);
    byId("size").textContent = "";
    const failed = (error: unknown) => {
      byId("size").textContent = "";
      complain(error);
    };
    if (shown) this.timer = setTimeout(() => void this.measure(item, wanted).catch(failed), SETTLED_MS);
  }

  /** Encodes the picture to tell its size, unless something else is `wanted` in the meantime. */
  private async measure(item: Item, wanted: string): Promise<void> {
    byId("size").textContent = t("save.sizing");
    const { size } = await this.pictures.call("save", [this.order(item), this.options()]);
    if (wanted !== this.sized) return;
    byId("size").textContent = t("save.size", { after: spokenSize(size), before: spokenSize(item.file.size) });
  }

  /** What of the file does not come along, in words. */
  private showNotes(): void {
    const info = this.item?.info;
    const { format, keep } = this.options();
    const notes: string[] = (info?.notes ?? []).map((note) => t(`note.${note}`));
    if (info?.bits === 16 && format !== "png") notes.push(t("note.noDepth", { format: NAMES[format] }));
    if (info && !info.opaque && format === "jpeg") notes.push(t("note.opaque"));
    if (info?.hasExif && keep !== "none" && !WITH_EXIF.includes(format)) notes.push(t("note.noExif", { format: NAMES[format] }));
    const line = byId("notes");
    const text = notes.join(" ");
    if (line.textContent !== text) line.textContent = text;
    line.hidden = notes.length === 0;
  }

  /** A button that is out of action while its work lasts. */
  private whenClicked(id: string, work: (item: Item) => Promise<void>): void {
    const button = byId<HTMLButtonElement>(id);
    button.addEventListener("click", async () => {
      if (!this.item || button.ariaBusy) return;
      button.ariaBusy = "true";
      try {
        await work(this.item);
      } catch (error) {
        complain(error);
      }
      button.ariaBusy = null;
    });
  }

  /**
   * All pictures in one ZIP, in the folders they came in; what is not clean yet is cleaned first.
   * Where the browser lets the page write a file, no more than a picture of it is in memory.
   */
  private async saveAll(): Promise<void> {
    const target = await askForFile(ZIP_NAME); // now: browsers allow it after a click only
    if (target === "cancelled") return;
    await this.queue.finish();
    const done = this.queue.items.filter(({ state }) => state === "done");
    const orders = done.map((item) => ({ ...this.order(item), name: item.folder + this.order(item).name }));
    if (orders.length === 0) return;
    const content = await this.pictures.call("zip", [orders, this.options(), target]);
    if (content) download(content, ZIP_NAME);
    else say(t("save.saved", { name: target?.name ?? ZIP_NAME }));
  }

  /** Copies as PNG, which is what clipboards take. */
  private async copy(item: Item): Promise<void> {
    const content = this.pictures.call("save", [this.order(item), { ...this.options(), format: "png" }]);
    try {
      // A promise inside the item keeps the permission of the click while we encode.
      await navigator.clipboard.write([new ClipboardItem({ "image/png": content })]);
    } catch (error) {
      throw problem("NoClipboard", String(error));
    }
    say(t("save.copied"));
  }

  private async share(item: Item): Promise<void> {
    const order = this.order(item);
    const wanted = JSON.stringify([order, this.options()]);
    const ready = this.toShare?.wanted === wanted ? this.toShare.content : undefined;
    this.toShare = undefined;
    const content = ready ?? (await this.pictures.call("save", [order, this.options()]));
    try {
      await navigator.share({ files: [new File([content], order.name, { type: content.type })] });
    } catch (error) {
      const name = error instanceof DOMException ? error.name : "";
      if (name === "AbortError") return; // the person changed their mind
      // Browsers let pages share for some seconds after a click; a large picture takes longer.
      if (name !== "NotAllowedError" || ready) throw error;
      this.toShare = { wanted, content };
      say(t("save.shareAgain"));
    }
  }
}
