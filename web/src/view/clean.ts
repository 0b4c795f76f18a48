/** The main view: stage, queue and controls. */
import { secondsLeft, spokenTime } from "../maths/progress.ts";
import type { Item, Queue } from "../jobs/queue.ts";
import { inWords } from "../protocol/errors.ts";
import type { PictureCalls, SaveFormat, SaveOrder } from "../protocol/picture.ts";
import type { Client } from "../protocol/rpc.ts";
import { byId, make } from "./dom.ts";
import type { Incoming } from "./files.ts";
import { cleanName, Saver } from "./save.ts";
import { Stage } from "./stage.ts";
import { complain, hush, say } from "./toast.ts";

export class CleanView {
  private readonly stage: Stage;
  private readonly saver: Saver;
  private readonly thumbs = new Map<number, HTMLLIElement>();
  private readonly strengths = new Map<number, number>();
  private selected: Item | undefined;
  /** What the engine is busy with before the first tile, and how much of it is done. */
  private preparing: { text: string; fraction: number | undefined } = { text: "", fraction: undefined };

  constructor(
    private readonly queue: Queue,
    pictures: Client<PictureCalls>,
  ) {
    this.saver = new Saver(pictures);
    this.stage = new Stage(byId("stage"), pictures, (scale, fitted) => {
      byId("zoom-value").textContent = `${Math.round(scale * 100)} %`;
      byId("zoom-fit").ariaPressed = String(fitted);
      byId("zoom-one").ariaPressed = String(!fitted && scale === 1);
    });
    this.bind();
  }

  take(files: Incoming[]): void {
    if (files.length === 0) return;
    location.hash = "#clean";
    byId("welcome").hidden = true;
    byId("work").hidden = false;
    const items = this.queue.add(files);
    for (const item of items) this.addThumb(item);
    this.select(items[0]);
  }

  /** To be called by the queue. */
  update(item: Item): void {
    const thumb = this.thumbs.get(item.id);
    if (thumb) this.drawThumb(thumb, item);
    if (item.state === "failed" && item !== this.selected) complain(item.error);
    if (item === this.selected) this.render();
    this.renderButtons();
  }

  /** Tells the job line what the engine does before the first tile. */
  setPreparing(text: string, fraction: number | undefined): void {
    this.preparing = { text, fraction };
    this.render();
  }

  private bind(): void {
    const strength = byId<HTMLInputElement>("strength");
    strength.addEventListener("input", () => {
      this.stage.strength = strength.valueAsNumber / 100;
      byId("strength-value").textContent = `${strength.value} %`;
      if (this.selected) this.strengths.set(this.selected.id, this.stage.strength);
      this.stage.refresh();
    });
    byId("zoom-in").addEventListener("click", () => this.stage.zoomBy(1.5));
    byId("zoom-out").addEventListener("click", () => this.stage.zoomBy(1 / 1.5));
    byId("zoom-fit").addEventListener("click", () => this.stage.fit());
    byId("zoom-one").addEventListener("click", () => this.stage.zoomTo(1));
    byId("job-cancel").addEventListener("click", () => this.selected && this.queue.cancel(this.selected));
    byId("job-again").addEventListener("click", () => this.selected && void this.queue.again(this.selected));
    this.whenClicked("save", (item, format) => this.saver.save(this.order(item, format), format));
    this.whenClicked("copy", async (item) => {
      await this.saver.copy(this.order(item, "png"));
      say("Copied.");
    });
    this.whenClicked("save-all", (_, format) => {
      const done = this.queue.items.filter(({ state }) => state === "done");
      return this.saver.saveAll(done.map((item) => this.order(item, format)), format);
    });
    window.addEventListener("keydown", (event) => {
      if (!(event.ctrlKey || event.metaKey) || !this.selected) return;
      if (event.key === "s") byId("save").click();
      else if (event.key === "c" && !getSelection()?.toString()) byId("copy").click();
      else return;
      event.preventDefault();
    });
  }

  /** A button that is out of action while its work lasts. */
  private whenClicked(id: string, work: (item: Item, format: SaveFormat) => Promise<void>): void {
    const button = byId<HTMLButtonElement>(id);
    button.addEventListener("click", async () => {
      if (!this.selected) return;
      button.setAttribute("aria-busy", "true");
      try {
        await work(this.selected, byId<HTMLSelectElement>("format").value as SaveFormat);
      } catch (error) {
        complain(error);
      }
      button.removeAttribute("aria-busy");
    });
  }

