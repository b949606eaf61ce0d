/** examples/browser in Chromium: what it reads and writes, and what it says and does when something is wrong. */
import { assertEquals, assertMatch } from "@std/assert";
import { generateKeyPair } from "../../src/crypto/mod.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import type { ClusterFile } from "../../src/wire/mod.ts";
import { startReplicas } from "../examples/_replicas.ts";
import { findChromium, launch } from "./_chromium.ts";
import { PageTab, servePage } from "./_example_page.ts";

const found = await findChromium();
if ("missing" in found) console.log(`the test in a browser is left out: ${found.missing}`);

const machine = Object.assign(() => new KeyValue(), { version: "key-value/1" });

/** The same members with other keys. */
function foreign({ genesis, urls }: ClusterFile): ClusterFile {
  const replicas = genesis.replicas.map(({ name }) => ({ name, publicKey: generateKeyPair().publicKey }));
  return { genesis: { ...genesis, replicas }, urls };
}

Deno.test({
  name:
    "a page in Chromium reads and writes a cluster, checks the signatures itself, and says what is wrong and what to do",
  ignore: "missing" in found,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await using page = await servePage("browser");
    await using replicas = await startReplicas(machine, [page.origin]);
    const { cluster } = replicas;
    const browser = await launch((found as { path: string }).path);
    try {
      const opened = await PageTab.open(browser, page.origin);
      const { tab } = opened;
      const ask = async (operation: string, how: "order" | "read") => {
        await tab.$eval("input", (input, value) => input.value = value, operation);
        await tab.click(`button[value=${how}]`);
        await opened.until(`document.getElementById("cancel").hidden`);
        return await Promise.all(["result", "proof", "forged", "problem"].map((id) => opened.text(id)));
      };
      const give = async (file: () => Response) => {
        page.clusterFile = file;
        await tab.reload();
      };

      await t.step("a cluster file that is missing, broken, or of another machine", async () => {
        await opened.untilText(
          "problem",
          /^The cluster file is missing: cluster.json gave 404\.Copy it from the cluster/,
        );
        await opened.inspect("browser-missing");
        await give(() => new Response('{"genesis":{}}'));
        await opened.untilText("problem", /^The cluster file is broken: cluster.urls: expected .*Copy it/);
        await give(() => new Response("<h1>not found</h1>"));
        await opened.untilText("problem", /^The cluster file is broken: cluster: expected a cluster file in JSON/);
        await give(() => Response.json({ ...cluster, genesis: { ...cluster.genesis, stateMachine: "bank/1" } }));
        await opened.untilText(
          "problem",
          /^The cluster file is of another cluster: it runs bank\/1, and .* key-value\/1/,
        );
      });

      await t.step("a cluster file with other keys, which the next visit does not take from a cache", async () => {
        const cached = { headers: { "cache-control": "max-age=3600" } };
        await give(() => Response.json(foreign(cluster), cached));
        await opened.untilText("cluster", /Dog$/);
        assertMatch(
          (await ask("GET name", "order"))[3]!,
          /The cluster file may be of another cluster than the one that runs/,
        );
        const before = page.clusterFileReads;
        page.clusterFile = () => Response.json(cluster, cached);
        await tab.goto(page.origin);
        await opened.untilText(
          "cluster",
          /^application: Apple, Ball, Candy, Dog; another one than on your last visit$/,
        );
        assertEquals(page.clusterFileReads, before + 1);
        assertMatch(await opened.text("client"), /^[0-9a-f]{64}$/);
      });

      await t.step("it writes, proves, reads, and is told no", async () => {
        const [written, proof, forged, problem] = await ask("SET name Ada", "order");
        assertEquals([written, problem], [`"OK"`, ""]);
        assertMatch(proof!, /^signed by \w+ and \w+, as number \d+$/);
        assertMatch(forged!, /^reply 0: expected the signature of \w+, got one that is not valid$/);
        assertEquals((await ask("GET name", "read")).slice(0, 2), [`"Ada"`, "a quorum of replicas says so"]);
        assertMatch(
          (await ask("INCR name", "order"))[3]!,
          /^The cluster says no: incr: expected .*Nothing was changed\./,
        );
        assertEquals(await opened.text("result"), `"Ada"`, "the result stays");
        assertEquals(await opened.value(`document.getElementById("result").className`), "earlier");
        await opened.inspect("browser-no");
      });

      await t.step("it sends nothing twice", async () => {
        await opened.value(`document.querySelector("input").value = "INCR clicks"`);
        const busy = await opened.value(
          `(() => { for (let i = 0; i < 5; i++) document.querySelector("form").requestSubmit();
             return [document.querySelector("button").ariaDisabled, document.getElementById("cancel").hidden]; })()`,
        );
        assertEquals(busy, ["true", false]);
        await opened.untilText("result", /^1$/);
        assertEquals((await ask("GET clicks", "read"))[0], `"1"`);
      });

      await t.step("a page whose origin is not named", async () => {
        const outside = await PageTab.open(browser, page.origin.replace("127.0.0.1", "localhost"));
        await outside.untilText("cluster", /Dog$/);
        await outside.tab.click("button[value=order]");
        const words = await outside.untilText("problem", /do not name the origin of this page/);
        assertMatch(
          words,
          /^0 of 4 .* 3 are needed: Apple, Ball, Candy and Dog .* --cors-origins http:\/\/localhost:\d+\.$/,
        );
        await outside.tab.close();
      });

      await t.step("replicas that are down, and giving up with the keyboard", async () => {
        await Promise.all([replicas.stop(1), replicas.stop(2)]);
        await tab.focus("input");
        await tab.keyboard.press("Enter");
        await opened.untilText("waiting", /^asking 4 replicas… \d.\d s; .*not reached: (Ball|Candy)/);
        const words = await opened.untilText("problem", /not reached/);
        assertMatch(
          words,
          /^2 of 4 replicas answer this page, and 3 are needed: Ball and Candy are not reached\.This page goes on/,
        );
        await opened.inspect("browser-down");
        await tab.focus("#cancel");
        await tab.keyboard.press("Enter");
        await opened.untilText("problem", /^Given up\. What was sent may be executed all the same/);
        assertEquals(opened.errors, []);
      });
    } finally {
      await browser.close();
    }
  },
});
