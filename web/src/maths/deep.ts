/** 16-bit PNG, which no canvas holds: its samples are read, cut into tiles and written here. */
import type { FloatImage } from "./pixels.ts";
import { type Chunk, encodeRows, paeth, type Rows } from "./png.ts";
import { pngParts } from "./segments.ts";
import { type Rect, reflect } from "./tiles.ts";

/** Samples of 16 bits: grey, grey and alpha, RGB, or RGB and alpha. */
export interface Deep {
  readonly data: Uint16Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
}

const CHANNELS: Record<number, Deep["channels"]> = { 0: 1, 2: 3, 4: 2, 6: 4 };
const STRIP = 128;

export const coloursOf = ({ channels }: Deep): 1 | 3 => (channels >= 3 ? 3 : 1);

/** Undoes zlib's compression of what `parts` make together. */
export async function inflate(parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const blob = new Blob(parts as Uint8Array<ArrayBuffer>[]);
  const stream = blob.stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Undoes a row's filter, in place; `above` is the row before it, zeros for the first. */
function unfilter(kind: number, row: Uint8Array, above: Uint8Array, bytes: number): void {
  for (let at = 0; at < row.length; at++) {
    const left = at < bytes ? 0 : row[at - bytes];
    const up = above[at];
    const corner = at < bytes ? 0 : above[at - bytes];
    let guess = 0;
    if (kind === 1) guess = left;
    else if (kind === 2) guess = up;
    else if (kind === 3) guess = (left + up) >> 1;
    else if (kind === 4) guess = paeth(left, up, corner);
    row[at] += guess;
  }
}

/** Decodes a PNG of 16 bits; undefined if it is interlaced, or of another kind. */
export async function decodeDeep(file: Uint8Array): Promise<Deep | undefined> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const channels = CHANNELS[file[25]];
  if (file[24] !== 16 || file[28] !== 0 || !channels) return undefined;
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const packed = [...pngParts(file)].filter(({ type }) => type === "IDAT").map(({ body }) => body);
  const raw = await inflate(packed);
  const bytes = channels * 2;
  const length = width * bytes;
  if (raw.length < height * (length + 1)) throw new RangeError("the file is cut short");
  const data = new Uint16Array(width * height * channels);
  let above: Uint8Array = new Uint8Array(length);
  for (let y = 0, to = 0; y < height; y++) {
    const at = y * (length + 1);
    const row = raw.subarray(at + 1, at + 1 + length);
    unfilter(raw[at], row, above, bytes);
    for (let x = 0; x < length; x += 2) data[to++] = (row[x] << 8) | row[x + 1];
    above = row;
  }
  return { data, width, height, channels };
}

function* bigEndian({ data, width, height, channels }: Deep): Generator<Rows> {
  for (let y = 0; y < height; y += STRIP) {
    const rows = Math.min(STRIP, height - y);
    const out = new Uint8Array(rows * width * channels * 2);
    const from = y * width * channels;
    for (let at = 0; at < out.length / 2; at++) {
      out[2 * at] = data[from + at] >> 8;
      out[2 * at + 1] = data[from + at] & 0xff;
    }
    yield { data: out, height: rows };
  }
}

export function encodeDeep(deep: Deep, chunks: readonly Chunk[] = []): Promise<Blob> {
  const { width, height, channels } = deep;
  return encodeRows({ width, height, channels, bits: 16, chunks }, bigEndian(deep));
}

/** Cuts a tile in [0, 1] without alpha, mirrored beyond the right and lower border. */
export function cutDeep(deep: Deep, { x, y, width, height }: Rect): FloatImage {
  const colours = coloursOf(deep);
  const out = new Float32Array(width * height * colours);
  for (let row = 0, to = 0; row < height; row++) {
    const line = reflect(y + row, deep.height) * deep.width;
    for (let column = 0; column < width; column++) {
      const from = (line + reflect(x + column, deep.width)) * deep.channels;
      for (let c = 0; c < colours; c++) out[to++] = deep.data[from + c] / 65535;
    }
  }
  return { data: out, width, height, channels: colours };
}

/** Writes a result in its place; alpha stays. A colour result is averaged for a grey picture. */
export function putDeep(deep: Deep, { x, y, width, height }: Rect, { data, channels }: FloatImage): void {
  const colours = coloursOf(deep);
  for (let row = 0, from = 0; row < height; row++) {
    for (let column = 0; column < width; column++, from += channels) {
      const to = ((y + row) * deep.width + x + column) * deep.channels;
      for (let c = 0; c < colours; c++) {
        let value = data[from + (channels === 1 ? 0 : c)];
        if (colours === 1 && channels === 3) value = (data[from] + data[from + 1] + data[from + 2]) / 3;
        deep.data[to + c] = Math.round(Math.min(1, Math.max(0, value)) * 65535);
      }
    }
  }
}
