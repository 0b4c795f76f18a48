/** One short message at a time, at the foot of the page. */
import { inWords } from "../protocol/errors.ts";
import { byId, within } from "./dom.ts";

const SHOWN_MS = 9000;
let timer: ReturnType<typeof setTimeout> | undefined;

export function say(text: string): void {
  const toast = byId("toast");
  within(toast, "span").textContent = text;
  toast.hidden = false;
  within<HTMLButtonElement>(toast, "button").onclick = () => {
    toast.hidden = true;
  };
  clearTimeout(timer);
  timer = setTimeout(() => {
    toast.hidden = true;
  }, SHOWN_MS);
}

export function complain(error: unknown): void {
  console.warn(error);
  say(inWords(error));
}
