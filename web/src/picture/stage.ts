/** Draws the two pictures of the stage: before (noisy) and after (clean at its strength). */
import type { Scene } from "../protocol/picture.ts";
import type { Held } from "./shelf.ts";

type Context = OffscreenCanvasRenderingContext2D;

export class Stage {
  private readonly before: Context;
  private readonly after: Context;

  constructor(before: OffscreenCanvas, after: OffscreenCanvas) {
    this.before = before.getContext("2d") as Context;
    this.after = after.getContext("2d") as Context;
  }

  paint({ view, screen, strength }: Scene, { noisy, clean }: Held): void {
    for (const context of [this.before, this.after]) {
      const { canvas } = context;
      if (canvas.width !== screen.width || canvas.height !== screen.height) {
        canvas.width = screen.width;
        canvas.height = screen.height;
      } else context.clearRect(0, 0, screen.width, screen.height);
    }
    noisy.draw(this.before, view, screen);
    // (1 - strength) noisy + strength clean, exact for transparent pictures too.
    const { after } = this;
    after.globalAlpha = 1 - strength;
    if (strength < 1) noisy.draw(after, view, screen);
    after.globalCompositeOperation = "lighter";
    after.globalAlpha = strength;
    if (strength > 0) clean.draw(after, view, screen);
    after.globalCompositeOperation = "source-over";
  }
}
