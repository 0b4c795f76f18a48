/** Short messages below the bar; those that come together are listed. */
import { inWords, t } from "../words/index.ts";
import { byId, make, within } from "./dom.ts";

const SHOWN_MS = 9000;
const MOST_LINES = 6;
let timer: ReturnType<typeof setTimeout> | undefined;
let lines: string[] = [];

export function say(text: string): void {
  const toast = byId("toast");
  if (toast.hidden) lines = [];
  lines = [...lines.filter((line) => line !== text), text].slice(-MOST_LINES);
  within(toast, "span").replaceChildren(...lines.map((line) => make("p", {}, line)));
  toast.hidden = false;
  within<HTMLButtonElement>(toast, "button").onclick = hush;
  clearTimeout(timer);
  timer = setTimeout(hush, SHOWN_MS + 2000 * lines.length);
}

/** Takes the messages away. */
export function hush(): void {
  byId("toast").hidden = true;
}

/** Says what went wrong, and with which file. */
export function complain(error: unknown, name = ""): void {
  console.warn(name, error);
  const reason = inWords(error);
  say(name ? t("error.named", { name, reason }) : reason);
}
