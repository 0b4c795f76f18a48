/** The page's language: the sentences of one table, with values filled in. */
import { en, type Key, type Words } from "./en.ts";

/** The languages by their own names; each is a file beside this one. */
export const LANGUAGES = { en: "English", de: "Deutsch", fr: "Français", es: "Español", ja: "日本語" } as const;
export type Language = keyof typeof LANGUAGES;

const TABLES: Record<Language, () => Promise<Words>> = {
  en: async () => en,
  de: async () => (await import("./de.ts")).de,
  fr: async () => (await import("./fr.ts")).fr,
  es: async () => (await import("./es.ts")).es,
  ja: async () => (await import("./ja.ts")).ja,
};

let words: Words = en;
export let language: Language = "en";

/** The first of the wanted languages ("de-CH" counts as "de") that there is; else English. */
export function pickLanguage(wanted: readonly string[]): Language {
  const known = wanted.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in LANGUAGES);
  return (known as Language | undefined) ?? "en";
}

let asked = 0;

/** Fetches a language and speaks it from now on, unless another is asked for meanwhile. */
export async function speak(wanted: Language): Promise<void> {
  const turn = ++asked;
  const table = await TABLES[wanted]();
  if (turn !== asked) return;
  words = table;
  language = wanted;
}

/** The sentence of a key; "{name}" in it becomes `values.name`. */
export function t(key: Key, values: Readonly<Record<string, string | number>> = {}): string {
  return words[key].replace(/\{(\w+)\}/g, (all, name: string) => String(values[name] ?? all));
}

/** The sentence of a key that is put together, or of another if there is none of it. */
export function tOr(key: string, otherwise: string): string {
  return key in words ? t(key as Key) : otherwise;
}

/** "a moment", "12 s", "about 2 min": rounded so that it does not flicker. */
export function spokenTime(seconds: number): string {
  if (seconds < 1.5) return t("time.moment");
  if (seconds < 20) return t("time.seconds", { count: Math.round(seconds) });
  if (seconds < 90) return t("time.seconds", { count: Math.round(seconds / 5) * 5 });
  return t("time.minutes", { count: Math.round(seconds / 60) });
}

/** The sentence to show for any error. */
export function inWords(error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  if (`error.${name}` in words) return t(`error.${name}` as Key);
  if (error instanceof RangeError && /memory|allocat/i.test(error.message)) return t("error.NoMemory");
  return t("error.other", { message: error instanceof Error ? error.message : String(error) });
}
