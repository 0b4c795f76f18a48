/** Goes through the parts of JPEG, PNG, WebP, GIF, TIFF and HEIC files, and finds what pixels do not tell. */
import { firstDirectory } from "./exif.ts";

export interface Part {
  readonly type: string;
  readonly body: Uint8Array;
}

const latin = (bytes: Uint8Array, at: number, length: number) =>
  String.fromCharCode(...bytes.subarray(at, at + length));

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A JPEG's segments up to its pixels; the type is the marker in hexadecimal, as "e1". */
export function* jpegParts(bytes: Uint8Array): Generator<Part> {
  const view = viewOf(bytes);
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1];
    if (marker === 0xda || marker === 0xd9) return;
    if (marker === 0xff) {
      at++; // fills the space between segments
      continue;
    }
    const length = view.getUint16(at + 2);
    yield { type: marker.toString(16), body: bytes.subarray(at + 4, at + 2 + length) };
    at += 2 + length;
  }
}

export function* pngParts(bytes: Uint8Array): Generator<Part> {
  const view = viewOf(bytes);
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    yield { type: latin(bytes, at + 4, 4), body: bytes.subarray(at + 8, at + 8 + length) };
    at += 12 + length;
  }
}

export function* webpParts(bytes: Uint8Array): Generator<Part> {
  const view = viewOf(bytes);
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    yield { type: latin(bytes, at, 4), body: bytes.subarray(at + 8, at + 8 + length) };
    at += 8 + length + (length & 1);
  }
}

/** Whether a GIF has more than one frame. */
function gifMoves(bytes: Uint8Array): boolean {
  const table = (flags: number) => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  let at = 13 + table(bytes[10]);
  const skip = () => {
    while (at < bytes.length && bytes[at] !== 0) at += 1 + bytes[at];
    at++;
  };
  for (let frames = 0; at < bytes.length && bytes[at] !== 0x3b; ) {
    if (bytes[at] === 0x2c) {
      if (++frames > 1) return true;
      at += 11 + table(bytes[at + 9]);
      skip();
    } else if (bytes[at] === 0x21) {
      at += 2;
      skip();
    } else return false;
  }
  return false;
}

/** What a file says of itself beside its pixels. */
export interface FileFacts {
  /** EXIF data: a TIFF structure. */
  readonly exif?: Uint8Array;
  /** The colour profile; still deflated if `packed`. */
  readonly icc?: { readonly bytes: Uint8Array; readonly packed: boolean };
  /** Coding-independent code points: primaries, transfer, matrix, range. */
  readonly cicp?: Uint8Array;
  /** Whether a PNG tells by gAMA or cHRM alone that its values are not those of sRGB. */
  readonly odd?: boolean;
  readonly bits: number;
  readonly animated: boolean;
}

/** Where the boxes in front of a HEIC's or AVIF's pixels have an end. */
const HEIF_HEAD = 1 << 16;

const startsWith = (body: Uint8Array, text: string) => latin(body, 0, text.length) === text;

function jpegFacts(bytes: Uint8Array): FileFacts {
  const profile: Uint8Array[] = [];
  let exif: Uint8Array | undefined;
  for (const { type, body } of jpegParts(bytes)) {
    if (type === "e1" && startsWith(body, "Exif\0\0")) exif ??= body.subarray(6);
    if (type === "e2" && startsWith(body, "ICC_PROFILE\0")) profile[body[12]] = body.subarray(14);
  }
  const parts = profile.filter(Boolean);
  const icc = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (icc.set(part, at), at + part.length), 0);
  return {
    bits: 8,
    animated: false,
    ...(exif && { exif }),
    ...(parts.length > 0 && { icc: { bytes: icc, packed: false } }),
  };
}

/** The gamma and the x of the red primary of sRGB, as PNG has them, and what may differ by rounding. */
const PNG_SRGB = { gamma: 45455, redX: 64000, near: 500 };

function pngFacts(bytes: Uint8Array): FileFacts {
  let facts: FileFacts = { bits: bytes[24], animated: false };
  const far = (value: number, from: number) => Math.abs(value - from) > PNG_SRGB.near;
  for (const { type, body } of pngParts(bytes)) {
    if (type === "eXIf") facts = { ...facts, exif: body };
    else if (type === "cICP") facts = { ...facts, cicp: body };
    else if (type === "gAMA" && far(viewOf(body).getUint32(0), PNG_SRGB.gamma)) facts = { ...facts, odd: true };
    else if (type === "cHRM" && far(viewOf(body).getUint32(8), PNG_SRGB.redX)) facts = { ...facts, odd: true };
    else if (type === "acTL") facts = { ...facts, animated: viewOf(body).getUint32(0) > 1 };
    // A name that ends in 0, the method 0, then the profile.
    else if (type === "iCCP") facts = { ...facts, icc: { bytes: body.subarray(body.indexOf(0) + 2), packed: true } };
  }
  return facts;
}

