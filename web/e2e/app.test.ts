import { expect, test } from "vitest";
import { done, engineReady, makePicture, openFile, useRig } from "./browser.ts";

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

  // The worker takes what lies beside the page for what it is.
  await page.click("#about-open");
  const [licence] = await Promise.all([page.context().waitForEvent("page"), page.click('#about a[href$="libheif-js.txt"]')]);
  await licence.waitForLoadState();
  expect(await licence.textContent("body")).toMatch(/LESSER GENERAL PUBLIC LICENSE/i);
});

test("a result is shared with other apps; one that takes longer than browsers wait, with a second click", async () => {
  const page = await rig.visit();
  await page.context().addInitScript(() => {
    const shared: { names: string[]; sizes: number[] }[] = [];
    const late = [new DOMException("too late", "NotAllowedError"), new DOMException("", "AbortError")];
    Object.assign(window, { shared });
    Object.assign(navigator, {
      canShare: () => true,
      share: async ({ files }: { files: File[] }) => {
        shared.push({ names: files.map(({ name }) => name), sizes: files.map(({ size }) => size) });
        const error = [late[0], undefined, late[1]][shared.length - 1];
        if (error) throw error;
      },
    });
  });
  await page.reload();
  await openFile(page, "from phone.png", await makePicture(60, 40));
  await done(page);
  const shared = (count: number) => page.waitForFunction((count) => (window as unknown as { shared: object[] }).shared.length === count, count);
  const idle = () => page.waitForSelector("#share:not([aria-busy])");
  await page.click("#share");
  await page.waitForFunction(() => /press Share again/.test(document.querySelector("#toast")?.textContent ?? ""));
  await page.click("#toast button");
  for (const count of [2, 3]) {
    await idle();
    await page.click("#share");
    await shared(count);
  }
  await idle();
  expect(await page.isVisible("#toast")).toBe(false); // who changes their mind is not told of it
  const all = await page.evaluate(() => (window as unknown as { shared: { names: string[]; sizes: number[] }[] }).shared);
  expect(all.map(({ names }) => names)).toEqual(Array(3).fill(["from phone-clean.png"]));
  expect(new Set(all.map(({ sizes }) => sizes[0])).size).toBe(1);
  expect(all[0].sizes[0]).toBeGreaterThan(100);
});

test("it is offered to install the page, and files are opened with it", async () => {
  const page = await rig.visit();
  const base64 = (await makePicture(40, 30)).toString("base64");
  await page.context().addInitScript((base64) => {
    const setConsumer = (take: (launch: object) => void) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      setTimeout(() => take({ files: [{ getFile: async () => new File([bytes], "opened.png", { type: "image/png" }) }] }));
    };
    Object.defineProperty(window, "launchQueue", { value: { setConsumer } });
  }, base64);
  await page.reload();
  await page.waitForSelector('#strip button[aria-label="opened.png, done"]', { state: "attached" });
  await page.click("#more summary");
  expect(await page.isVisible("#install")).toBe(false);
  await page.evaluate(() => {
    const event = new Event("beforeinstallprompt", { cancelable: true });
    window.dispatchEvent(Object.assign(event, { prompt: async () => document.body.setAttribute("data-prompted", "yes") }));
  });
  await page.click("#install");
  await page.waitForSelector("body[data-prompted=yes]");
  await page.evaluate(() => window.dispatchEvent(new Event("appinstalled")));
  expect(await page.isVisible("#install")).toBe(false);
});
