/** The line on the stage that tells what is being done, and that it is done. */
import type { Item } from "../jobs/queue.ts";
import { secondsLeft } from "../maths/progress.ts";
import { inWords, spokenTime, t } from "../words/index.ts";
import { byId } from "./dom.ts";

/** How long "Done in 8 s" stays. */
const DONE_MS = 20_000;

export class JobLine {
  /** What the engine is busy with before the first tile, and how much of it is done. */
  private preparing: { text: string; fraction: number | undefined } = { text: "", fraction: undefined };
  private last: { item: Item; state: Item["state"] } | undefined;
  private doneSince = Number.NEGATIVE_INFINITY;
  private timer: ReturnType<typeof setTimeout> | undefined;

  prepare(text: string, fraction: number | undefined): void {
    this.preparing = { text, fraction };
  }

  /** Takes "Done" away. */
  hush(): void {
    this.doneSince = Number.NEGATIVE_INFINITY;
    if (this.last?.state === "done") byId("job").hidden = true;
  }

  show(item: Item): void {
    const before = this.last?.item === item ? this.last.state : undefined;
    this.last = { item, state: item.state };
    if (item.state !== "done") this.doneSince = Number.NEGATIVE_INFINITY;
    if (item.state !== before) this.turned(item, before);
    const busy = item.state === "working" || item.state === "waiting";
    const done = item.state === "done";
    const job = byId("job");
    job.hidden = done && performance.now() - this.doneSince > DONE_MS;
    job.dataset.state = item.state;
    this.swapFocus("job-cancel", !busy, "job-again", busy || done || !item.info);
    byId("job-look").hidden = !done;
    const bar = byId<HTMLProgressElement>("job-bar");
    bar.hidden = !busy;
    const { done: tiles, total } = item.progress;
    const fraction = total > 0 ? tiles / total : this.preparing.fraction;
    if (fraction === undefined) bar.removeAttribute("value");
    else bar.value = fraction;
    byId("job-text").textContent = this.sentence(item);
  }

  /** A change of state is told to the ear, too; tiles are not. */
  private turned(item: Item, before: Item["state"] | undefined): void {
    const announce = byId("announce");
    if (item.state === "done" && before === "working") {
      this.doneSince = performance.now();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.hush(), DONE_MS);
      announce.textContent = `${t("job.ready", { name: item.name })}. ${this.sentence(item)}`;
    } else if (item.state === "failed" || item.state === "cancelled") announce.textContent = this.sentence(item);
    else announce.textContent = "";
  }

  /** Two buttons of which one is there; the focus must not fall into the void between them. */
  private swapFocus(first: string, firstHidden: boolean, second: string, secondHidden: boolean): void {
    const [one, other] = [byId(first), byId(second)];
    const held = [one, other].includes(document.activeElement as HTMLElement);
    one.hidden = firstHidden;
    other.hidden = secondHidden;
    if (!held || (document.activeElement !== document.body && !(document.activeElement as HTMLElement).hidden)) return;
    const next = firstHidden ? other : one;
    (next.hidden ? byId("stage") : next).focus();
  }

  private sentence(item: Item): string {
    const { done, total, begin } = item.progress;
    if (item.state === "done") return t("job.done", { time: spokenTime(item.results.get(item.model) ?? 0) });
    if (item.state === "waiting") return t("job.waiting", { name: item.name });
    if (item.state === "cancelled") return t("job.cancelled");
    if (item.state === "failed") return t("error.named", { name: item.name, reason: inWords(item.error) });
    if (total === 0) return this.preparing.text || t("job.opening");
    const left = secondsLeft(done, total, (performance.now() - begin) / 1000);
    const at = Math.min(done + 1, total);
    return left === undefined ? t("job.tile", { at, total }) : t("job.left", { at, total, time: spokenTime(left) });
  }
}
