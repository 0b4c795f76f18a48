/**
 * Finds the browser for tests, benchmark and screenshots: `node tools/chromium.ts` prints its
 * path, or one line that says what is missing.
 *
 * In this order: `CHROMIUM`, the system's Chromium or Chrome, the one that the npm package
 * @sparticuz/chromium ships (Linux on x64). `CHROMIUM=npm` asks for the last.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/**
 * Returns the path of a browser that starts.
 *
 * @throws Error when there is none; the message says in one line what was tried.
 */
export async function findChromium(): Promise<string> {
  const named = process.env.CHROMIUM;
  if (named && named !== "npm") {
    const fault = faultOf(named);
    if (fault) throw new Error(`CHROMIUM is ${named}, which does not start: ${fault}`);
    return named;
  }
  // An installed name may be a stub (Ubuntu's asks for a snap), so each is tried.
  const folders = named ? [] : (process.env.PATH ?? "").split(delimiter);
  for (const path of NAMES.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    if (existsSync(path) && !faultOf(path)) return path;
  }
  const wanted = "install Chromium, or name one in CHROMIUM";
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Error(`no browser on the PATH, and the npm package has one for Linux on x64 only: ${wanted}`);
  }
  const path = await unpack();
  const fault = faultOf(path);
  if (fault) throw new Error(`no browser on the PATH, and that of the npm package does not start (${fault}): ${wanted}`);
  return path;
}

/** Why a browser does not start: the first line it prints, or "" when it does. */
function faultOf(path: string): string {
  const { error, status, stderr } = spawnSync(path, ["--version"], { encoding: "utf8", timeout: 30_000 });
  if (!error && status === 0) return "";
  return error?.message ?? (stderr.trim().split("\n")[0] || `it ended with ${status}`);
}

/**
 * Unpacks the package's browser beside the package, once, and returns its path.
 *
 * The package itself unpacks into the folder for temporary files under a name without a
 * version, and takes whatever is there by that name, even half a file. So it is given a
 * folder of its own, which gets its name only when all is in it.
 */
async function unpack(): Promise<string> {
  const { default: chromium, inflate, setupLambdaEnvironment } = await import("@sparticuz/chromium");
  const build = dirname(createRequire(import.meta.url).resolve("@sparticuz/chromium"));
  const ready = join(build, "..", "unpacked");
  if (!existsSync(ready)) {
    const folder = mkdtempSync(`${ready}-`);
    const before = process.env.TMPDIR;
    process.env.TMPDIR = folder;
    try {
      await chromium.executablePath();
      // NSS and expat, which a bare system lacks; the package takes them on Amazon's only.
      await inflate(join(build, "..", "bin", "al2023.tar.br"));
      if (!existsSync(ready)) renameSync(folder, ready);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
      rmSync(folder, { recursive: true, force: true });
    }
  }
  const path = join(ready, "chromium");
  // Shipped fonts and libraries only where the system lacks them.
  if (!existsSync("/etc/fonts")) process.env.FONTCONFIG_PATH ??= join(ready, "fonts");
  if (faultOf(path)) setupLambdaEnvironment(join(ready, "al2023", "lib"));
  return path;
}

if (process.argv[1] === import.meta.filename) {
  try {
    console.log(await findChromium());
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
