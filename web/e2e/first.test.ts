import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { done, engineReady, makePicture, openFile, useRig } from "./browser.ts";
import { DIST } from "./server.ts";

const rig = useRig();

test("a first visit: at most 390 kB beside the model until the first picture is clean, the rest later", async () => {
  const models = join(DIST, "models/photo");
  const model = readdirSync(models).reduce((sum, name) => sum + statSync(join(models, name)).size, 0);
  const picture = await makePicture(60, 40);
  rig.site.sent = 0;
  const asked: string[] = [];
  rig.site.server.on("request", ({ url }) => asked.push(String(url).replace("/some/folder/", "")));
  const page = await rig.visit();
  await page.waitForSelector("#samples img");
  await openFile(page, "x.png", picture);
  await done(page);
  const { sent } = rig.site;
  const first = asked.length;
  console.log(`first clean picture: ${(sent / 1000).toFixed(0)} kB, of them the model ${(model / 1000).toFixed(0)} kB`);
  expect(sent - model).toBeLessThan(390_000);
  await engineReady(page);
  await page.evaluate(() => navigator.serviceWorker.ready);
  const order = (pattern: RegExp) => asked.findIndex((name) => pattern.test(name));
  expect(order(/^sw\.js/)).toBeGreaterThan(order(/shard1of1|group1/)); // only once the engine is ready
  expect(asked.slice(0, first).filter((name) => /samples\/\w+\.jpg/.test(name))).toEqual([]); // thumbnails only
  // Code and model come side by side: the wasm is asked for before the weights have come.
  expect(Math.abs(order(/\.wasm$/) - order(/photo\/group1/))).toBeLessThan(12);
});
