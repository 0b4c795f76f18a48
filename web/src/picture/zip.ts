/** One ZIP of many pictures, written as they come. */
import { makeZip } from "client-zip";

export interface ZipEntry {
  /** With the folders it is to lie in. */
  readonly name: string;
  content(): Promise<Blob>;
}

/**
 * The first name of `name`, `name-2`, `name-3`, ... (before the suffix) not yet in `taken`, which
 * has names in small letters: many systems hold "a.png" and "A.png" for the same.
 */
export function uniqueName(name: string, taken: ReadonlySet<string>): string {
  const dot = name.lastIndexOf(".");
  const stem = dot > 0 ? name.slice(0, dot) : name;
  const suffix = dot > 0 ? name.slice(dot) : "";
  let unique = name;
  for (let count = 2; taken.has(unique.toLowerCase()); count++) unique = `${stem}-${count}${suffix}`;
  return unique;
}

/**
 * Packs entries without compression, which pictures have already, under unique names. A content
 * is asked for when those before it have been read: one at a time is in memory.
 */
export function zipStream(entries: readonly ZipEntry[], date = new Date()): ReadableStream<Uint8Array> {
  async function* files() {
    const taken = new Set<string>();
    for (const { name, content } of entries) {
      const unique = uniqueName(name, taken);
      taken.add(unique.toLowerCase());
      yield { name: unique, input: await content(), lastModified: date };
    }
  }
  return makeZip(files());
}
