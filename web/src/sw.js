/**
 * The service worker: answers from a cache that belongs to one build of the page, so that
 * it works offline and never mixes two versions. The build fills in the two constants.
 */
const VERSION = "__VERSION__";
const FILES = ["__FILES__"];
const CACHE = `kdae-${VERSION}`;
/** Pages beside this one: all other addresses that are navigated to are this one. */
const BESIDE = ["./lecture/", "./licenses/"].map((folder) => new URL(folder, location.href).href);

/**
 * How a file is asked for. A host's max-age must not bring back the page of an earlier build,
 * whose scripts are gone: all is asked of the server anew, but for files with a hash in their
 * name, which never change. "no-cache" asks "has it changed?", and spares a second download.
 */
const fresh = (file) => new Request(file, { cache: /\/assets\//.test(file.url ?? file) ? "default" : "no-cache" });

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES.map(fresh))));
});

// The page asks for it, when the person wants the new version now.
self.addEventListener("message", (event) => {
  if (event.data === "take over") void self.skipWaiting();
});

self.addEventListener("activate", (event) => {
  const tidy = async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("kdae-") && name !== CACHE) await caches.delete(name);
    }
    await self.clients.claim();
  };
  event.waitUntil(tidy());
});

/** Keeps what another app shares until the page takes it; files.ts has the same name. */
const SHARED = "shared-kdae";
const receive = async (request) => {
  const form = await request.formData();
  const cache = await caches.open(SHARED);
  for (const [at, file] of form.getAll("pictures").entries()) {
    await cache.put(`./shared/${at}?name=${encodeURIComponent(file.name)}`, new Response(file));
  }
  return Response.redirect("./#shared", 303);
};

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "POST" && new URL(request.url).pathname.endsWith("/share")) {
    event.respondWith(receive(request));
    return;
  }
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  const answer = async () => {
    const cache = await caches.open(CACHE);
    const page = request.mode === "navigate" && !BESIDE.some((folder) => request.url.startsWith(folder));
    const wanted = page ? "./" : request;
    const known = await cache.match(wanted, { ignoreSearch: true });
    if (known) return known;
    const response = await fetch(fresh(request));
    // Other models and the lecture are kept from their first use on. The answer does not wait for
    // that, and comes also where the disk is full.
    if (response.status === 200) event.waitUntil(cache.put(request, response.clone()).catch(() => {}));
    return response;
  };
  event.respondWith(answer());
});
