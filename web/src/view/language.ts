/** Puts the words into the document, and lets a person choose the language. */
import type { Key } from "../words/en.ts";
import { LANGUAGES, type Language, language, pickLanguage, speak, t } from "../words/index.ts";
import { byId, make } from "./dom.ts";
import { complain } from "./toast.ts";

const STORED = "kdae-language";

/** `data-t` names the words of an element, `data-t-label` those of its accessible name. */
function translate(): void {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll<HTMLElement>("[data-t]")) {
    element.textContent = t(element.dataset.t as Key);
  }
  for (const element of document.querySelectorAll<HTMLElement>("[data-t-label]")) {
    element.ariaLabel = t(element.dataset.tLabel as Key);
  }
}

/** Where the browser lets pages store nothing, asking for what is stored is an error. */
function stored(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

function store(chosen: string): void {
  try {
    localStorage.setItem(STORED, chosen);
  } catch {
    // then it is chosen for this visit
  }
}

/** Speaks the chosen language, else that of the browser; `changed` is told of every change. */
export async function startLanguage(changed: () => void): Promise<void> {
  const select = byId<HTMLSelectElement>("language");
  for (const [value, name] of Object.entries(LANGUAGES)) select.append(make("option", { value, lang: value }, name));
  select.addEventListener("change", async () => {
    store(select.value);
    await speak(select.value as Language).catch(complain); // offline it may not be there yet
    select.value = language;
    translate();
    changed();
  });
  const before = stored();
  await speak(pickLanguage([...(before ? [before] : []), ...navigator.languages])).catch(complain);
  select.value = language;
  translate();
  changed();
}
