/**
 * The live page, as files of the site.
 * @module
 */
import { createPage, type PageSettings } from "../../../src/page/page.ts";

/** The module that bundles the simulator for browsers. */
const SIMULATOR = new URL("../../../src/cli/page/simulator.ts", import.meta.url);

/** The page's files, by name. A site has no replicas, so the page simulates a cluster. */
export async function livePage(version: string): Promise<ReadonlyMap<string, string>> {
  const simulator = await simulatorScript();
  const settings = { version, ...(simulator === null ? { feed: "feed" } : { simulator: "simulator.js" }) };
  const page = createPage(settings as PageSettings);
  const text = async (file: string) => await page(file)!.text();
  const names = ["page.js", "page.css", "settings.json"];
  const files = await Promise.all(names.map(async (name) => [name, await text(name)] as const));
  return new Map([
    ["index.html", await text("")],
    ...files,
    ...(simulator === null ? [] : [["simulator.js", simulator] as const]),
  ]);
}

/** The simulator's script; `null` if this checkout has none. */
async function simulatorScript(): Promise<string | null> {
  try {
    await Deno.stat(SIMULATOR);
  } catch {
    return null;
  }
  const { simulatorScript } = await import(SIMULATOR.href) as { simulatorScript(): Promise<string> };
  return await simulatorScript();
}
