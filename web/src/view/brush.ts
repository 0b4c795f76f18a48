/** The Lab's noise brush, by pointer and by keys. */
import { emptyMask, type Mask, painted, stroke } from "../maths/brush.ts";
import type { Rgba } from "../maths/pixels.ts";
import { t } from "../words/index.ts";
import { byId, within } from "./dom.ts";

interface Point {
  readonly x: number;
  readonly y: number;
}

export class Brush {
  private mask: Mask = emptyMask(0, 0);
  /** Where the brush is, in pixels of the picture. */
  private place: Point = { x: 0, y: 0 };
  private readonly easel = byId("lab-easel");
  private readonly toggle = byId<HTMLInputElement>("lab-brush");

  /** `changed` is called when the noise is to be elsewhere. */
  constructor(private readonly changed: () => void) {
    const { easel } = this;
    this.toggle.addEventListener("change", () => {
      this.show();
      changed();
    });
    byId("lab-brush-size").addEventListener("input", () => this.show());
    byId("lab-wipe").addEventListener("click", () => {
      this.mask.data.fill(0);
      changed();
    });
    easel.addEventListener("pointerdown", (event) => {
      if (!this.on || event.button !== 0) return;
      easel.setPointerCapture(event.pointerId);
      this.place = this.under(event);
      this.paintTo(this.place);
    });
    easel.addEventListener("pointermove", (event) => {
      if (!this.on) return;
      if (easel.hasPointerCapture(event.pointerId)) this.paintTo(this.under(event));
      else this.moveTo(this.under(event));
    });
    easel.addEventListener("keydown", (event) => this.key(event));
  }

  /** Starts anew with a picture of another size, without noise. */
  reset({ width, height }: { readonly width: number; readonly height: number }): void {
    this.mask = emptyMask(width, height);
    this.place = { x: width / 2, y: height / 2 };
    this.show();
  }

  /** What is to be denoised: the noisy picture, or what was painted of it. */
  apply(clean: Rgba, noisy: Rgba): Rgba {
    return this.on ? painted(clean, noisy, this.mask) : noisy;
  }

  /** Brings what is shown up to date, also after a change of the language. */
  show(): void {
    const { on, easel, mask, place } = this;
    for (const id of ["lab-brush-row", "lab-wipe"]) byId(id).hidden = !on;
    within(document.body, 'output[for="lab-brush-size"]').textContent = t("lab.pixels", { count: 2 * this.radius });
    easel.classList.toggle("brush", on);
    if (on) {
      easel.tabIndex = 0;
      easel.setAttribute("role", "application");
      easel.ariaLabel = t("lab.easel");
    } else for (const name of ["tabindex", "role", "aria-label"]) easel.removeAttribute(name);
    easel.style.setProperty("--x", `${(100 * place.x) / mask.width}%`);
    easel.style.setProperty("--y", `${(100 * place.y) / mask.height}%`);
    easel.style.setProperty("--size", `${(200 * this.radius) / mask.width}%`);
  }

  private get on(): boolean {
    return this.toggle.checked;
  }

  private get radius(): number {
    return byId<HTMLInputElement>("lab-brush-size").valueAsNumber / 2;
  }

  private under({ clientX, clientY }: PointerEvent): Point {
    const { left, top, width, height } = this.easel.getBoundingClientRect();
    return { x: ((clientX - left) / width) * this.mask.width, y: ((clientY - top) / height) * this.mask.height };
  }

  private moveTo({ x, y }: Point): void {
    const { width, height } = this.mask;
    this.place = { x: Math.min(width, Math.max(0, x)), y: Math.min(height, Math.max(0, y)) };
    this.show();
  }

  private paintTo(place: Point): void {
    const from = this.place;
    this.moveTo(place);
    stroke(this.mask, from, this.place, this.radius);
    this.changed();
  }

  /** Arrows move by half the radius; with Shift they paint; space and Enter paint a spot. */
  private key(event: KeyboardEvent): void {
    if (!this.on || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = this.radius / 2;
    const { x, y } = this.place;
    const moves: Record<string, Point> = {
      ArrowLeft: { x: x - step, y },
      ArrowRight: { x: x + step, y },
      ArrowUp: { x, y: y - step },
      ArrowDown: { x, y: y + step },
      " ": this.place,
      Enter: this.place,
    };
    const to = moves[event.key];
    if (!to) return;
    event.preventDefault();
    if (event.shiftKey || to === this.place) this.paintTo(to);
    else this.moveTo(to);
  }
}
