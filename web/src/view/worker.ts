/** The page as an app: its service worker, new versions, and being installed. */
import { t } from "../words/index.ts";
import { byId, within } from "./dom.ts";
import { say } from "./toast.ts";

/** Looks for the service worker, or a new one; to be called when the network is free. */
export async function register(): Promise<void> {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  const { serviceWorker } = navigator;
  if (!serviceWorker.controller) {
    // Once: later visits begin with a worker.
    serviceWorker.addEventListener("controllerchange", () => say(t("toast.offline")), { once: true });
  }
  const registration = await serviceWorker.register("./sw.js", { updateViaCache: "none" });
  const offer = (worker: ServiceWorker | null) => {
    // The first worker of all takes over by itself: nothing is new then.
    if (!worker || !serviceWorker.controller) return;
    const bar = byId("update");
    within(bar, "button").onclick = () => {
      serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
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

interface InstallEvent extends Event {
  prompt(): Promise<unknown>;
}

/** Offers to install the page where the browser allows it. */
export function bindInstall(): void {
  const button = byId("install");
  window.addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault(); // it is offered under "More", not by a banner
    button.hidden = false;
    button.onclick = () => void (event as InstallEvent).prompt();
  });
  window.addEventListener("appinstalled", () => {
    button.hidden = true;
  });
}