  private order(item: Item, format: SaveFormat): SaveOrder {
    const strength = this.strengths.get(item.id) ?? 1;
    return { id: item.id, name: cleanName(item.name, format), strength };
  }

  private select(item: Item): void {
    this.selected = item;
    if (item.state === "failed") hush(); // the stage says it
    const strength = Math.round((this.strengths.get(item.id) ?? 1) * 100);
    this.stage.strength = strength / 100;
    byId<HTMLInputElement>("strength").value = String(strength);
    byId("strength-value").textContent = `${strength} %`;
    for (const [id, thumb] of this.thumbs) {
      thumb.firstElementChild?.setAttribute("aria-current", String(id === item.id));
    }
    this.render();
    this.renderButtons();
  }

  private render(): void {
    const item = this.selected;
    if (!item) return;
    byId("stage").classList.toggle("empty", !item.info);
    byId("stage").dataset.state = item.state;
    if (item.info) this.stage.show({ id: item.id, width: item.info.width, height: item.info.height });
    const { done, total, begin } = item.progress;
    const busy = item.state === "working" || item.state === "waiting";
    byId("job").hidden = item.state === "done";
    byId("job").dataset.state = item.state;
    byId("job-cancel").hidden = !busy;
    byId("job-again").hidden = busy || !item.info;
    const bar = byId<HTMLProgressElement>("job-bar");
    bar.hidden = !busy;
    const fraction = total > 0 ? done / total : this.preparing.fraction;
    if (fraction === undefined) bar.removeAttribute("value");
    else bar.value = fraction;
    byId("job-text").textContent = this.sentence(item, done, total, begin);
  }

  private sentence(item: Item, done: number, total: number, begin: number): string {
    if (item.state === "waiting") return `${item.name} waits for its turn`;
    if (item.state === "cancelled") return "Cancelled";
    if (item.state === "failed") return inWords(item.error);
    if (total === 0) return this.preparing.text || "Opening the picture";
    const left = secondsLeft(done, total, (performance.now() - begin) / 1000);
    const tiles = `Tile ${Math.min(done + 1, total)} of ${total}`;
    return left === undefined ? tiles : `${tiles}, ${spokenTime(left)} left`;
  }

  private renderButtons(): void {
    const done = this.queue.items.filter(({ state }) => state === "done").length;
    const ready = this.selected?.state === "done";
    for (const id of ["save", "copy"]) byId<HTMLButtonElement>(id).disabled = !ready;
    const all = byId<HTMLButtonElement>("save-all");
    all.hidden = this.queue.items.length < 2;
    all.disabled = done === 0;
    all.textContent = `Save all (${done})`;
  }

  private addThumb(item: Item): void {
    const open = make("button", { type: "button", className: "thumb", title: item.name });
    open.addEventListener("click", () => this.select(item));
    const close = make("button", { type: "button", className: "close", ariaLabel: `Remove ${item.name}` }, "×");
    close.addEventListener("click", () => this.remove(item));
    const thumb = make("li", {}, open, close);
    this.thumbs.set(item.id, thumb);
    byId("strip").append(thumb);
    byId("strip").hidden = this.queue.items.length < 2;
    this.drawThumb(thumb, item);
  }

  private drawThumb(thumb: HTMLLIElement, item: Item): void {
    const button = thumb.firstElementChild as HTMLButtonElement;
    thumb.dataset.state = item.state;
    button.ariaLabel = `${item.name}, ${item.state}`;
    if (item.info && !button.querySelector("img")) {
      const image = make("img", { src: URL.createObjectURL(item.info.thumbnail), alt: "" });
      image.onload = () => URL.revokeObjectURL(image.src);
      button.append(image);
    }
    const { done, total } = item.progress;
    thumb.style.setProperty("--done", String(total ? done / total : 0));
  }

  private remove(item: Item): void {
    this.queue.remove(item);
    this.thumbs.get(item.id)?.remove();
    this.thumbs.delete(item.id);
    byId("strip").hidden = this.queue.items.length < 2;
    if (item === this.selected && this.queue.items.length > 0) this.select(this.queue.items[0]);
    this.renderButtons();
  }
}
