/** Bundles for runtimes that don't read deno.json. */
import { root } from "../tools/files.ts";
import { shared } from "../tools/shared.ts";

/** Bundles one module of this repository for workerd; gives the text. */
export async function bundleForWorkerd(path: string): Promise<string> {
  return await bundle(path, ["--platform", "browser", "--external", "node:*", "--external", "cloudflare:*"]);
}

/** Bundles one module for Node and its like. */
export async function bundleForNode(path: string, flags: readonly string[] = []): Promise<string> {
  return await bundle(path, ["--platform", "deno", ...flags]);
}

/** Bundles one module for a page. */
export async function bundleForBrowser(path: string): Promise<string> {
  return await bundle(path, ["--platform", "browser"]);
}

function bundle(path: string, flags: readonly string[]): Promise<string> {
  return shared(["bundle", ...flags, path].join(" "), () => bundleNow(path, flags));
}

async function bundleNow(path: string, flags: readonly string[]): Promise<string> {
  const output = await Deno.makeTempFile({ suffix: ".js" });
  try {
    const args = ["bundle", "--quiet", "--no-lock", "--format", "esm", ...flags, "--output", output, path];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: root, stdout: "null" }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return await Deno.readTextFile(output);
  } finally {
    await Deno.remove(output);
  }
}
