/** One short message at a time, below the bar. */
import { inWords } from "../protocol/errors.ts";
import { byId, within } from "./dom.ts";

const SHOWN_MS = 9000;
let timer: ReturnType<typeof setTimeout> | undefined;

export function say(text: string): void {
  const toast = byId("toast");
  within(toast, "span").textContent = text;
  toast.hidden = false;
  within<HTMLButtonElement>(toast, "button").onclick = hush;
  clearTimeout(timer);
  timer = setTimeout(hush, SHOWN_MS);
}

/** Takes the message away. */
export function hush(): void {
  byId("toast").hidden = true;
}

export function complain(error: unknown): void {
  console.warn(error);
  say(inWords(error));
}
