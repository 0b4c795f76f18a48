/** The main view: stage, queue and controls. */
import type { Incoming, Item, Queue } from "../jobs/queue.ts";
import type { PictureCalls } from "../protocol/picture.ts";
import type { Client } from "../protocol/rpc.ts";
import { ControlsView } from "./controls.ts";
import { byId } from "./dom.ts";
import { JobLine } from "./job.ts";
import { SaveView } from "./saving.ts";
import { Stage } from "./stage.ts";
import { Strip } from "./strip.ts";
import { complain, hush } from "./toast.ts";

export class CleanView {
  private readonly stage: Stage;
  private readonly strip: Strip;
  private readonly job = new JobLine();
  private readonly controls: ControlsView;
  private readonly saving: SaveView;
  private selected: Item | undefined;

  constructor(
    private readonly queue: Queue,
    private readonly pictures: Client<PictureCalls>,
  ) {
    this.stage = new Stage(byId("stage"), pictures, (scale, fitted, seen) => {
      byId("zoom-value").textContent = `${Math.round(scale * 100)} %`;
      byId("zoom-fit").ariaPressed = String(fitted);
      byId("zoom-one").ariaPressed = String(!fitted && scale === 1);
      queue.look(seen);
    });
    this.strip = new Strip(
      (item) => this.select(item),
      (item) => this.remove(item),
    );
    this.controls = new ControlsView((controls) => {
      this.stage.controls = controls;
      this.stage.refresh();
      this.saving?.changed();
    });
    this.saving = new SaveView(pictures, queue, (id) => this.controls.of(id));
    this.bind();
  }

  take(files: readonly Incoming[]): void {
    if (files.length === 0) return;
    location.hash = "#clean";
    const lost = document.activeElement === document.body || byId("welcome").contains(document.activeElement);
    const items = this.queue.add(files);
    this.showWork(true);
    for (const item of items) this.strip.add(item);
    this.select(items[0]);
    if (lost) byId("stage").focus();
  }

  /** Shows the pictures, or the start if there are none or it is asked for. */
  showWork(wanted: boolean): void {
    const work = wanted && this.queue.items.length > 0;
    byId("welcome").hidden = work;
    byId("work").hidden = !work;
  }

  /** To be called by the queue. */
  update(item: Item): void {
    this.strip.draw(item);
    if (item.state === "failed" && item !== this.selected) complain(item.error, item.name);
    if (item === this.selected) this.render();
    if (this.selected) this.saving.show(this.selected);
  }

  /** Tells the job line what the engine does before the first tile. */
  setPreparing(text: string, fraction: number | undefined): void {
    this.job.prepare(text, fraction);
    this.render();
  }

  /** Says everything anew, in another language. */
  renew(): void {
    for (const item of this.queue.items) this.strip.draw(item);
    this.stage.renew();
    this.render();
    if (this.selected) this.saving.show(this.selected);
  }

  private bind(): void {
    const { stage, queue } = this;
    const click = (id: string, work: (item: Item) => void) =>
      byId(id).addEventListener("click", () => this.selected && work(this.selected));
    click("zoom-in", () => stage.zoomBy(1.5));
    click("zoom-out", () => stage.zoomBy(1 / 1.5));
    click("zoom-fit", () => stage.fit());
    click("zoom-one", () => stage.zoomTo(1));
    click("job-cancel", (item) => queue.cancel(item));
    click("job-again", (item) => queue.again(item));
    click("job-look", (item) => void this.lookCloser(item).catch(complain));
    click("close-picture", (item) => this.remove(item));
    click("removed", () => {
      stage.removed = !stage.removed;
      byId("removed").ariaPressed = String(stage.removed);
      byId("stage").classList.toggle("difference", stage.removed);
      stage.refresh();
    });
    // Held, B shows the picture as it was.
    const peek = (held: boolean) => byId("stage").classList.toggle("peek", held);
    window.addEventListener("keydown", (event) => {
      const typing = event.target instanceof HTMLSelectElement || event.ctrlKey || event.metaKey || event.altKey;
      if (event.key.toLowerCase() === "b" && !typing) peek(true);
    });
    window.addEventListener("keyup", (event) => {
      if (event.key.toLowerCase() === "b") peek(false);
    });
    window.addEventListener("blur", () => peek(false));
  }

  /** Goes to where most noise was removed, at full size. */
  private async lookCloser(item: Item): Promise<void> {
    const place = await this.pictures.call("busiest", [item.id, item.model]);
    this.job.hush();
    this.stage.lookAt(place);
    byId("stage").focus();
  }

  private select(item: Item): void {
    this.selected = item;
    this.queue.select(item);
    if (item.state === "failed") hush(); // the stage says it
    this.strip.mark(item);
    this.controls.show(item.id);
    this.render();
    this.saving.show(item);
  }

  private render(): void {
    const item = this.selected;
    if (!item) return;
    byId("stage").classList.toggle("empty", !item.info);
    byId("stage").dataset.state = item.state;
    byId("stage").dataset.model = item.model;
    if (item.info) {
      const { width, height } = item.info;
      this.stage.show({ id: item.id, model: item.model, width, height });
    } else this.stage.clear();
    this.job.show(item);
  }

  /** Takes a picture away; its neighbour comes in its place, or the start. */
  private remove(item: Item): void {
    const at = this.queue.items.indexOf(item);
    this.queue.remove(item);
    this.strip.drop(item);
    const { items } = this.queue;
    const neighbour = items[Math.min(at, items.length - 1)];
    if (!neighbour) {
      this.selected = undefined;
      this.stage.clear();
      this.showWork(false);
      location.hash = "#start"; // the title follows
      byId("choose").focus();
      return;
    }
    if (item === this.selected) this.select(neighbour);
    else if (this.selected) this.saving.show(this.selected);
    if (byId("strip").hidden) byId("stage").focus();
    else this.strip.focus(neighbour);
  }
}
