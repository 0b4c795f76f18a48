import { expect, test } from "vitest";
import { engineReady, makePicture, useRig } from "./browser.ts";

const rig = useRig();

test("what another app shares is cleaned, once; the page says when it works offline, and its worker holds nothing back", async () => {
  const page = await rig.visit({ serviceWorkers: "allow" });
  await engineReady(page);
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await page.waitForFunction(() => /offline/.test(document.querySelector("#toast")?.textContent ?? ""));
  // What it fetches comes through as it arrives: the page shows how much of a model is there.
  let send = () => {};
  rig.site.held.set("models/gray/check.bin", new Promise((resolve) => (send = resolve)));
  const first = await page.evaluate(async () => {
    const body = (await fetch("./models/gray/check.bin")).body as ReadableStream<Uint8Array>;
    return (await body.getReader().read()).value?.length;
  });
  expect(first).toBeGreaterThan(0);
  send();

  const { share_target: target } = await page.evaluate(async () => {
    const link = document.querySelector<HTMLLinkElement>("link[rel=manifest]") as HTMLLinkElement;
    return (await fetch(link.href)).json();
  });
  const picture = (await makePicture(40, 30)).toString("base64");
  // As the system does it, but for the way: a form with the file goes to the address of the manifest.
  const shared = await page.evaluate(
    async ([action, field, base64]) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const form = new FormData();
      form.append(field, new File([bytes], "from phone.png", { type: "image/png" }));
      return (await fetch(action, { method: "POST", body: form, redirect: "manual" })).type;
    },
    [target.action, target.params.files[0].name, picture],
  );
  expect(shared).toBe("opaqueredirect");
  await page.goto(`${rig.url}?#shared`);
  await page.waitForSelector('#strip button[aria-label="from phone.png, done"]', { state: "attached" });
  await page.reload();
  await engineReady(page);
  expect(await page.locator("#strip li").count()).toBe(0);
  expect(await page.isVisible("#toast")).toBe(false); // told once
});
