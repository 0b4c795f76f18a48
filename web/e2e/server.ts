/**
 * A plain static file server, as any host has, with the page in a subfolder, and one more
 * model than are shipped. It compresses text and wasm, and lets browsers keep files for an
 * hour, as hosts do.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { gzipSync } from "node:zlib";
import { STANDIN } from "./standin.ts";

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
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

/** The scales of the default model, the finest first: how many pixels one value stands for. */
export function scales(): number[] {
  const { signature } = JSON.parse(readFileSync(join(DIST, "models/photo-encoder/model.json"), "utf8"));
  return Object.keys(signature.outputs).map((_, at) => 2 ** (at + 1));
}

type Body = Uint8Array | string;

/** A body in place of a file, or null for a file that is gone. */
export type Changes = Map<string, Body | null>;

/** The body of an answer; undefined if there is nothing by that name. */
function find(name: string, changes: Changes, dist: string): Body | undefined {
  const changed = changes.get(name);
  if (changed !== undefined) return changed ?? undefined;
  if (name === "models/models.json") return JSON.stringify([...shipped(), "standin"]);
  const standin = STANDIN[name.replace("models/", "")];
  const path = join(dist, normalize(name));
  return standin ?? (existsSync(path) && statSync(path).isFile() ? readFileSync(path) : undefined);
}

export interface Site {
  readonly url: string;
  readonly server: Server;
  /** What another build of the page has put in the place of files. */
  readonly changes: Changes;
  /** Bytes sent, headers not counted, since it was last set to 0. */
  sent: number;
}

/** Serves a built page, with `extra` headers. */
export async function serveDist(dist = DIST, extra: Record<string, string> = {}): Promise<Site> {
  shipped();
  const changes: Changes = new Map();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://host");
    const name = pathname.replace(/^\/some\/folder\//, "") || "index.html";
    const found = find(decodeURIComponent(name), changes, dist);
    if (!pathname.startsWith("/some/folder/") || found === undefined) {
      response.writeHead(404).end();
      return;
    }
    const etag = `"${createHash("sha256").update(found).digest("hex").slice(0, 16)}"`;
    const headers: Record<string, string> = {
      "content-type": TYPES[extname(name)] ?? "application/octet-stream",
      "cache-control": "max-age=3600",
      etag,
      ...extra,
    };
    if (request.headers["if-none-match"] === etag) {
      response.writeHead(304, headers).end();
      return;
    }
    const zip = COMPRESSED.test(name) && /gzip/.test(String(request.headers["accept-encoding"]));
    if (zip) headers["content-encoding"] = "gzip";
    const body = zip ? gzipSync(found) : found;
    site.sent += body.length;
    response.writeHead(200, headers).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const site: Site = { url: `http://127.0.0.1:${port}/some/folder/`, server, changes, sent: 0 };
  return site;
}
