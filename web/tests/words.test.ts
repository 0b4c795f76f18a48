import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { de } from "../src/words/de.ts";
import { en, type Key, type Words } from "../src/words/en.ts";
import { es } from "../src/words/es.ts";
import { fr } from "../src/words/fr.ts";
import { LANGUAGES, pickLanguage, speak, spokenTime, t } from "../src/words/index.ts";
import { ja } from "../src/words/ja.ts";

const ROOT = join(import.meta.dirname, "..");
const html = readFileSync(join(ROOT, "index.html"), "utf8");
const values = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

describe.each(Object.entries({ de, fr, es, ja }))("%s", (_, words: Words) => {
  test("has every sentence, with the same values in it", () => {
    expect(Object.keys(words).sort()).toEqual(Object.keys(en).sort());
    for (const [key, text] of Object.entries(words)) {
      expect(text.trim(), key).not.toBe("");
      expect(values(text), key).toEqual(values(en[key as Key]));
    }
  });
  test("is another language: few sentences are as in English", () => {
    const same = Object.keys(en).filter((key) => words[key as Key] === en[key as Key]);
    expect(same.length, same.join()).toBeLessThan(20);
  });
});

test("every language of the list has its file", () => {
  const files = readdirSync(join(ROOT, "src/words")).filter((name) => name !== "index.ts");
  expect(files.sort()).toEqual(Object.keys(LANGUAGES).map((name) => `${name}.ts`).sort());
});

test("the document's own words are those of English, and every text in it has a key", () => {
  const found = [...html.matchAll(/data-t="([\w.]+)"[^>]*>([^<]*)</g)];
  expect(found.length).toBeGreaterThan(70);
  for (const [, key, text] of found) expect(text, key).toBe(en[key as Key]);
  for (const [, key, text] of html.matchAll(/data-t-label="([\w.]+)" aria-label="([^"]*)"/g)) expect(text, key).toBe(en[key as Key]);
  const bare = [...html.matchAll(/<(h1|h2|h3|p|button|legend|figcaption|th|caption|summary)\b(?![^>]*data-t)[^>]*>([^<]*[a-z]{3}[^<]*)</gi)];
  expect(bare.map(([, tag, text]) => `${tag}: ${text}`)).toEqual(["p: This page needs JavaScript: the picture is cleaned by your own browser."]);
});

test("every key is used, and every key that is used is there", () => {
  const folders = ["src", "src/view"];
  const source = folders
    .flatMap((folder) => readdirSync(join(ROOT, folder)).filter((name) => name.endsWith(".ts")).map((name) => join(ROOT, folder, name)))
    .map((path) => readFileSync(path, "utf8"))
    .join();
  for (const key of Object.keys(en)) {
    const family = /^(model|state|note|error|trial|engine|title|time)\./.test(key); // put together
    expect(family || source.includes(`"${key}"`) || html.includes(`"${key}"`), key).toBe(true);
  }
});

test("the browser's first language that there is, else English", () => {
  expect(pickLanguage(["pt-BR", "fr-CA", "de"])).toBe("fr");
  expect(pickLanguage(["pt"])).toBe("en");
});

test("the language that was chosen last is spoken, though another comes later", async () => {
  const slow = speak("ja");
  await speak("en");
  await slow;
  expect(t("close")).toBe("Close");
});

test("a language is spoken", async () => {
  await speak("de");
  expect(t("save.saveAll", { count: 3 })).toBe("Alle speichern (3)");
  await speak("en");
  expect([0.4, 12.3, 33, 140].map(spokenTime)).toEqual(["a moment", "12 s", "35 s", "about 2 min"]);
});
