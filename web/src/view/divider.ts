/**
 * The before/after divider of a stage: the canvases `.before` and `.after` lie on top of
 * each other and are clipped at the divider, so that moving it needs no drawing.
 */
import type { Rect } from "../maths/tiles.ts";
import { t } from "../words/index.ts";
import { within } from "./dom.ts";

const STEP = 0.02;

export class Divider {
  private position = 0.5;
  /** The picture's place on the stage, in CSS pixels. */
  private area: Rect = { x: 0, y: 0, width: 0, height: 0 };
  private readonly handle: HTMLElement;

  constructor(private readonly stage: HTMLElement) {
    this.handle = within(stage, ".divider");
    this.handle.addEventListener("pointerdown", (event) => {
      event.stopPropagation(); // the stage must not pan
      this.handle.setPointerCapture(event.pointerId);
    });
    this.handle.addEventListener("pointermove", (event) => {
      if (!this.handle.hasPointerCapture(event.pointerId)) return;
      const x = event.clientX - stage.getBoundingClientRect().left;
      this.move((x - this.area.x) / this.area.width);
    });
    this.handle.addEventListener("keydown", (event) => this.key(event));
  }

  /** To be told where the picture is on the stage. */
  place(area: Rect): void {
    this.area = area;
    this.move(this.position);
  }

  private key(event: KeyboardEvent): void {
    const big = event.shiftKey ? 5 : 1;
    const moves: Record<string, number> = {
      ArrowLeft: this.position - STEP * big,
      ArrowDown: this.position - STEP * big,
      ArrowRight: this.position + STEP * big,
      ArrowUp: this.position + STEP * big,
      PageDown: this.position - STEP * 5,
      PageUp: this.position + STEP * 5,
      Home: 0,
      End: 1,
    };
    if (!(event.key in moves)) return;
    this.move(moves[event.key]);
    event.preventDefault();
    event.stopPropagation();
  }

  private move(position: number): void {
    this.position = Math.min(1, Math.max(0, position));
    const { x, y, width, height } = this.area;
    const at = x + this.position * width;
    const { style } = this.stage;
    style.setProperty("--at", `${at}px`);
    style.setProperty("--left", `${x}px`);
    style.setProperty("--top", `${y}px`);
    style.setProperty("--width", `${width}px`);
    style.setProperty("--height", `${height}px`);
    const percent = Math.round(this.position * 100);
    this.handle.setAttribute("aria-valuenow", String(percent));
    this.handle.setAttribute("aria-valuetext", t("stage.dividerValue", { before: percent, after: 100 - percent }));
  }
}
