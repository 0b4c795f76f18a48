/**
 * A plain static file server, as any host has, with the page in a subfolder, and one more
 * model than are shipped.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
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

/** The body of an answer; undefined if there is nothing by that name. */
function find(name: string): Uint8Array | string | undefined {
  if (name === "models/models.json") return JSON.stringify([...shipped(), "standin"]);
  const standin = STANDIN[name.replace("models/", "")];
  const path = join(DIST, normalize(name));
  return standin ?? (existsSync(path) && statSync(path).isFile() ? readFileSync(path) : undefined);
}

export async function serveDist(): Promise<{ url: string; server: Server }> {
  shipped();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://host");
    const name = pathname.replace(/^\/some\/folder\//, "") || "index.html";
    const body = find(decodeURIComponent(name));
    if (!pathname.startsWith("/some/folder/") || body === undefined) {
      response.writeHead(404).end();
      return;
    }
    const type = TYPES[extname(name)] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type, "cache-control": "no-cache" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/some/folder/`, server };
}
