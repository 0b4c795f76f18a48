/** The stage: zoom, pan and drawing of one picture. */
import { FULL } from "../maths/blend.ts";
import type { Size } from "../maths/header.ts";
import type { Rect } from "../maths/tiles.ts";
import { fit, pan, pictureRect, type Viewport, zoomAt } from "../maths/viewport.ts";
import type { PictureCalls, Place } from "../protocol/picture.ts";
import type { Client } from "../protocol/rpc.ts";
import { Divider } from "./divider.ts";
import { eachFrame, within } from "./dom.ts";

const KEY_ZOOM = 1.25;
const KEY_PAN = 80; // CSS pixels

interface Shown extends Size {
  readonly id: number;
  readonly model: string;
}

export class Stage {
  controls = FULL;
  /** Whether what was removed is shown in place of the result. */
  removed = false;
  private shown: Shown | undefined;
  private view: Viewport = { scale: 1, x: 0, y: 0 };
  private fitted = true;
  private painting = false;
  private again = false;
  private readonly divider: Divider;
  private readonly pointers = new Map<number, { x: number; y: number }>();
  /** Draws at the next frame. */
  readonly refresh = eachFrame(() => void this.paint());

  constructor(
    private readonly root: HTMLElement,
    private readonly pictures: Client<PictureCalls>,
    private readonly zoomed: (scale: number, fitted: boolean, seen: Rect) => void,
  ) {
    const [before, after] = [".before", ".after"].map((name) =>
      within<HTMLCanvasElement>(root, name).transferControlToOffscreen(),
    );
    const wide = matchMedia("(color-gamut: p3)").matches;
    pictures.tell("attach", [before, after, wide], [before, after]);
    this.divider = new Divider(root);
    new ResizeObserver(() => this.resized()).observe(root);
    root.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    root.addEventListener("keydown", (event) => this.key(event));
    root.addEventListener("dblclick", (event) => {
      if ((event.target as Element).closest("button")) return; // it was clicked twice
      if (this.fitted) this.zoomTo(1, event.clientX, event.clientY);
      else this.fit();
    });
    root.addEventListener("pointerdown", (event) => {
      if ((event.target as Element).closest("button")) return;
      root.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    root.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"] as const) {
      root.addEventListener(end, (event) => this.pointers.delete(event.pointerId));
    }
  }

  show(picture: Shown): void {
    const same = picture.id === this.shown?.id;
    this.shown = picture;
    if (!same) this.fit();
    else this.refresh();
  }

  /** Says everything anew, in another language. */
  renew(): void {
    this.place();
  }

  /** Shows nothing any more. */
  clear(): void {
    this.shown = undefined;
  }

  /** Shows a place of the picture at full size, or twice as large if it is that large already. */
  lookAt({ x, y }: Place): void {
    if (!this.shown) return;
    const scale = this.view.scale < 1 ? 1 : this.view.scale * 2;
    this.set(pan({ scale, x, y }, 0, 0, this.shown, this.screen()), false);
  }

  fit(): void {
    if (!this.shown) return;
    this.set(fit(this.shown, this.screen()), true);
  }

  /** Zooms to so many screen pixels per picture pixel, around a point of the window. */
  zoomTo(scale: number, clientX?: number, clientY?: number): void {
    this.zoomBy(scale / this.view.scale, clientX, clientY);
  }

  zoomBy(factor: number, clientX?: number, clientY?: number): void {
    if (!this.shown) return;
    const box = this.root.getBoundingClientRect();
    const ratio = devicePixelRatio;
    const x = ((clientX ?? box.left + box.width / 2) - box.left) * ratio;
    const y = ((clientY ?? box.top + box.height / 2) - box.top) * ratio;
    this.set(zoomAt(this.view, factor, x, y, this.shown, this.screen()), false);
  }

  private screen(): Size {
    const { clientWidth, clientHeight } = this.root;
    return {
      width: Math.max(1, Math.round(clientWidth * devicePixelRatio)),
      height: Math.max(1, Math.round(clientHeight * devicePixelRatio)),
    };
  }

  private set(view: Viewport, fitted: boolean): void {
    this.view = view;
    this.fitted = fitted;
    this.place();
    const { width, height } = this.screen();
    const seen = { width: width / view.scale, height: height / view.scale };
    this.zoomed(view.scale, fitted, { x: view.x - seen.width / 2, y: view.y - seen.height / 2, ...seen });
    this.refresh();
  }

  private resized(): void {
    if (this.fitted) this.fit();
    else if (this.shown) this.set(pan(this.view, 0, 0, this.shown, this.screen()), false);
  }

  /** Tells the divider which part of the stage the picture covers. */
  private place(): void {
    if (!this.shown) return;
    const screen = this.screen();
    const rect = pictureRect(this.view, this.shown, screen);
    const left = Math.max(0, rect.x) / devicePixelRatio;
    const top = Math.max(0, rect.y) / devicePixelRatio;
    const right = Math.min(screen.width, rect.x + rect.width) / devicePixelRatio;
    const bottom = Math.min(screen.height, rect.y + rect.height) / devicePixelRatio;
    this.divider.place({ x: left, y: top, width: right - left, height: bottom - top });
  }

  /** One drawing at a time; what changes meanwhile is drawn once, after it. */
  private async paint(): Promise<void> {
    if (this.painting) {
      this.again = true;
      return;
    }
    this.painting = true;
    do {
      this.again = false;
      if (!this.shown) break;
      const { id, model } = this.shown;
      const { view, controls, removed } = this;
      const scene = { id, model, view, screen: this.screen(), controls, removed };
      // A picture that was closed in the meantime is no longer of interest.
      await this.pictures.call("paint", [scene]).catch(() => {});
    } while (this.again);
    this.painting = false;
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    this.zoomBy(Math.exp((-event.deltaY * lines) / 400), event.clientX, event.clientY);
  }

  private drag(event: PointerEvent): void {
    const before = this.pointers.get(event.pointerId);
    if (!before || !this.shown) return;
    const now = { x: event.clientX, y: event.clientY };
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    const ratio = devicePixelRatio;
    if (!other) {
      this.set(pan(this.view, dx * ratio, dy * ratio, this.shown, this.screen()), this.fitted);
      return;
    }
    // Two fingers: each moves the picture half way and scales it around the other.
    const apart = (point: { x: number; y: number }) =>
      Math.max(1, Math.hypot(point.x - other.x, point.y - other.y));
    this.zoomBy(apart(now) / apart(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
    this.set(
      pan(this.view, (dx / 2) * ratio, (dy / 2) * ratio, this.shown, this.screen()),
      false,
    );
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.root || !this.shown || event.ctrlKey || event.metaKey) return;
    const move = (dx: number, dy: number) =>
      this.shown && this.set(pan(this.view, dx, dy, this.shown, this.screen()), this.fitted);
    const actions: Record<string, () => void> = {
      "+": () => this.zoomBy(KEY_ZOOM),
      "=": () => this.zoomBy(KEY_ZOOM),
      "-": () => this.zoomBy(1 / KEY_ZOOM),
      "0": () => this.fit(),
      "1": () => this.zoomTo(1),
      ArrowLeft: () => move(KEY_PAN, 0),
      ArrowRight: () => move(-KEY_PAN, 0),
      ArrowUp: () => move(0, KEY_PAN),
      ArrowDown: () => move(0, -KEY_PAN),
    };
    const action = actions[event.key];
    if (!action) return;
    action();
    event.preventDefault();
  }
}
