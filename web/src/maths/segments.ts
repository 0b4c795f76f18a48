/** Goes through the parts of JPEG, PNG, WebP and GIF files, and finds what pixels do not tell. */

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

function pngFacts(bytes: Uint8Array): FileFacts {
  let facts: FileFacts = { bits: bytes[24], animated: false };
  for (const { type, body } of pngParts(bytes)) {
    if (type === "eXIf") facts = { ...facts, exif: body };
    else if (type === "cICP") facts = { ...facts, cicp: body };
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

/** HEIC and AVIF: the colour box, wherever it lies among the boxes in front of the pixels. */
function heifFacts(bytes: Uint8Array): FileFacts {
  let facts: FileFacts = { bits: 8, animated: false };
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
