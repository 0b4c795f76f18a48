/**
 * EXIF data: what of it goes into a saved picture. A TIFF structure: 8 bytes of header, then
 * directories of entries of 12 bytes (tag, type, count, value or where the value is).
 */

/** "some" keeps date, camera, exposure and copyright, and drops the place. */
export type Keep = "some" | "all" | "none";

export interface Entry {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  readonly value: Uint8Array;
}

const EXIF_DIRECTORY = 0x8769;
const GPS_DIRECTORY = 0x8825;
const ORIENTATION = 0x112;
/** The pixels are upright and of another size now; makers' notes point into the old file. */
const NEVER = new Set([ORIENTATION, 0x100, 0x101, 0xa002, 0xa003, 0xa005, 0x927c, EXIF_DIRECTORY, GPS_DIRECTORY]);
/** Where and how a TIFF has its pixels; XMP, IPTC and Photoshop's data, and its profile. */
const OF_TIFF = [
  0xfe, 0xff, 0x102, 0x103, 0x106, 0x107, 0x108, 0x109, 0x10a, 0x111, 0x115, 0x116, 0x117, 0x118, 0x119, 0x11c, 0x120, 0x121,
  0x122, 0x123, 0x124, 0x125, 0x13d, 0x140, 0x142, 0x143, 0x144, 0x145, 0x14a, 0x152, 0x153, 0x154, 0x155, 0x156, 0x15b,
  0x211, 0x212, 0x213, 0x214, 0x2bc, 0x83bb, 0x8649, 0x8773,
];
for (const tag of OF_TIFF) NEVER.add(tag);
/** Make, model, date, artist, copyright. */
const SOME = new Set([0x10f, 0x110, 0x132, 0x13b, 0x8298]);
/** Exposure, aperture, sensitivity, dates with their offsets, focal length, lens. */
const SOME_EXIF = new Set([
  0x829a, 0x829d, 0x8822, 0x8827, 0x9000, 0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9201, 0x9202, 0x9204, 0x9207,
  0x9209, 0x920a, 0x9290, 0x9291, 0x9292, 0xa405, 0xa432, 0xa433, 0xa434,
]);
/** Of a value of each type; the last points to a directory. */
const BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4];
const LONG = 4;

function readDirectory(bytes: Uint8Array, view: DataView, little: boolean, at: number): Entry[] {
  const entries: Entry[] = [];
  const count = view.getUint16(at, little);
  for (let index = 0; index < count; index++) {
    const place = at + 2 + 12 * index;
    const type = view.getUint16(place + 2, little);
    const number = view.getUint32(place + 4, little);
    const length = (BYTES[type] ?? 0) * number;
    const from = length <= 4 ? place + 8 : view.getUint32(place + 8, little);
    if (length === 0 || from + length > bytes.length) continue;
    entries.push({ tag: view.getUint16(place, little), type, count: number, value: bytes.slice(from, from + length) });
  }
  return entries;
}

function size(entries: readonly Entry[]): number {
  const outside = entries.reduce((sum, { value }) => sum + (value.length > 4 ? value.length + (value.length & 1) : 0), 0);
  return 2 + 12 * entries.length + 4 + outside;
}

function writeDirectory(out: Uint8Array, little: boolean, at: number, entries: readonly Entry[]): void {
  const view = new DataView(out.buffer);
  view.setUint16(at, entries.length, little);
  let outside = at + 2 + 12 * entries.length + 4;
  const sorted = [...entries].sort((a, b) => a.tag - b.tag);
  for (const [index, { tag, type, count, value }] of sorted.entries()) {
    const place = at + 2 + 12 * index;
    view.setUint16(place, tag, little);
    view.setUint16(place + 2, type, little);
    view.setUint32(place + 4, count, little);
    if (value.length <= 4) out.set(value, place + 8);
    else {
      view.setUint32(place + 8, outside, little);
      out.set(value, outside);
      outside += value.length + (value.length & 1);
    }
  }
}

/**
 * The entries of the first directory.
 *
 * @throws RangeError if they are damaged.
 */
export function firstDirectory(exif: Uint8Array): { readonly little: boolean; readonly entries: Entry[] } {
  const little = exif[0] === 0x49;
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  if (view.getUint16(2, little) !== 42) throw new RangeError("no EXIF data");
  return { little, entries: readDirectory(exif, view, little, view.getUint32(4, little)) };
}

/** How the pixels are to be turned, from 1 (not at all) to 8. */
export function orientationOf(exif: Uint8Array): number {
  try {
    const { little, entries } = firstDirectory(exif);
    const value = entries.find(({ tag }) => tag === ORIENTATION)?.value;
    return value ? new DataView(value.buffer).getUint16(0, little) : 1;
  } catch {
    return 1;
  }
}

