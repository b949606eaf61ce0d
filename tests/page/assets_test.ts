/** The page that the package contains is the one in `page/`. */
import { assert, assertEquals } from "@std/assert";
import { VERSION } from "../../src/cli/version.ts";
import { HTML, SCRIPT, STYLE } from "../../src/page/assets.ts";
import { createPage } from "../../src/page/page.ts";
import { assets } from "../tools/page.ts";
import { textOf } from "../tools/files.ts";

/** The page with everything but the simulator, gzipped, bytes. The simulator has the rest of 150 KB. */
const MOST_BYTES = 26_000;

async function gzipped(text: string): Promise<number> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).arrayBuffer()).byteLength;
}

Deno.test({
  name: "src/page/assets.ts is current: `deno task page` makes the same",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    assertEquals(textOf("src/page/assets.ts"), await assets());
  },
});

Deno.test("the page is small", async () => {
  const bytes = await gzipped(HTML + SCRIPT + STYLE);
  assert(bytes <= MOST_BYTES, `${bytes} bytes gzipped`);
});

Deno.test("the page has no inline script or style, and everything comes with a policy that allows none", async () => {
  assert(!/<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=/.test(HTML), HTML);
  assert(!/\beval\(|new Function|\.innerHTML|insertAdjacentHTML|document\.write/.test(SCRIPT));
  const page = createPage({ feed: "feed", version: VERSION });
  for (const file of ["", "page.js", "page.css", "settings.json"]) {
    const response = page(file)!;
    await response.body?.cancel();
    const policy = response.headers.get("content-security-policy")!;
    assert(
      policy.includes("default-src 'none'") && !policy.includes("unsafe") && policy.includes("frame-ancestors 'none'"),
    );
    assertEquals(response.headers.get("referrer-policy"), "no-referrer");
    assertEquals(response.headers.get("x-content-type-options"), "nosniff");
  }
  for (const file of ["constructor", "__proto__", "../page.ts", "assets.ts"]) assertEquals(page(file), null);
});

Deno.test("VERSION is that of deno.json", () => assertEquals(VERSION, JSON.parse(textOf("deno.json")!).version));