function webpFacts(bytes: Uint8Array): FileFacts {
  let facts: FileFacts = { bits: 8, animated: false };
  for (const { type, body } of webpParts(bytes)) {
    if (type === "VP8X") facts = { ...facts, animated: (body[0] & 2) !== 0 };
    else if (type === "EXIF") facts = { ...facts, exif: startsWith(body, "Exif\0\0") ? body.subarray(6) : body };
    else if (type === "ICCP") facts = { ...facts, icc: { bytes: body, packed: false } };
  }
  return facts;
}

/** Where a file has EXIF data behind their name, as phones write HEIC; they end where they say. */
function namedExif(bytes: Uint8Array): Uint8Array | undefined {
  for (let at = bytes.indexOf(0x45); at >= 0; at = bytes.indexOf(0x45, at + 1)) {
    if (bytes[at + 1] === 0x78 && /^Exif\0\0(II\*\0|MM\0\*)/.test(latin(bytes, at, 10))) return bytes.subarray(at + 6);
  }
  return undefined;
}

/** TIFF: the depth and the profile of the first picture; the file is built as EXIF data are. */
function tiffFacts(bytes: Uint8Array): FileFacts {
  const { little, entries } = firstDirectory(bytes);
  const value = (wanted: number) => entries.find(({ tag }) => tag === wanted)?.value;
  const [depth, icc] = [value(0x102), value(0x8773)];
  const bits = depth ? viewOf(depth).getUint16(0, little) : 1;
  return { bits, animated: false, exif: bytes, ...(icc && { icc: { bytes: icc, packed: false } }) };
}

/** HEIC and AVIF: the colour box, wherever it lies among the boxes in front of the pixels, and EXIF data. */
function heifFacts(bytes: Uint8Array): FileFacts {
  const exif = namedExif(bytes);
  let facts: FileFacts = { bits: 8, animated: latin(bytes, 8, 4) === "avis", ...(exif && { exif }) };
  const view = viewOf(bytes);
  for (let at = bytes.indexOf(0x63, 4); at >= 0 && at + 12 < Math.min(bytes.length, HEIF_HEAD); at = bytes.indexOf(0x63, at + 1)) {
    if (latin(bytes, at, 4) !== "colr") continue;
    const body = bytes.subarray(at + 8, at - 4 + view.getUint32(at - 4));
    const type = latin(bytes, at + 4, 4);
    if (type === "prof" || type === "rICC") facts = { ...facts, icc: { bytes: body, packed: false } };
    // Primaries, transfer and matrix in two bytes each, then the range in a bit.
    else if (type === "nclx") facts = { ...facts, cicp: new Uint8Array([body[1], body[3], body[5], body[6] >> 7]) };
  }
  return facts;
}

/** Reads a file's parts. A damaged part counts as missing: the pixels decide what is damaged. */
export function readFacts(bytes: Uint8Array): FileFacts {
  const plain: FileFacts = { bits: 8, animated: false };
  try {
    if (latin(bytes, 1, 3) === "PNG") return pngFacts(bytes);
    if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpegFacts(bytes);
    if (latin(bytes, 0, 4) === "RIFF") return webpFacts(bytes);
    if (latin(bytes, 4, 4) === "ftyp") return heifFacts(bytes);
    if (["II*\0", "MM\0*"].includes(latin(bytes, 0, 4))) return tiffFacts(bytes);
    if (latin(bytes, 0, 3) === "GIF") return { ...plain, animated: gifMoves(bytes) };
  } catch {
    // a length beyond the end of the file
  }
  return plain;
}

/** X of the red primary, adapted to D50, of sRGB and of Display P3; others lie apart from both. */
const RED_X = { srgb: 0.4361, p3: 0.5151 };

/** The gamut of an ICC profile: that of sRGB, of Display P3, another one, or not of RGB at all. */
export function gamut(icc: Uint8Array): "srgb" | "p3" | "other" | "none" {
  if (icc.length < 132 || latin(icc, 16, 4) !== "RGB ") return "none";
  const view = viewOf(icc);
  const count = view.getUint32(128);
  for (let tag = 0, at = 132; tag < count && at + 12 <= icc.length; tag++, at += 12) {
    if (latin(icc, at, 4) !== "rXYZ") continue;
    const x = view.getInt32(view.getUint32(at + 4) + 8) / 65536;
    if (Math.abs(x - RED_X.srgb) < 0.01) return "srgb";
    return Math.abs(x - RED_X.p3) < 0.01 ? "p3" : "other";
  }
  return "none";
}

/** Whether values lie on the curve of sRGB, as far as the file tells it beside a profile. */
export function onSrgbCurve({ cicp, icc, odd }: FileFacts): boolean {
  if (cicp) return cicp[1] === 13;
  return icc !== undefined || !odd;
}