/**
 * The part of EXIF data to keep, as new EXIF data; undefined if nothing is left or `exif` is
 * damaged. Never kept are the orientation, the preview and makers' notes.
 */
export function keepExif(exif: Uint8Array, keep: Keep): Uint8Array<ArrayBuffer> | undefined {
  if (keep === "none") return undefined;
  try {
    const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
    const { little, entries: first } = firstDirectory(exif);
    const inner = (tag: number): Entry[] => {
      const pointer = first.find((entry) => entry.tag === tag);
      if (!pointer) return [];
      const at = new DataView(pointer.value.buffer).getUint32(0, little);
      return readDirectory(exif, view, little, at);
    };
    const wanted = (some: Set<number>) => ({ tag }: Entry) => !NEVER.has(tag) && (keep === "all" || some.has(tag));
    const directories = new Map([
      [EXIF_DIRECTORY, inner(EXIF_DIRECTORY).filter(wanted(SOME_EXIF))],
      [GPS_DIRECTORY, keep === "all" ? inner(GPS_DIRECTORY) : []],
    ]);
    for (const [tag, entries] of directories) if (entries.length === 0) directories.delete(tag);
    const top = first.filter(wanted(SOME));
    if (top.length + directories.size === 0) return undefined;
    return build(little, top, directories);
  } catch {
    return undefined; // it points beyond its end
  }
}

function build(little: boolean, top: readonly Entry[], directories: ReadonlyMap<number, readonly Entry[]>): Uint8Array<ArrayBuffer> {
  const pointers = [...directories.keys()].map((tag): Entry => ({ tag, type: LONG, count: 1, value: new Uint8Array(4) }));
  const all = [...top, ...pointers];
  let at = 8 + size(all);
  const total = [...directories.values()].reduce((sum, entries) => sum + size(entries), at);
  const out = new Uint8Array(total);
  out.set(little ? [0x49, 0x49, 42, 0, 8, 0, 0, 0] : [0x4d, 0x4d, 0, 42, 0, 0, 0, 8]);
  for (const [index, entries] of [...directories.values()].entries()) {
    new DataView(pointers[index].value.buffer).setUint32(0, at, little);
    writeDirectory(out, little, at, entries);
    at += size(entries);
  }
  writeDirectory(out, little, 8, all);
  return out;
}

/** Puts EXIF data into a JPEG, after its JFIF header. */
export function exifIntoJpeg(jpeg: Uint8Array, exif: Uint8Array): Uint8Array<ArrayBuffer> {
  const jfif = jpeg[2] === 0xff && jpeg[3] === 0xe0;
  const at = jfif ? 4 + ((jpeg[4] << 8) | jpeg[5]) : 2;
  const length = exif.length + 8;
  if (length > 0xffff) return new Uint8Array(jpeg); // a segment holds no more
  const head = [0xff, 0xe1, length >> 8, length & 0xff, 0x45, 0x78, 0x69, 0x66, 0, 0];
  const out = new Uint8Array(jpeg.length + head.length + exif.length);
  out.set(jpeg.subarray(0, at));
  out.set(head, at);
  out.set(exif, at + head.length);
  out.set(jpeg.subarray(at), at + head.length + exif.length);
  return out;
}

/** Puts EXIF data into a WebP file of one picture. */
export function exifIntoWebp(webp: Uint8Array, exif: Uint8Array, width: number, height: number, alpha: boolean): Uint8Array<ArrayBuffer> {
  const extended = String.fromCharCode(...webp.subarray(12, 16)) === "VP8X";
  const head = new Uint8Array(18);
  head.set([0x56, 0x50, 0x38, 0x58, 10]); // VP8X, 10 bytes
  head[8] = alpha ? 0x10 : 0;
  for (let at = 0; at < 3; at++) {
    head[12 + at] = (width - 1) >> (8 * at);
    head[15 + at] = (height - 1) >> (8 * at);
  }
  const rest = webp.slice(extended ? 30 : 12);
  if (extended) head.set(webp.subarray(12, 30));
  head[8] |= 0x08; // there is EXIF data
  const padded = exif.length + (exif.length & 1);
  const out = new Uint8Array(12 + 18 + rest.length + 8 + padded);
  const view = new DataView(out.buffer);
  out.set(webp.subarray(0, 12));
  view.setUint32(4, out.length - 8, true);
  out.set(head, 12);
  out.set(rest, 30);
  out.set([0x45, 0x58, 0x49, 0x46], 30 + rest.length);
  view.setUint32(34 + rest.length, exif.length, true);
  out.set(exif, 38 + rest.length);
  return out;
}
