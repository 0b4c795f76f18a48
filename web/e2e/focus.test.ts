import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { chooseModel, done, engineReady, labReady, makePicture, openFile, setRange, useRig } from "./browser.ts";
import { DIST } from "./server.ts";

const rig = useRig();

test("the focus never falls into the void, and what happens is announced", async () => {
  rig.site.changes.set("samples/fig.jpg", readFileSync(join(DIST, "samples/fig-small.jpg"))); // to be done sooner
  const page = await rig.visitShipped();
  const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.ariaLabel);
  await engineReady(page);
  await page.click("[data-sample=fig]");
  // Within the page, as the picture may be clean before a message from here arrives; and once it
  // is read, as before that it cannot be cleaned again.
  await page.waitForFunction(() => {
    const cancel = document.querySelector<HTMLButtonElement>("#job-cancel:not([hidden])");
    if (!cancel || !document.querySelector("#stage:not(.empty)") || document.activeElement?.id !== "stage") return false;
    cancel.focus();
    cancel.click();
    return true;
  });
  expect(await focused()).toBe("job-again");
  expect(await page.textContent("#announce")).toBe("Cancelled");
  await page.keyboard.press("Enter");
  expect(await focused()).toBe("job-cancel");
  await done(page);
  expect(await focused()).toBe("stage"); // the button is gone
  expect(await page.textContent("#announce")).toMatch(/^fig\.png is clean\. Done in /);

  const buffer = await makePicture(40, 30);
  await page.setInputFiles("#file", ["a", "b"].map((name) => ({ name: `${name}.png`, mimeType: "image/png", buffer })));
  await page.waitForSelector('button[aria-label="b.png, done"]');
  await page.click('button[aria-label="a.png, done"]');
  await page.focus('button[aria-label="Remove a.png"]');
  await page.keyboard.press("Enter");
  expect(await focused()).toBe("b.png, done"); // its neighbour, not the first
  expect(await page.getAttribute('button[aria-label="b.png, done"]', "aria-current")).toBe("true");
  await page.click("#close-picture");
  await page.click("#close-picture");
  expect(await page.isVisible("#welcome")).toBe(true);
  expect(await focused()).toBe("choose");
});

test("keys act on the picture that is seen: not on that of another room", async () => {
  const page = await rig.visit();
  await openFile(page, "x.png", await makePicture(40, 30));
  await done(page);
  let downloads = 0;
  page.on("download", () => downloads++);
  // The room changes after the click: a key that comes at once would meet the old one.
  await page.click('nav a[href="#lab"]');
  await page.waitForFunction(() => document.title === "Lab · kdae");
  await page.keyboard.press("Control+s");
  await page.keyboard.press("Control+c");
  await page.waitForTimeout(700);
  expect(downloads).toBe(0);
  expect(await page.isVisible("#toast")).toBe(false); // neither copied nor refused
  await page.click('nav a[href="#clean"]');
  await page.waitForFunction(() => document.title === "Clean pictures · kdae");
  const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Control+S")]); // with Caps Lock
  expect(download.suggestedFilename()).toBe("x-clean.png");
});

test("every room has its title and a heading, the live camera too, and there is a way back to the start", async () => {
  const page = await rig.visit();
  expect(await page.title()).toBe("kdae: noise out, picture stays");
  await openFile(page, "x.png", await makePicture(40, 30));
  await done(page);
  expect(await page.title()).toBe("Clean pictures · kdae");
  await page.click(".mark");
  await page.waitForSelector("#welcome");
  await page.click('nav a[href="#clean"]');
  await page.waitForSelector("#stage");
  await page.click('nav a[href="#lab"]');
  await page.waitForFunction(() => document.title === "Lab · kdae");
  await page.click('nav a[href="#camera"]');
  await page.waitForFunction(() => document.title === "Camera · kdae");
  await page.click("#camera-start");
  await page.waitForFunction(() => /frames/.test(document.querySelector("#camera-rate")?.textContent ?? ""));
  expect(await page.locator("h1:visible, h1.unseen:not([hidden] *)").count()).toBeGreaterThan(0);
  await page.click("#camera-stop");
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("camera-start");
  await page.click('nav a[href="#clean"]');
  await page.click("#close-picture");
  await page.waitForFunction(() => document.title === "kdae: noise out, picture stays");
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("choose");
});

test("leaving during work asks; leaving after it does not", async () => {
  const page = await rig.visitShipped();
  const asked: string[] = [];
  page.on("dialog", (dialog) => {
    asked.push(dialog.type());
    void dialog.accept();
  });
  await openFile(page, "x.png", await makePicture(900, 700));
  await page.click("#zoom-in"); // browsers ask only those who have done something
  await page.waitForSelector('#stage[data-state="working"]');
  await page.reload();
  expect(asked).toEqual(["beforeunload"]);
  await openFile(page, "x.png", await makePicture(40, 30));
  await done(page);
  await page.click("#zoom-in");
  await page.reload();
  expect(asked).toEqual(["beforeunload"]);
});

