/** A real Chromium: the one that CHROMIUM names, the one on the path, or Debian's, which is installed where that may be done. */
// deno-lint-ignore no-import-prefix -- in the import map it would be downloaded by everybody who runs a replica
import puppeteer, { type Browser } from "npm:puppeteer-core@25.16.0";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
/** An installation that takes longer is given up, s. */
const INSTALL_LIMIT_SECONDS = 50;

/** Its path, or why there is none. */
export type Found = { readonly path: string } | { readonly missing: string };

/** Looks for it, and installs it if this is root's Debian. */
export async function findChromium(): Promise<Found> {
  const named = Deno.env.get("CHROMIUM");
  if (named) return await runs(named) ? { path: named } : { missing: `CHROMIUM=${named} is no browser that runs` };
  for (const name of NAMES) if (await runs(name)) return { path: await where(name) };
  if (Deno.build.os !== "linux" || Deno.uid() !== 0 || !await runs("apt-get")) {
    return { missing: "no chromium on the path, and no right to install it; CHROMIUM may name one" };
  }
  const failure = await install();
  if (failure === null && await runs("chromium")) return { path: await where("chromium") };
  return { missing: `apt-get install chromium failed: ${failure}` };
}

/** Starts it, with nothing but what a test needs. */
export function launch(path: string): Promise<Browser> {
  const quiet = ["background-networking", "component-update", "sync", "gpu", "quic", "dev-shm-usage"];
  return puppeteer.launch({
    executablePath: path,
    // Its sandbox does not run as root; it loads one page, of ours.
    args: ["--no-sandbox", "--no-first-run", ...quiet.map((what) => `--disable-${what}`)],
  });
}

async function install(): Promise<string | null> {
  console.log("installing chromium");
  const apt = `export DEBIAN_FRONTEND=noninteractive
    apt-get install -qq -y --no-install-recommends chromium || { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium; }`;
  const args = [String(INSTALL_LIMIT_SECONDS), "sh", "-c", apt];
  const { code, stderr } = await new Deno.Command("timeout", { args, stdin: "null", stdout: "null" }).output();
  if (code === 0) return null;
  return code === 124
    ? `not within ${INSTALL_LIMIT_SECONDS} s`
    : new TextDecoder().decode(stderr).trim().split("\n").at(-1)!;
}

async function runs(command: string): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args: ["--version"], stdout: "null", stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

async function where(name: string): Promise<string> {
  const { stdout } = await new Deno.Command("which", { args: [name] }).output();
  return new TextDecoder().decode(stdout).trim();
}
