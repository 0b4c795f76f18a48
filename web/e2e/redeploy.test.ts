import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { engineReady, useRig } from "./browser.ts";
import { DIST } from "./server.ts";

const rig = useRig();

/** Puts another build on the server: the page has a script of another name, the old one is gone. */
function redeploy(): void {
  const html = readFileSync(join(DIST, "index.html"), "utf8");
  const [script] = /index-[\w-]+\.js/.exec(html) as RegExpExecArray;
  const worker = readFileSync(join(DIST, "sw.js"), "utf8");
  const { changes } = rig.site;
  changes.set("index.html", html.replace(script, "index-NEXTBUILD.js").replace("<body>", '<body data-build="next">'));
  changes.set("assets/index-NEXTBUILD.js", readFileSync(join(DIST, "assets", script)));
  changes.set(`assets/${script}`, null);
  changes.set("models/gray/check.bin", "of the next build");
  changes.set("sw.js", worker.replace(/VERSION = "\w+"/, 'VERSION = "abcdef012345"').replace(script, "index-NEXTBUILD.js"));
}

test("after a redeploy a returning visitor is told, and gets the whole new page, for good", async () => {
  const page = await rig.visit({ serviceWorkers: "allow" });
  await engineReady(page);
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  const later = () => page.evaluate(async () => (await fetch("./models/gray/check.bin")).text()); // not of the first visit
  await later(); // from now on the browser has it, for an hour
  redeploy();
  await page.reload(); // still the old page, out of its cache
  await engineReady(page);
  await page.click("#update button", { timeout: 60_000 });
  await page.waitForSelector('body[data-build="next"]');
  await engineReady(page);
  expect(await later()).toBe("of the next build");
  await page.context().setOffline(true);
  await page.reload();
  await page.waitForSelector('body[data-build="next"]');
  await engineReady(page);
  expect(await page.evaluate(() => caches.keys())).toEqual(["kdae-abcdef012345"]);
  await page.context().setOffline(false);
});
