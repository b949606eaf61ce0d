/** The page that the package contains is the one in `page/`. */
import { assert, assertEquals } from "@std/assert";
import { createSimulationApp } from "../../src/cli/page/simulation_app.ts";

import { VERSION } from "../../src/cli/version.ts";
import { HTML, SCRIPT, STYLE } from "../../src/page/assets.ts";
import { createPage } from "../../src/page/page.ts";
import { assets, packagedSimulator } from "../tools/page.ts";
import { textOf } from "../tools/files.ts";
import { sha256 } from "../../src/crypto/mod.ts";
import { sha256Hex } from "../../page/simulator/sha256.ts";

/** The page without the simulator, and with it, gzipped, bytes. */
const MOST_BYTES = { page: 30_000, all: 150 * 1024 };

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

Deno.test("the page is small, also with the simulator, which it loads when it is wanted", async () => {
  const page = await gzipped(HTML + SCRIPT + STYLE);
  assert(page <= MOST_BYTES.page, `${page} bytes gzipped`);
  const script = await packagedSimulator();
  assert(!/(?:^|[;}\n])import[ {*"]/.test(script), "it is one file");
  const all = page + await gzipped(script);
  assert(all <= MOST_BYTES.all, `${all} bytes gzipped`);
});

Deno.test("the page of `see` has the simulator, and no feed", async () => {
  const app = createSimulationApp("1.2.3", () => Promise.resolve("script"));
  const ask = (path: string, init?: RequestInit) => app.fetch(new Request(`http://127.0.0.1:1110/${path}`, init));
  assertEquals(await (await ask("settings.json")).json(), { simulator: "simulator.js", version: "1.2.3" });
  const script = await ask("simulator.js");
  assertEquals([await script.text(), script.headers.get("content-type")], ["script", "text/javascript"]);
  assert(script.headers.get("content-security-policy")!.includes("default-src 'none'"));
  for (const [path, status, init] of [["x", 404], ["../deno.json", 404], ["", 405, { method: "POST" }]] as const) {
    const response = await ask(path, init);
    await response.body?.cancel();
    assertEquals(response.status, status, path);
  }
  const broken = await createSimulationApp("1", () => Promise.reject(new Error("no bundler"))).fetch(
    new Request("http://127.0.0.1/simulator.js"),
  );
  assertEquals([broken.status, (await broken.json()).detail], [503, "the simulator cannot be made: no bundler"]);
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

Deno.test("the simulator's SHA-256 is SHA-256", () => {
  for (const length of [0, 1, 3, 55, 56, 63, 64, 65, 119, 120, 1_000, 100_000]) {
    const bytes = Uint8Array.from({ length }, (_, i) => i * 31 + length);
    assertEquals(sha256Hex(bytes), sha256(bytes), `${length} bytes`);
  }
});
