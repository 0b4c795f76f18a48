/** From a file to pixels. */
import { headerSize } from "../maths/header.ts";
import { MAX_PIXELS, problem } from "../protocol/errors.ts";

/** As many bytes as a JPEG may have before its size is told (metadata, a preview). */
const HEADER_BYTES = 1 << 18;
const LARGE_PIXELS = 16e6;

/**
 * Decodes a file, turned as its EXIF orientation says (the browser does that, once).
 *
 * @throws NotAPicture, TooLarge or NoMemory.
 */
export async function decode(file: Blob): Promise<ImageBitmap> {
  const head = new Uint8Array(await file.slice(0, HEADER_BYTES).arrayBuffer());
  const size = headerSize(head);
  if (size && size.width * size.height > MAX_PIXELS) throw tooLarge(size.width, size.height);
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch (error) {
    // Browsers do not tell the two apart; small pictures do not fail for want of memory.
    const large = size && size.width * size.height > LARGE_PIXELS;
    throw problem(large ? "NoMemory" : "NotAPicture", String(error));
  }
  if (bitmap.width * bitmap.height > MAX_PIXELS) {
    const { width, height } = bitmap;
    bitmap.close();
    throw tooLarge(width, height);
  }
  return bitmap;
}

function tooLarge(width: number, height: number): Error {
  return problem("TooLarge", `${width} x ${height} pixels`);
}
