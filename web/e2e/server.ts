/**
 * A plain static file server, as any host has, with the page in a subfolder, one more model than
 * are shipped, and if wanted a tiny default model (see `standin.ts`). It compresses text and wasm,
 * and lets browsers keep files for an hour, as hosts do.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { gzipSync } from "node:zlib";
import { type Body, STANDIN, TINY } from "./standin.ts";

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".txt": "text/plain",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};
const COMPRESSED = /\.(html|js|css|json|svg|wasm|webmanifest)$/;
export const DIST = join(import.meta.dirname, "../dist");

/** The models that the page was built with. */
export function shipped(): string[] {
  const list = join(DIST, "models/models.json");
  if (!existsSync(list)) throw new Error("no built page with models in web/dist: run `make web` first");
  return JSON.parse(readFileSync(list, "utf8"));
}

/** The scales of the shipped default model (and of the tiny one), the finest first: how many pixels one value stands for. */
export function scales(): number[] {
  const { signature } = JSON.parse(readFileSync(join(DIST, "models/photo-encoder/model.json"), "utf8"));
  return Object.keys(signature.outputs).map((_, at) => 2 ** (at + 1));
}

/** A body in place of a file, or null for a file that is gone. */
export type Changes = Map<string, Body | null>;

/** The body of an answer; undefined if there is nothing by that name. */
function find(name: string, { changes, tiny }: Site, dist: string): Body | undefined {
  const changed = changes.get(name);
  if (changed !== undefined) return changed ?? undefined;
  if (name === "models/models.json") return JSON.stringify([...shipped(), "standin"]);
  const file = name.replace("models/", "");
  const standin = STANDIN[file] ?? (tiny ? TINY[file] : undefined);
  const path = join(dist, normalize(name));
  return standin ?? (existsSync(path) && statSync(path).isFile() ? readFileSync(path) : undefined);
}

const packed = new Map<string, Buffer>();

/** Compresses a body, once for all who ask for it. */
function gzipped(body: Body, etag: string): Buffer {
  const known = packed.get(etag) ?? gzipSync(body);
  packed.set(etag, known);
  return known;
}

const ISOLATION = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

export interface Site {
  readonly url: string;
  readonly server: Server;
  /** What another build of the page has put in the place of files. */
  readonly changes: Changes;
  /** Bytes sent, headers not counted, since it was last set to 0. */
  sent: number;
  /** Files of which the second half is sent only then. */
  readonly held: Map<string, Promise<void>>;
  /** Whether the page gets the headers that let it have threads. */
  isolated: boolean;
  /** Whether the default model is the tests' tiny one. */
  tiny: boolean;
}

/** Serves a built page. */
export async function serveDist(dist = DIST): Promise<Site> {
  shipped();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://host");
    const name = pathname.replace(/^\/some\/folder\//, "") || "index.html";
    const found = find(decodeURIComponent(name), site, dist);
    if (!pathname.startsWith("/some/folder/") || found === undefined) {
      response.writeHead(404).end();
      return;
    }
    const etag = `"${createHash("sha256").update(found).digest("hex").slice(0, 16)}"`;
    const headers: Record<string, string> = {
      "content-type": TYPES[extname(name)] ?? "application/octet-stream",
      "cache-control": "max-age=3600",
      etag,
      ...(site.isolated && ISOLATION),
    };
    if (request.headers["if-none-match"] === etag) {
      response.writeHead(304, headers).end();
      return;
    }
    const zip = COMPRESSED.test(name) && /gzip/.test(String(request.headers["accept-encoding"]));
    if (zip) headers["content-encoding"] = "gzip";
    const body = zip ? gzipped(found, etag) : found;
    site.sent += body.length;
    response.writeHead(200, headers);
    const half = Math.ceil(body.length / 2);
    const until = site.held.get(name);
    if (!until) response.end(body);
    else response.write(body.slice(0, half), () => void until.then(() => response.end(body.slice(half))));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const site: Site = { url: `http://127.0.0.1:${port}/some/folder/`, server, changes: new Map(), held: new Map(), isolated: false, sent: 0, tiny: false };
  return site;
}
