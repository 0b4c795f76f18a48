/** Writes a picture with its controls, in full size. */
import { blend, DETAIL_REACH, mix } from "../maths/blend.ts";
import { coloursOf, type Deep, encodeDeep } from "../maths/deep.ts";
import { exifIntoJpeg, exifIntoWebp, keepExif } from "../maths/exif.ts";
import type { Rgba } from "../maths/pixels.ts";
import { type Chunk, encodePng } from "../maths/png.ts";
import { pngParts } from "../maths/segments.ts";
import { problem } from "../protocol/errors.ts";
import { LOSSY, type PictureInfo, type SaveFormat, type SaveOptions, type SaveOrder } from "../protocol/picture.ts";
import { makeContext } from "./pyramid.ts";
import type { Held } from "./shelf.ts";

const STRIP = 128;

/** The result from top to bottom; strips overlap for the detail, which looks at neighbours. */
function* blended({ noisy, clean }: Held, order: SaveOrder): Generator<Rgba> {
  const { width, height } = noisy.size;
  for (let y = 0; y < height; y += STRIP) {
    const rows = Math.min(STRIP, height - y);
    const above = Math.min(y, DETAIL_REACH);
    const below = Math.min(height - y - rows, DETAIL_REACH);
    const rect = { x: 0, y: y - above, width, height: above + rows + below };
    const { data } = blend(noisy.read(rect), clean.read(rect), order.controls);
    yield { data: data.subarray(above * width * 4, (above + rows) * width * 4), width, height: rows };
  }
}

function mixDeep(noisy: Deep, clean: Deep, { controls }: SaveOrder): Deep {
  const data = new Uint16Array(noisy.data.length);
  mix({ ...noisy, colours: coloursOf(noisy) }, clean.data, data, 65535, controls);
  return { ...noisy, data };
}

/** The profile of Display P3 as the browser writes it, with the code points beside it. */
async function p3Chunks(): Promise<Chunk[]> {
  const { canvas } = makeContext(1, 1, "display-p3");
  const written = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
  const profile = [...pngParts(written)].filter(({ type }) => type === "iCCP");
  return [{ type: "cICP", body: new Uint8Array([12, 13, 0, 1]) }, ...profile];
}

async function png(held: Held, info: PictureInfo, order: SaveOrder, exif: Uint8Array | undefined): Promise<Blob> {
  const { width, height, opaque, grey } = info;
  const chunks: Chunk[] = info.colorSpace === "display-p3" ? await p3Chunks() : [];
  if (exif) chunks.push({ type: "eXIf", body: exif });
  if (held.deep) return encodeDeep(mixDeep(held.deep.noisy, held.deep.clean, order), chunks);
  const kind = opaque ? (grey ? "grey" : "rgb") : "rgba";
  return encodePng(width, height, kind, blended(held, order), chunks);
}

async function lossy(held: Held, info: PictureInfo, order: SaveOrder, options: SaveOptions): Promise<Blob> {
  const { width, height, colorSpace } = info;
  const { canvas } = makeContext(width, height, colorSpace);
  const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
  let y = 0;
  for (const strip of blended(held, order)) {
    context.putImageData(toImageData(strip, colorSpace), 0, y);
    y += strip.height;
  }
  if (options.format === "jpeg") {
    context.globalCompositeOperation = "destination-over"; // JPEG has no transparency
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
  }
  const type = `image/${options.format}`;
  const blob = await canvas.convertToBlob({ type, quality: options.quality });
  canvas.width = canvas.height = 0;
  if (blob.type !== type) throw new Error(`the browser wrote ${blob.type}`);
  return blob;
}

async function withExif(blob: Blob, exif: Uint8Array, { width, height, opaque }: PictureInfo): Promise<Blob> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  if (blob.type === "image/jpeg") return new Blob([exifIntoJpeg(bytes, exif)], { type: blob.type });
  if (blob.type === "image/webp") return new Blob([exifIntoWebp(bytes, exif, width, height, !opaque)], { type: blob.type });
  return blob;
}

export async function save(held: Held, info: PictureInfo, kept: Uint8Array | undefined, order: SaveOrder, options: SaveOptions): Promise<Blob> {
  const exif = kept && keepExif(kept, options.keep);
  try {
    if (options.format === "png") return await png(held, info, order, exif);
    const blob = await lossy(held, info, order, options);
    return exif ? await withExif(blob, exif, info) : blob;
  } catch (error) {
    throw problem("NoSave", String(error));
  }
}

/** The formats that this browser writes. */
export async function formats(): Promise<SaveFormat[]> {
  const found: SaveFormat[] = ["png"];
  for (const format of LOSSY) {
    const type = `image/${format}`;
    const { canvas } = makeContext(1, 1);
    if ((await canvas.convertToBlob({ type })).type === type) found.push(format);
  }
  return found;
}

export function toImageData({ data, width, height }: Rgba, colorSpace: PredefinedColorSpace): ImageData {
  return new ImageData(data as Uint8ClampedArray<ArrayBuffer>, width, height, { colorSpace });
}
