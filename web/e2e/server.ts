/** A plain static file server, as any host has, with the page in a subfolder. */
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

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

export async function serveDist(): Promise<{ url: string; server: Server }> {
  if (!existsSync(join(DIST, "models/photo/check.bin"))) {
    throw new Error("no built page with models in web/dist: run `make web` first");
  }
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://host");
    const name = pathname.replace(/^\/some\/folder/, "").replace(/\/$/, "/index.html");
    const path = join(DIST, normalize(decodeURIComponent(name)));
    if (!pathname.startsWith("/some/folder/") || !existsSync(path) || statSync(path).isDirectory()) {
      response.writeHead(404).end();
      return;
    }
    const type = TYPES[extname(path)] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type, "cache-control": "no-cache" });
    createReadStream(path).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/some/folder/`, server };
}
