/** Reads a picture's size from its first bytes, before memory is spent on decoding it. */

export interface Size {
  readonly width: number;
  readonly height: number;
}

function text(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

/** JPEG: the first start-of-frame segment has height and width. */
function jpegSize(view: DataView): Size | undefined {
  let at = 2;
  while (at + 9 < view.byteLength) {
    if (view.getUint8(at) !== 0xff) return undefined;
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2);
  }
  return undefined;
}

function webpSize(bytes: Uint8Array, view: DataView): Size | undefined {
  const u24 = (at: number) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
  switch (text(bytes, 12, 4)) {
    case "VP8X":
      return { width: u24(24) + 1, height: u24(27) + 1 };
    case "VP8L": {
      const bits = view.getUint32(21, true);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case "VP8 ":
      return {
        width: view.getUint16(26, true) & 0x3fff,
        height: view.getUint16(28, true) & 0x3fff,
      };
    default:
      return undefined;
  }
}

/** The size of a PNG, JPEG, GIF, WebP or BMP, or undefined if the header does not tell. */
export function headerSize(bytes: Uint8Array): Size | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 32) return undefined;
  if (text(bytes, 1, 3) === "PNG") {
    return { width: view.getUint32(16), height: view.getUint32(20) };
  }
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpegSize(view);
  if (text(bytes, 0, 3) === "GIF") {
    return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
  }
  if (text(bytes, 0, 4) === "RIFF" && text(bytes, 8, 4) === "WEBP") return webpSize(bytes, view);
  if (text(bytes, 0, 2) === "BM") {
    return { width: view.getInt32(18, true), height: Math.abs(view.getInt32(22, true)) };
  }
  return undefined;
}

export type FileKind =
  | "png"
  | "jpeg"
  | "gif"
  | "webp"
  | "bmp"
  | "tiff"
  | "avif"
  | "heic"
  | "svg"
  | "pdf"
  | "video"
  | "text"
  | "unknown";

/** Brands of the container that HEIC, AVIF and videos share. */
const BRANDS: [RegExp, FileKind][] = [
  [/^avi[fs]/, "avif"],
  [/^(hei|hev|mif1|msf1)/, "heic"],
  [/^/, "video"],
];

/** What a file is, by its first bytes; its name may be wrong. */
export function kindOf(bytes: Uint8Array): FileKind {
  if (text(bytes, 1, 3) === "PNG") return "png";
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return "jpeg";
  if (text(bytes, 0, 3) === "GIF") return "gif";
  if (text(bytes, 0, 4) === "RIFF") return text(bytes, 8, 4) === "WEBP" ? "webp" : "video";
  if (text(bytes, 0, 2) === "BM") return "bmp";
  if (["II*\0", "MM\0*"].includes(text(bytes, 0, 4))) return "tiff";
  if (text(bytes, 4, 4) === "ftyp") {
    // mif1 may stand before avif: the list of compatible brands decides.
    const brands = [text(bytes, 8, 4), ...(text(bytes, 16, 32).match(/.{4}/gs) ?? [])];
    if (brands.some((brand) => /^avi[fs]/.test(brand))) return "avif";
    return BRANDS.find(([pattern]) => pattern.test(brands[0]))?.[1] ?? "video";
  }
  if (bytes[0] === 0x1a && bytes[1] === 0x45) return "video"; // Matroska and WebM
  const head = text(bytes, 0, 1000);
  if (head.startsWith("%PDF")) return "pdf";
  if (/<svg[\s>]/.test(head)) return "svg";
  return head.length > 0 && !/[\0-\x08\x0e-\x1f]/.test(head) ? "text" : "unknown";
}
