/** TIFF files, which few browsers read. A chunk of its own: fetched for the first TIFF. */
import { decode, decodeImage, toRGBA8 } from "utif2";

/** Decodes the first picture of a TIFF file, to 8 bits. */
export function decodeTiff(file: ArrayBuffer): ImageData {
  const [first] = decode(file);
  decodeImage(file, first);
  const { width, height } = first;
  if (!(width > 0 && height > 0)) throw new Error("no picture in this TIFF");
  return new ImageData(new Uint8ClampedArray(toRGBA8(first)), width, height);
}
