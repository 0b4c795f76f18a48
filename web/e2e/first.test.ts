import { expect, test } from "vitest";
import { BUDGET, firstVisit, inKilobytes } from "../bench/visit.ts";
import { engineReady, useRig } from "./browser.ts";

const rig = useRig([]);

test("a first visit: at most 1.1 MB until the first picture is clean, the rest later", async () => {
  const { page, ...visit } = await firstVisit(rig.site, () => rig.visitShipped({ serviceWorkers: "allow" }));
  console.log(inKilobytes(visit));
  expect(visit.sent).toBeLessThan(BUDGET);
  const asked = [...visit.asked];
  rig.site.server.on("request", ({ url }) => asked.push(String(url).replace("/some/folder/", "")));
  await engineReady(page);
  await page.evaluate(() => navigator.serviceWorker.ready);
  const order = (pattern: RegExp) => asked.findIndex((name) => pattern.test(name));
  expect(order(/^sw\.js/)).toBeGreaterThan(order(/shard1of1|group1/)); // only once the engine is ready
  expect(visit.asked.filter((name) => /samples\/\w+\.jpg/.test(name))).toEqual([]); // thumbnails only
  // Code and model come side by side: the wasm is asked for before the weights have come.
  expect(Math.abs(order(/\.wasm$/) - order(/photo\/group1/))).toBeLessThan(12);
});
