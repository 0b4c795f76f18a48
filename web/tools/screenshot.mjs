/**
 * Takes screenshots of the built page, in light and dark and at the widths given, and
 * `page.jpg`, the one of the README: `node tools/screenshot.mjs FOLDER [WIDTH...]` (1400, 800
 * and 390 unless told).
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { preview } from "vite";
import { findChromium } from "./chromium.ts";

const [folder = ".", ...wanted] = process.argv.slice(2);
const widths = wanted.length ? wanted.map(Number) : [1400, 800, 390];
mkdirSync(folder, { recursive: true });
const server = await preview({ root: join(import.meta.dirname, ".."), preview: { host: "127.0.0.1", port: 0 } });
const browser = await chromium.launch({
  executablePath: await findChromium(),
  args: ["--no-sandbox", "--disable-gpu"],
});
try {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of widths) {
      const page = await browser.newPage({ viewport: { width, height: width < 500 ? 844 : 900 }, colorScheme });
      await page.goto(server.resolvedUrls.local[0]);
      await page.click("[data-sample=dandelions]");
      await page.waitForSelector('#stage[data-state="done"]', { timeout: 120_000 });
      await page.focus("#stage .divider");
      for (let at = 50; at > 30; at -= 2) await page.keyboard.press("ArrowLeft"); // through the flower
      await page.waitForTimeout(500); // the last drawing
      await page.locator("#stage .divider").blur();
      if (width === widths[0] && colorScheme === "light") {
        await page.screenshot({ path: join(folder, "page.jpg"), quality: 82 });
      }
      await page.screenshot({ path: join(folder, `page-${width}-${colorScheme}.png`) });
      await page.close();
    }
  }
} finally {
  await browser.close();
  await server.close();
}
