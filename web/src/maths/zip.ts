/** A ZIP writer without compression: pictures are compressed already. */
import { crc32 } from "./crc.ts";

export interface ZipEntry {
  readonly name: string;
  readonly content: Blob;
}

/** The first name of `name`, `name-2`, `name-3`, ... (before the suffix) not yet in `taken`. */
export function uniqueName(name: string, taken: ReadonlySet<string>): string {
  const dot = name.lastIndexOf(".");
  const stem = dot > 0 ? name.slice(0, dot) : name;
  const suffix = dot > 0 ? name.slice(dot) : "";
  let unique = name;
  for (let count = 2; taken.has(unique); count++) unique = `${stem}-${count}${suffix}`;
  return unique;
}

/** Date and time as MS-DOS has them, in two 16-bit numbers. */
function dosTime(date: Date): { time: number; day: number } {
  return {
    time: (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1),
    day: ((date.getFullYear() - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate(),
  };
}

/**
 * Packs entries into one ZIP. Names are made unique. Contents are read one at a time for
 * their checksums and referred to, not copied.
 *
 * @throws RangeError above 4 GB, which would need the ZIP64 format.
 */
export async function makeZip(entries: readonly ZipEntry[], date = new Date()): Promise<Blob> {
  const { time, day } = dosTime(date);
  const parts: BlobPart[] = [];
  const central: Uint8Array<ArrayBuffer>[] = [];
  const taken = new Set<string>();
  let offset = 0;
  for (const { name, content } of entries) {
    const unique = uniqueName(name, taken);
    taken.add(unique);
    const path = new TextEncoder().encode(unique);
    const crc = crc32(new Uint8Array(await content.arrayBuffer()));
    const fields = new Uint8Array(26); // what local and central headers share
    const view = new DataView(fields.buffer);
    view.setUint16(0, 20, true); // version needed: 2.0
    view.setUint16(2, 0x0800, true); // names are UTF-8
    view.setUint16(6, time, true);
    view.setUint16(8, day, true);
    view.setUint32(10, crc, true);
    view.setUint32(14, content.size, true);
    view.setUint32(18, content.size, true);
    view.setUint16(22, path.length, true);
    const local = new Uint8Array([0x50, 0x4b, 3, 4, ...fields, ...path]);
    const tail = new Uint8Array(14);
    new DataView(tail.buffer).setUint32(10, offset, true);
    central.push(new Uint8Array([0x50, 0x4b, 1, 2, 20, 0, ...fields, ...tail, ...path]));
    parts.push(local, content);
    offset += local.length + content.size;
  }
  const size = central.reduce((sum, header) => sum + header.length, 0);
  if (offset + size > 0xffffffff) throw new RangeError("a ZIP file holds at most 4 GB");
  const end = new Uint8Array(22);
  const view = new DataView(end.buffer);
  end.set([0x50, 0x4b, 5, 6]);
  view.setUint16(8, central.length, true);
  view.setUint16(10, central.length, true);
  view.setUint32(12, size, true);
  view.setUint32(16, offset, true);
  return new Blob([...parts, ...central, end], { type: "application/zip" });
}
