/** The strip of pictures below the stage. */
import type { Item } from "../jobs/queue.ts";
import { t } from "../words/index.ts";
import { byId, make } from "./dom.ts";

export class Strip {
  private readonly thumbs = new Map<number, HTMLLIElement>();

  constructor(
    private readonly select: (item: Item) => void,
    private readonly remove: (item: Item) => void,
  ) {}

  add(item: Item): void {
    const open = make("button", { type: "button", className: "thumb", title: item.folder + item.name });
    open.addEventListener("click", () => this.select(item));
    const close = make("button", { type: "button", className: "close" }, "×");
    close.addEventListener("click", () => this.remove(item));
    const thumb = make("li", {}, open, close);
    this.thumbs.set(item.id, thumb);
    byId("strip").append(thumb);
    this.resized();
    this.draw(item);
  }

  draw(item: Item): void {
    const thumb = this.thumbs.get(item.id);
    if (!thumb) return;
    const [button, close] = thumb.children as unknown as [HTMLButtonElement, HTMLButtonElement];
    thumb.dataset.state = item.state;
    button.ariaLabel = `${item.name}, ${t(`state.${item.state}`)}`;
    close.ariaLabel = t("strip.remove", { name: item.name });
    if (item.info && !button.querySelector("img")) {
      const image = make("img", { src: URL.createObjectURL(item.info.thumbnail), alt: "" });
      image.onload = () => URL.revokeObjectURL(image.src);
      button.append(image);
    }
    const { done, total } = item.progress;
    thumb.style.setProperty("--done", String(total ? done / total : 0));
  }

  /** Marks the picture on the stage. */
  mark(item: Item): void {
    for (const [id, thumb] of this.thumbs) {
      thumb.firstElementChild?.setAttribute("aria-current", String(id === item.id));
    }
  }

  drop(item: Item): void {
    this.thumbs.get(item.id)?.remove();
    this.thumbs.delete(item.id);
    this.resized();
  }

  focus(item: Item): void {
    (this.thumbs.get(item.id)?.firstElementChild as HTMLElement | undefined)?.focus();
  }

  private resized(): void {
    byId("strip").hidden = this.thumbs.size < 2;
  }
}
