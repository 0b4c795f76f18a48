/** Writes a picture at its strength, in full size. */
import { blend } from "../maths/blend.ts";
import type { Rgba } from "../maths/pixels.ts";
import { encodePng } from "../maths/png.ts";
import { problem } from "../protocol/errors.ts";
import type { PictureInfo, SaveFormat } from "../protocol/picture.ts";
import { type Held, strips } from "./shelf.ts";

const JPEG_QUALITY = 0.93;

function* blended({ noisy, clean }: Held, strength: number): Generator<Rgba> {
  const after = strips(clean);
  for (const before of strips(noisy)) {
    yield blend(before, after.next().value as ImageData, strength);
  }
}

export async function save(
  held: Held,
  info: PictureInfo,
  strength: number,
  format: SaveFormat,
): Promise<Blob> {
  const { width, height } = info;
  if (format === "png") {
    const kind = info.opaque ? (info.grey ? "grey" : "rgb") : "rgba";
    return encodePng(width, height, kind, blended(held, strength));
  }
  try {
    const context = new OffscreenCanvas(width, height).getContext("2d");
    if (!context) throw new Error("no canvas");
    let y = 0;
    for (const strip of blended(held, strength)) {
      context.putImageData(toImageData(strip), 0, y);
      y += strip.height;
    }
    context.globalCompositeOperation = "destination-over"; // JPEG has no transparency
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    return await context.canvas.convertToBlob({ type: "image/jpeg", quality: JPEG_QUALITY });
  } catch (error) {
    throw problem("NoSave", String(error));
  }
}

export function toImageData({ data, width, height }: Rgba): ImageData {
  return new ImageData(data as Uint8ClampedArray<ArrayBuffer>, width, height);
}
