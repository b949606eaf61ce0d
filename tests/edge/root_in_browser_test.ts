import { assert, assertEquals } from "@std/assert";
import { bundleForBrowser } from "./_bundle.ts";

Deno.test("a page may import the client from the root: the bundle asks for no node: module, and is hardly larger", async () => {
  const [page, client] = await Promise.all(["tests/edge/_root_page.ts", "src/client/mod.ts"].map(bundleForBrowser));
  assertEquals(page!.match(/(?:from|import|require)\s*\(?\s*["']node:\w+["']/g), null);
  assert(page!.length < 1.2 * client!.length, `${page!.length} characters, the client alone ${client!.length}`);
});
