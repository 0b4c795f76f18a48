/** A PNG writer that works strip by strip, so that no copy of the whole picture is made. */
import { crc32 } from "./crc.ts";
import type { Rgba } from "./pixels.ts";

/** The pixel formats written: one, three or four bytes a pixel. */
export type PngKind = "grey" | "rgb" | "rgba";

const BYTES = { grey: 1, rgb: 3, rgba: 4 } as const;
const COLOUR_TYPE = { grey: 0, rgb: 2, rgba: 6 } as const;
const SIGNATURE = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const PAETH = 4;

type Bytes = Uint8Array<ArrayBuffer>;

function chunk(type: string, body: Uint8Array): Bytes {
  const out = new Uint8Array(12 + body.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, body.length);
  for (let at = 0; at < 4; at++) out[4 + at] = type.charCodeAt(at);
  out.set(body, 8);
  view.setUint32(8 + body.length, crc32(out.subarray(4, 8 + body.length)));
  return out;
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const toLeft = Math.abs(guess - left);
  const toUp = Math.abs(guess - up);
  const toCorner = Math.abs(guess - corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

/** Packs a strip's rows; `previous` is the row above and is replaced by the last row. */
function filterStrip(strip: Rgba, bytes: number, previous: Uint8Array): Bytes {
  const length = strip.width * bytes;
  const out = new Uint8Array(strip.height * (length + 1));
  const row = new Uint8Array(length);
  for (let y = 0, to = 0; y < strip.height; y++) {
    const from = y * strip.width * 4;
    if (bytes === 4) row.set(strip.data.subarray(from, from + length));
    else {
      for (let x = 0, at = 0; x < strip.width; x++) {
        for (let c = 0; c < bytes; c++) row[at++] = strip.data[from + x * 4 + c];
      }
    }
    out[to++] = PAETH;
    for (let at = 0; at < length; at++) {
      const left = at < bytes ? 0 : row[at - bytes];
      const corner = at < bytes ? 0 : previous[at - bytes];
      out[to++] = row[at] - paeth(left, previous[at], corner);
    }
    previous.set(row);
  }
  return out;
}

/**
 * Encodes a picture as PNG. `strips` gives its rows from top to bottom, in pieces of the
 * full width and any height. Grey pictures take their value from the red channel.
 */
export async function encodePng(
  width: number,
  height: number,
  kind: PngKind,
  strips: AsyncIterable<Rgba> | Iterable<Rgba>,
): Promise<Blob> {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = 8;
  header[9] = COLOUR_TYPE[kind];
  const parts: Bytes[] = [SIGNATURE, chunk("IHDR", header)];

  const zlib = new CompressionStream("deflate");
  const reading = (async () => {
    const reader = zlib.readable.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      parts.push(chunk("IDAT", next.value));
    }
  })();
  const writer = zlib.writable.getWriter();
  const previous = new Uint8Array(width * BYTES[kind]);
  for await (const strip of strips) {
    await writer.ready;
    await writer.write(filterStrip(strip, BYTES[kind], previous));
  }
  await writer.close();
  await reading;
  parts.push(chunk("IEND", new Uint8Array(0)));
  return new Blob(parts, { type: "image/png" });
}
