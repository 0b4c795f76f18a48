/** Draws the two pictures of the stage: before (noisy) and after (clean, as the controls say). */
import { blend, type Controls, removed } from "../maths/blend.ts";
import type { Scene } from "../protocol/picture.ts";
import { makeContext } from "./pyramid.ts";
import { toImageData } from "./save.ts";
import type { Held } from "./shelf.ts";

type Context = OffscreenCanvasRenderingContext2D;

/** Below this scale a screen pixel is a mean of so many that no fine detail is left. */
const DETAIL_SCALE = 0.5;

const plain = ({ luma, colour, detail }: Controls) => luma === 1 && colour === 1 && detail === 0;

export class Stage {
  private readonly before: Context;
  private readonly after: Context;

  constructor(
    before: OffscreenCanvas,
    after: OffscreenCanvas,
    private readonly colorSpace: PredefinedColorSpace,
  ) {
    this.before = before.getContext("2d", { colorSpace }) as Context;
    this.after = after.getContext("2d", { colorSpace }) as Context;
  }

  paint(scene: Scene, { noisy, clean }: Held): void {
    const { view, screen, controls, removed: difference } = scene;
    for (const context of [this.before, this.after]) {
      const { canvas } = context;
      if (canvas.width !== screen.width || canvas.height !== screen.height) {
        canvas.width = screen.width;
        canvas.height = screen.height;
      } else context.clearRect(0, 0, screen.width, screen.height);
    }
    noisy.draw(this.before, view, screen);
    if (difference || !plain(controls)) {
      this.paintMixed(scene, { noisy, clean });
      return;
    }
    // (1 - strength) noisy + strength clean, exact for transparent pictures too.
    const { after } = this;
    const { strength } = controls;
    after.globalAlpha = 1 - strength;
    if (strength < 1) noisy.draw(after, view, screen);
    after.globalCompositeOperation = "lighter";
    after.globalAlpha = strength;
    if (strength > 0) clean.draw(after, view, screen);
    after.globalCompositeOperation = "source-over";
    after.globalAlpha = 1;
  }

  /** What compositing cannot do: pixel by pixel, of what is on the screen. */
  private paintMixed({ view, screen, controls, removed: difference }: Scene, pictures: Pick<Held, "noisy" | "clean">): void {
    const [before, after] = [pictures.noisy, pictures.clean].map((pyramid) => {
      const context = makeContext(screen.width, screen.height, this.colorSpace);
      pyramid.draw(context, view, screen);
      return context.getImageData(0, 0, screen.width, screen.height, { colorSpace: this.colorSpace });
    });
    const detail = view.scale < DETAIL_SCALE ? 0 : controls.detail;
    const result = blend(before, after, { ...controls, detail }, Math.max(1, Math.round(view.scale)));
    const shown = difference ? removed(before, result) : result;
    if (difference) for (let at = 3; at < shown.data.length; at += 4) shown.data[at] = before.data[at] && 255;
    this.after.putImageData(toImageData(shown, this.colorSpace), 0, 0);
  }
}
