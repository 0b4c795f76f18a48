/** A PNG writer that works strip by strip, so that no copy of the whole picture is made. */
import { crc32 } from "./crc.ts";
import type { Rgba } from "./pixels.ts";

/** The pixel formats written: one, three or four bytes a pixel. */
export type PngKind = "grey" | "rgb" | "rgba";

const BYTES = { grey: 1, rgb: 3, rgba: 4 } as const;
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

/** The neighbour whose value is nearest to left + up - corner: the guess of PNG's fourth filter. */
export function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const toLeft = Math.abs(guess - left);
  const toUp = Math.abs(guess - up);
  const toCorner = Math.abs(guess - corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

/** Rows of a picture, packed as the file has them, before filtering. */
export interface Rows {
  readonly data: Uint8Array;
  readonly height: number;
}

/** Filters rows of `bytes` a pixel; `previous` is the row above and is replaced by the last row. */
function filterRows({ data, height }: Rows, bytes: number, previous: Uint8Array): Bytes {
  const length = previous.length;
  const out = new Uint8Array(height * (length + 1));
  for (let y = 0, to = 0; y < height; y++) {
    const row = data.subarray(y * length, (y + 1) * length);
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

/** Chunks that go before the pixels, as a colour profile. */
export interface Chunk {
  readonly type: string;
  readonly body: Uint8Array;
}

export interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
  readonly bits: 8 | 16;
  readonly chunks?: readonly Chunk[];
}

const COLOUR_TYPE = { 1: 0, 2: 4, 3: 2, 4: 6 } as const;

/** Encodes packed rows, which come from top to bottom in pieces of any height. */
export async function encodeRows({ width, height, channels, bits, chunks = [] }: PngHeader, rows: Iterable<Rows>): Promise<Blob> {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = bits;
  header[9] = COLOUR_TYPE[channels];
  const parts: Bytes[] = [SIGNATURE, chunk("IHDR", header)];
  for (const { type, body } of chunks) parts.push(chunk(type, body));

  const zlib = new CompressionStream("deflate");
  const reading = (async () => {
    const reader = zlib.readable.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      parts.push(chunk("IDAT", next.value));
    }
  })();
  const writer = zlib.writable.getWriter();
  const bytes = (channels * bits) / 8;
  const previous = new Uint8Array(width * bytes);
  for (const piece of rows) {
    await writer.ready;
    await writer.write(filterRows(piece, bytes, previous));
  }
  await writer.close();
  await reading;
  parts.push(chunk("IEND", new Uint8Array(0)));
  return new Blob(parts, { type: "image/png" });
}

function* packed(strips: Iterable<Rgba>, bytes: 1 | 3 | 4): Generator<Rows> {
  for (const { data, width, height } of strips) {
    const out = new Uint8Array(width * height * bytes);
    for (let from = 0, to = 0; from < data.length; from += 4) {
      for (let c = 0; c < bytes; c++) out[to++] = data[from + c];
    }
    yield { data: out, height };
  }
}

/**
 * Encodes a picture as PNG. `strips` gives its rows from top to bottom, in pieces of the
 * full width and any height. Grey pictures take their value from the red channel.
 */
export function encodePng(width: number, height: number, kind: PngKind, strips: Iterable<Rgba>, chunks: readonly Chunk[] = []): Promise<Blob> {
  const channels = BYTES[kind];
  return encodeRows({ width, height, channels, bits: 8, chunks }, packed(strips, channels));
}
