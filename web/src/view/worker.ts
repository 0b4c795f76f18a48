/** The service worker: registered once the page works, and a word when a new version is there. */
import { byId, within } from "./dom.ts";

/** Looks for the service worker, or a new one; to be called when the network is free. */
export async function register(): Promise<void> {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  const registration = await navigator.serviceWorker.register("./sw.js", { updateViaCache: "none" });
  const offer = (worker: ServiceWorker | null) => {
    // The first worker of all takes over by itself: nothing is new then.
    if (!worker || !navigator.serviceWorker.controller) return;
    const bar = byId("update");
    within(bar, "button").onclick = () => {
      navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
      worker.postMessage("take over");
    };
    bar.hidden = false;
  };
  offer(registration.waiting);
  registration.addEventListener("updatefound", () => {
    const worker = registration.installing;
    worker?.addEventListener("statechange", () => {
      if (worker.state === "installed") offer(worker);
    });
  });
}