test("it is seen that something happened: done, a closer look, what was removed, and before while B is held", { timeout: 240_000 }, async () => {
  const page = await rig.visit({ viewport: { width: 600, height: 600 } });
  await openFile(page, "x.png", await makePicture(800, 600));
  await done(page);
  expect(await page.textContent("#job-text")).toMatch(/^Done in /);
  const look = async () => {
    await page.waitForTimeout(300);
    return (await page.locator("#stage").screenshot()).length;
  };
  await page.locator("#job-look").dispatchEvent("click"); // a busy machine may click after it is gone
  await page.locator("#job-look").dispatchEvent("dblclick"); // of a person who clicks twice
  await page.waitForFunction(() => document.querySelector("#zoom-value")?.textContent === "100 %");
  expect(await page.isVisible("#job")).toBe(false);
  await page.focus("#stage .divider");
  await page.keyboard.press("Home");
  const clean = await look();
  await page.keyboard.down("b");
  const before = await look();
  await page.keyboard.up("b");
  expect(before).toBeGreaterThan(clean * 1.2); // noise does not compress
  expect(Math.abs((await look()) / clean - 1)).toBeLessThan(0.05);
  await page.click("#removed");
  const removed = await page.evaluate(() => document.querySelector("#stage")?.className);
  expect(removed).toContain("difference");
  expect(await look()).toBeGreaterThan(clean * 1.2);
});

test("brightness, colour and detail act without a new run, are reset, and go to all", async () => {
  const page = await rig.visit();
  const buffer = await makePicture(200, 200);
  await page.setInputFiles("#file", ["a", "b", "c"].map((name) => ({ name: `${name}.png`, mimeType: "image/png", buffer })));
  await page.waitForFunction(() => document.querySelectorAll('#strip li[data-state="done"]').length === 3);
  await page.click("#adjust summary");
  await setRange(page, "colour", 30);
  await setRange(page, "detail", 40);
  await page.click('button[aria-label="b.png, done"]');
  expect(await page.inputValue("#colour")).toBe("30"); // remembered for the next picture
  await setRange(page, "colour", 60);
  await page.click('button[aria-label="a.png, done"]');
  await page.click("#adjust summary");
  await page.click("#apply-all");
  expect(await page.getAttribute("#stage", "data-state")).toBe("done");
  await page.keyboard.press("Escape");
  expect(await page.evaluate(() => document.activeElement?.parentElement?.id)).toBe("adjust");
  for (const name of ["c", "b"]) {
    await page.click(`button[aria-label="${name}.png, done"]`);
    expect(await page.inputValue("#colour"), name).toBe("30"); // also that which was never looked at
  }
  await page.click("#adjust summary");
  await page.locator("#detail").dblclick();
  expect(await page.inputValue("#detail")).toBe("0");
  await page.click("#reset");
  expect(await page.inputValue("#colour")).toBe("100");
});

test("the browser's language is spoken, another can be chosen, and it is remembered", async () => {
  const page = await rig.visit({ locale: "de-AT" });
  await page.waitForFunction(() => document.documentElement.lang === "de");
  expect(await page.textContent("#choose")).toBe("Bilder wählen");
  await page.click("#more summary");
  await page.selectOption("#language", "ja");
  await page.waitForFunction(() => document.documentElement.lang === "ja");
  await page.reload();
  await page.waitForFunction(() => document.documentElement.lang === "ja");
  await openFile(page, "x.png", await makePicture(40, 30));
  await done(page);
  expect(await page.textContent("#announce")).toContain("x.png のノイズを除去しました");
  expect(await page.getAttribute("#stage .divider", "aria-valuetext")).toContain("%");
  // What was put together is said anew, too.
  await page.click('nav a[href="#lab"]');
  await labReady(page);
  await page.click("#more summary");
  await page.selectOption("#language", "fr");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.querySelector("#lab-inside h3")?.textContent === "Première couche");
  expect(await page.getAttribute("#stage .divider", "aria-valuetext")).toBe("50 % avant, 50 % après");
  await page.click('nav a[href="#clean"]');
  await chooseModel(page, "standin");
  await page.waitForSelector('#stage[data-state="done"][data-model="standin"]');

  // Where pages may store nothing, it is the browser's again.
  await page.context().addInitScript(() => {
    Object.defineProperty(window, "localStorage", {
      get: () => {
        throw new DOMException("denied", "SecurityError");
      },
    });
  });
  await page.reload();
  await page.waitForFunction(() => document.documentElement.lang === "de");
  await page.click("#more summary");
  await page.selectOption("#language", "fr");
  await page.waitForFunction(() => document.documentElement.lang === "fr");
  expect(await page.isVisible("#toast")).toBe(false);
});
