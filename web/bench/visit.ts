/** What a first visit costs: bytes until the first picture is clean. The test of it holds the budget. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { makePicture } from "../e2e/pictures.ts";
import { DIST, type Site } from "../e2e/server.ts";

/** What may be sent until the first picture is clean, headers not counted. */
export const BUDGET = 1_100_000;

export interface Visit {
  /** Bytes until the first picture is clean. */
  readonly sent: number;
  /** Of them the default model. */
  readonly model: number;
  /** The files asked for, in order. */
  readonly asked: readonly string[];
}

/** Visits the page with `open`, in a browser that was never there, and cleans a picture. */
export async function firstVisit(site: Site, open: () => Promise<Page>): Promise<Visit & { page: Page }> {
  const folder = join(DIST, "models/photo");
  const files = readdirSync(folder).filter((name) => !name.startsWith("litert.")); // fetched for large pictures
  const model = files.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  const buffer = await makePicture(60, 40);
  const asked: string[] = [];
  const note = ({ url }: { url?: string | undefined }) => asked.push(String(url).replace("/some/folder/", ""));
  site.server.on("request", note);
  site.sent = 0;
  const page = await open();
  await page.waitForSelector("#samples img");
  await page.setInputFiles("#file", { name: "x.png", mimeType: "image/png", buffer });
  await page.waitForSelector('#stage[data-state="done"]', { timeout: 120_000 });
  const { sent } = site;
  site.server.off("request", note);
  return { sent, model, asked, page };
}

export function inKilobytes({ sent, model }: Visit): string {
  const kB = (bytes: number) => `${(bytes / 1000).toFixed(0)} kB`;
  return `first clean picture: ${kB(sent)}, of them the model ${kB(model)}, ${kB(BUDGET)} allowed`;
}
