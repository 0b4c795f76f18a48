/** Saving, copying and packing results. */
import type { PictureCalls, SaveFormat, SaveOrder } from "../protocol/picture.ts";
import { problem } from "../protocol/errors.ts";
import type { Client } from "../protocol/rpc.ts";
import { make } from "./dom.ts";

const SUFFIX: Record<SaveFormat, string> = { png: ".png", jpeg: ".jpg" };

/** "holiday.jpeg" becomes "holiday-clean.png". */
export function cleanName(name: string, format: SaveFormat): string {
  return name.replace(/\.[^.]*$/, "") + "-clean" + SUFFIX[format];
}

export function download(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser reads it in its own time
}

export class Saver {
  constructor(private readonly pictures: Client<PictureCalls>) {}

  async save(order: SaveOrder, format: SaveFormat): Promise<void> {
    download(await this.pictures.call("save", [order, format]), order.name);
  }

  async saveAll(orders: SaveOrder[], format: SaveFormat): Promise<void> {
    download(await this.pictures.call("zip", [orders, format]), "kdae-clean.zip");
  }

  /** Copies as PNG, which is what clipboards take. */
  async copy(order: SaveOrder): Promise<void> {
    const content = this.pictures.call("save", [order, "png"]);
    try {
      // A promise inside the item keeps the permission of the click while we encode.
      await navigator.clipboard.write([new ClipboardItem({ "image/png": content })]);
    } catch (error) {
      throw problem("NoClipboard", String(error));
    }
  }
}
