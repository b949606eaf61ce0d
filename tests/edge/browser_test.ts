import { assertEquals, assertMatch } from "@std/assert";
import { root, textOf } from "../tools/files.ts";
import { ClusterProcess } from "../e2e/_cluster_process.ts";
import { bundleForBrowser } from "./_bundle.ts";
import { findChromium, launch } from "./_chromium.ts";

const found = await findChromium();
if ("missing" in found) console.log(`the test in a browser is left out: ${found.missing}`);

/** The example's page, as any server of files would serve it. */
function servePage(script: string, cluster: () => string): Deno.HttpServer<Deno.NetAddr> {
  const files: Record<string, readonly [string, () => string]> = {
    "/": ["text/html", () => textOf("examples/browser/index.html")!],
    "/main.js": ["text/javascript", () => script],
    "/cluster.json": ["application/json", cluster],
  };
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const [type, text] = files[new URL(request.url).pathname] ?? [];
    return text ? new Response(text(), { headers: { "content-type": type! } }) : new Response(null, { status: 404 });
  });
}

Deno.test({
  name: "a page in Chromium reads and writes a cluster of four processes, and checks the signatures itself",
  ignore: "missing" in found,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const folder = await Deno.makeTempDir();
    const script = await bundleForBrowser(new URL("examples/browser/page.js", root).pathname);
    const page = servePage(script, () => Deno.readTextFileSync(`${folder}/cluster.json`));
    const origin = `http://127.0.0.1:${page.addr.port}`;
    const cluster = await ClusterProcess.start(folder, ["--cors-origins", origin]);
    const browser = await launch((found as { path: string }).path);
    try {
      const tab = await browser.newPage();
      const errors: string[] = [];
      tab.on("pageerror", (error) => errors.push(String(error)));
      const text = (id: string) => tab.$eval(`#${id}`, (element) => element.textContent);
      const ask = async (operation: string, how: "order" | "read") => {
        await tab.$eval("input", (input, value) => input.value = value, operation);
        await tab.click(`button[value=${how}]`);
        await tab.waitForSelector("#result:not(:empty), #error:not(:empty)");
        return await Promise.all(["result", "proof", "forged", "error"].map(text));
      };
      await tab.goto(origin);
      await tab.waitForSelector("#cluster:not(:empty)");
      assertEquals(await text("cluster"), "local: Apple, Ball, Candy, Dog");
      assertMatch((await text("client"))!, /^[0-9a-f]{64}$/);

      const [written, proof, forged, error] = await ask("SET name Ada", "order");
      assertEquals([written, error], [`"OK"`, ""]);
      assertMatch(proof!, /^signed by \w+ and \w+, as number \d+$/);
      assertMatch(forged!, /^reply 0: expected the signature of \w+, got one that is not valid$/);

      assertEquals((await ask("GET name", "read")).slice(0, 2), [`"Ada"`, "a quorum of replicas says so"]);
      assertMatch((await ask("INCR name", "order"))[3]!, /^OperationRejectedError: /);

      // What the page did is there for all, and a page of another origin may not even ask.
      const { Apple } = JSON.parse(await Deno.readTextFile(`${folder}/cluster.json`)).urls;
      const outside = await browser.newPage();
      await outside.goto(`${origin.replace("127.0.0.1", "localhost")}/cluster.json`);
      const seen = await outside.evaluate((url) => fetch(url).then(() => "read", (e) => e.name), `${Apple}/status`);
      assertEquals([seen, errors], ["TypeError", []]);
    } finally {
      await browser.close();
      await cluster.interrupt();
      await page.shutdown();
      await Deno.remove(folder, { recursive: true });
    }
  },
});
