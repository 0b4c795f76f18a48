import { beforeEach, expect, test, vi } from "vitest";
import { Shelf } from "../src/picture/shelf.ts";

/** What stands in for files and canvases, which Node does not have. */
const table = vi.hoisted(() => ({ unreadable: false, decoded: 0, freed: 0 }));

vi.mock("../src/picture/decode.ts", () => ({
  decode: async () => {
    if (table.unreadable) throw new Error("the file cannot be read");
    table.decoded++;
    const bitmap = { width: 30e6, height: 1, close: () => {} };
    return { bitmap, deep: undefined, colorSpace: "srgb", notes: [] };
  },
}));
vi.mock("../src/picture/pyramid.ts", () => ({
  makeContext: () => ({ canvas: { convertToBlob: async () => new Blob() }, drawImage: () => {} }),
  Pyramid: class {
    readonly size: object;
    constructor({ width, height }: { width: number; height: number }) {
      this.size = { width, height };
    }
    fill(): void {}
    free(): void {
      table.freed++;
    }
    read(): object {
      return { data: new Uint8ClampedArray(4), width: 1, height: 1 };
    }
  },
}));

beforeEach(() => Object.assign(table, { unreadable: false, decoded: 0, freed: 0 }));

test("a picture that was put away is read again, also after that has failed once", async () => {
  const shelf = new Shelf();
  await shelf.open(1, new Blob());
  await shelf.open(2, new Blob()); // two are more than the budget: the first is put away
  expect([table.decoded, table.freed]).toEqual([2, 1]);
  table.unreadable = true;
  await expect(shelf.use(1, "photo", () => "work")).rejects.toThrow("cannot be read");
  table.unreadable = false;
  expect(await shelf.use(1, "photo", () => "work")).toBe("work");
  expect(table.decoded).toBe(3);
});

test("a picture that is closed while it is in use gives its memory back after that", async () => {
  const shelf = new Shelf();
  await shelf.open(1, new Blob());
  await shelf.use(1, "photo", async () => {
    await shelf.close(1);
    expect(table.freed).toBe(0);
  });
  expect(table.freed).toBe(2); // noisy and clean
  await expect(shelf.use(1, "photo", () => "work")).rejects.toThrow("no picture 1");
});
