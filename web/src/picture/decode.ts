/** From a file to pixels, and to what the file says of them. */
import { decodeDeep, type Deep, inflate } from "../maths/deep.ts";
import { keepExif, orientationOf } from "../maths/exif.ts";
import { type FileKind, headerSize, kindOf } from "../maths/header.ts";
import { type FileFacts, gamut, onSrgbCurve, readFacts } from "../maths/segments.ts";
import { type Kind, MAX_PIXELS, problem } from "../protocol/errors.ts";
import type { Note } from "../protocol/picture.ts";
import { makeContext } from "./pyramid.ts";

const LARGE_PIXELS = 16e6;

export interface Decoded {
  readonly bitmap: ImageBitmap;
  /** The samples of a 16-bit PNG. */
  readonly deep: Deep | undefined;
  /** EXIF data by themselves: a view of the file would keep all of it in memory. */
  readonly exif: Uint8Array | undefined;
  /** Where all colours of the file fit: Display P3 for everything wider than sRGB. */
  readonly colorSpace: PredefinedColorSpace;
  readonly notes: readonly Note[];
}

/** The gamut by the code points (12 is P3, 9 is BT.2020), else by the profile, else sRGB. */
async function gamutOf({ cicp, icc }: FileFacts): Promise<"srgb" | "p3" | "other" | "none"> {
  if (cicp) return cicp[0] === 12 ? "p3" : cicp[0] === 9 ? "other" : "srgb";
  if (!icc) return "srgb";
  const bytes = icc.packed ? await inflate([icc.bytes]).catch(() => new Uint8Array(0)) : icc.bytes;
  return gamut(bytes);
}

/** Whether canvases can be in Display P3 here. */
function hasP3(): boolean {
  return makeContext(1, 1, "display-p3").getImageData(0, 0, 1, 1).colorSpace === "display-p3";
}

/** What to say of a file that the browser does not decode, by its kind. */
const REASONS: Partial<Record<FileKind, Kind>> = {
  heic: "Heic",
  svg: "Svg",
  text: "Text",
  pdf: "Document",
  video: "Video",
  unknown: "NotAPicture",
};

interface Bitmap {
  readonly bitmap: ImageBitmap;
  /** Whether a library has read it, which leaves the values as they are in the file. */
  readonly raw: boolean;
}

async function toBitmap(file: Blob, kind: FileKind, orientation: number, colorSpace: PredefinedColorSpace): Promise<Bitmap> {
  if (kind === "heic") {
    const own = await createImageBitmap(file).catch(() => undefined);
    if (own) return { bitmap: own, raw: false };
    const { decodeHeic } = await import("./heic.ts"); // fetched for the first HEIC only
    return { bitmap: await createImageBitmap(await decodeHeic(await file.arrayBuffer(), colorSpace)), raw: true };
  }
  if (kind !== "tiff") return { bitmap: await createImageBitmap(file), raw: false };
  const { decodeTiff } = await import("./tiff.ts"); // fetched for the first TIFF only
  return { bitmap: await createImageBitmap(decodeTiff(await file.arrayBuffer(), orientation, colorSpace)), raw: true };
}

/**
 * Decodes a file, turned as its EXIF orientation says (the browser does that, once).
 *
 * @throws Unreadable, NotAPicture and its like, Damaged, TooLarge or NoMemory.
 */
export async function decode(file: Blob): Promise<Decoded> {
  const content = await file.arrayBuffer().catch((error) => {
    throw problem("Unreadable", String(error)); // it was moved, say
  });
  const bytes = new Uint8Array(content);
  const kind = kindOf(bytes);
  const size = headerSize(bytes);
  if (size && size.width * size.height > MAX_PIXELS) throw tooLarge(size.width, size.height);
  const facts = readFacts(bytes);
  const orientation = facts.exif ? orientationOf(facts.exif) : 1;
  const found = await gamutOf(facts);
  const wide = (found === "p3" || found === "other") && hasP3();
  let decoded: Bitmap;
  try {
    decoded = await toBitmap(file, kind, orientation, wide ? "display-p3" : "srgb");
  } catch (error) {
    if (error instanceof Error && error.name === "TooLarge") throw error;
    // Browsers do not tell the two apart; small pictures do not fail for want of memory.
    const large = size && size.width * size.height > LARGE_PIXELS;
    throw problem(large ? "NoMemory" : (REASONS[kind] ?? "Damaged"), String(error));
  }
  const { bitmap, raw } = decoded;
  if (bitmap.width * bitmap.height > MAX_PIXELS) {
    const { width, height } = bitmap;
    bitmap.close();
    throw tooLarge(width, height);
  }
  const notes: Note[] = [];
  if (facts.animated) notes.push("animated");
  if (found === "other" && raw) notes.push("profile");
  else if (found === "other" || (found === "p3" && !wide)) notes.push(wide ? "toP3" : "toSrgb");
  // The values of any other space or curve differ from those on the canvas, and samples are not turned: then 8 bits remain.
  const faithful = (found === "srgb" || (found === "p3" && wide)) && onSrgbCurve(facts) && orientation === 1;
  const deep = kind === "png" && facts.bits === 16 && faithful ? await decodeDeep(bytes).catch(() => undefined) : undefined;
  if (facts.bits === 16 && !deep) notes.push("toEightBits");
  const exif = facts.exif && keepExif(facts.exif, "all");
  return { bitmap, deep, exif, colorSpace: wide ? "display-p3" : "srgb", notes };
}

function tooLarge(width: number, height: number): Error {
  return problem("TooLarge", `${width} x ${height} pixels`);
}
