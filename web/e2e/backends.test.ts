import { expect, test } from "vitest";
import { engineReady, useRig, WEBGPU_FLAGS } from "./browser.ts";

const rig = useRig(WEBGPU_FLAGS);

async function differences(): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  const page = await rig.visit();
  await engineReady(page);
  await page.click("#about-open");
  for (const backend of ["wasm", "webgl", "webgpu"]) {
    await page.selectOption("#backend", backend);
    await page.waitForSelector(`#about-open[data-backend=${backend}]`, { timeout: 180_000 });
    const row = page.locator(`#trials tr[data-backend=${backend}]`);
    expect(await row.getAttribute("data-outcome")).toBe("right");
    found[backend] = Number(await row.getAttribute("data-difference"));
  }
  return found;
}

test("wasm, webgl and webgpu agree with Keras within 2/255 on the 64 x 64 tile", { timeout: 300_000 }, async () => {
  const found = await differences();
  console.log("largest difference from Keras, of 255:", found);
  for (const difference of Object.values(found)) expect(difference).toBeLessThanOrEqual(2);
});

test("every model agrees with Keras, by wasm; a software GPU is passed over", async () => {
  const page = await rig.visit();
  for (const model of ["photo", "color", "gray"]) {
    await page.selectOption("#model", model);
    await page.waitForFunction((name) => document.querySelector("#model-facts")?.textContent?.startsWith(`Model ${name}:`), model);
    await engineReady(page);
    expect(await page.getAttribute("#about-open", "data-backend")).toBe("wasm");
    const row = page.locator("#trials tr[data-backend=wasm]");
    expect(Number(await row.getAttribute("data-difference"))).toBeLessThanOrEqual(2);
  }
  expect(await page.getAttribute("#trials tr[data-backend=webgl]", "data-outcome")).toBe("software");
  const loaded = await page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
  expect(loaded.some((name) => /webgpu|webgl/.test(name))).toBe(false);
});
