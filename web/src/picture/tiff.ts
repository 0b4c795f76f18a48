/** TIFF files, which few browsers read. A chunk of its own: fetched for the first TIFF. */
import { decode, decodeImage, toRGBA8 } from "utif2";
import { turned } from "../maths/pixels.ts";

/** Decodes the first picture of a TIFF file, turned by its `orientation`, to 8 bits in `colorSpace`, the file's own. */
export function decodeTiff(file: ArrayBuffer, orientation: number, colorSpace: PredefinedColorSpace): ImageData {
  const [first] = decode(file);
  decodeImage(file, first);
  const { width, height } = first;
  if (!(width > 0 && height > 0)) throw new Error("no picture in this TIFF");
  const upright = turned({ data: new Uint8ClampedArray(toRGBA8(first)), width, height }, orientation);
  return new ImageData(upright.data as Uint8ClampedArray<ArrayBuffer>, upright.width, upright.height, { colorSpace });
}
