/** Draws the first layer's filters and the feature maps of each scale. */
import { filterPicture, mapActivity, mapPicture } from "../maths/features.ts";
import type { FloatImage, Rgba } from "../maths/pixels.ts";
import type { Filters } from "../protocol/engine.ts";
import { t } from "../words/index.ts";
import { make } from "./dom.ts";

/** Maps shown of each scale before "show all". */
const FIRST = 16;

function canvasOf(image: Rgba, label: string): HTMLCanvasElement {
  const canvas = make("canvas", { width: image.width, height: image.height });
  draw(canvas, image);
  canvas.setAttribute("role", "img");
  canvas.ariaLabel = label;
  return canvas;
}

export function draw(canvas: HTMLCanvasElement, { data, width, height }: Rgba): void {
  canvas.width = width;
  canvas.height = height;
  const pixels = new ImageData(data as Uint8ClampedArray<ArrayBuffer>, width, height);
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
}

function section(title: string, note: string, kind: string): { root: HTMLElement; grid: HTMLElement } {
  const grid = make("div", { className: `grid ${kind}` });
  const root = make("section", {}, make("h3", {}, title), make("p", { className: "small" }, note), grid);
  return { root, grid };
}

export function filtersSection({ data, shape }: Filters): HTMLElement {
  const [height, width, , count] = shape;
  const { root, grid } = section(
    t("lab.first"),
    t("lab.firstNote", { count, width, height }),
    "filters",
  );
  for (let index = 0; index < count; index++) {
    grid.append(canvasOf(filterPicture(data, shape, index), t("lab.filter", { count: index + 1 })));
  }
  return root;
}

/**
 * `input` tells the scale: how many pixels of the picture one value stands for. Once all maps
 * of a section were asked for, the one that takes the place of `before` shows all, too.
 */
export function mapsSection(maps: FloatImage, input: { width: number }, before?: Element): HTMLElement {
  const step = Math.round(input.width / maps.width);
  const { root, grid } = section(
    step === 1 ? t("lab.full") : t("lab.scale", { step }),
    t("lab.scaleNote", { count: maps.channels, width: maps.width, height: maps.height }),
    "maps",
  );
  const activity = mapActivity(maps);
  const order = activity.map((_, channel) => channel).sort((a, b) => activity[b] - activity[a]);
  const show = (channels: number[]) => {
    for (const channel of channels) {
      grid.append(canvasOf(mapPicture(maps, channel), t("lab.map", { count: channel + 1, step })));
    }
  };
  const all = (before as HTMLElement | undefined)?.dataset.all;
  if (all) root.dataset.all = all;
  show(all ? order : order.slice(0, FIRST));
  if (!all && order.length > FIRST) {
    const more = make("button", { type: "button" }, t("lab.showAll", { count: order.length }));
    more.addEventListener("click", () => {
      more.remove();
      root.dataset.all = "yes";
      show(order.slice(FIRST));
    });
    root.append(more);
  }
  return root;
}
