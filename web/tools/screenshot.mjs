/**
 * Takes screenshots of the built page: `npm run screenshots` makes docs/page.jpg, the one of the
 * README, anew. `node tools/screenshot.mjs FOLDER [WIDTH...]` makes more to look at, in light and
 * dark and at the widths given (1400, 800, 390 and 320 unless told).
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { preview } from "vite";
import { findChromium } from "./chromium.ts";

const [wanted, ...numbers] = process.argv.slice(2);
const folder = wanted ?? join(import.meta.dirname, "../../docs");
const widths = !wanted ? [1400] : numbers.length ? numbers.map(Number) : [1400, 800, 390, 320];
const schemes = wanted ? ["light", "dark"] : ["light"];
mkdirSync(folder, { recursive: true });
const server = await preview({ root: join(import.meta.dirname, ".."), preview: { host: "127.0.0.1", port: 0 } });
const browser = await chromium.launch({
  executablePath: await findChromium(),
  args: ["--no-sandbox", "--disable-gpu"],
});
try {
  for (const colorScheme of schemes) {
    for (const width of widths) {
      const page = await browser.newPage({ viewport: { width, height: width < 500 ? 844 : 900 }, colorScheme });
      await page.goto(server.resolvedUrls.local[0]);
      await page.click("[data-sample=dandelions]");
      await page.waitForSelector('#stage[data-state="done"]', { timeout: 120_000 });
      await page.focus("#stage .divider");
      for (let at = 50; at > 30; at -= 2) await page.keyboard.press("ArrowLeft"); // through the flower
      await page.waitForTimeout(500); // the last drawing
      await page.evaluate(() => document.querySelectorAll("#job, #toast").forEach((element) => element.remove()));
      await page.locator("#stage .divider").blur();
      if (width === widths[0] && colorScheme === "light") {
        await page.screenshot({ path: join(folder, "page.jpg"), quality: 82 });
      }
      if (wanted) await page.screenshot({ path: join(folder, `page-${width}-${colorScheme}.png`) });
      await page.close();
    }
  }
} finally {
  await browser.close();
  await server.close();
}
