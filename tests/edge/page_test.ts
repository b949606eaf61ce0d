/** The live page in Chromium, on a cluster of four processes. `PBFT_SCREENSHOTS` may name a folder for pictures. */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { ClusterProcess } from "../e2e/_cluster_process.ts";
import { findChromium, launch } from "./_chromium.ts";
import { all, inspect, one, openTab, PATIENCE, textOf, until, untilText, valueOf } from "./_page_tab.ts";

const found = await findChromium();
if ("missing" in found) console.log(`the tests of the page in a browser are left out: ${found.missing}`);

Deno.test({
  name: "the page in Chromium shows a cluster's messages, stops and cuts off replicas, and obeys its keys",
  ignore: "missing" in found,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    const folder = await Deno.makeTempDir();
    const cluster = await ClusterProcess.start(folder, ["--page", "0"]);
    const [, link] = await cluster.command.out.find(/^See: +(http:\S+)$/);
    const browser = await launch((found as { path: string }).path);
    try {
      const { tab, errors } = await openTab(browser, link!);
      const key = (name: string) => tab.keyboard.press(name as never);

      await t.step("the token leaves the address, and stays for a reload", async () => {
        assert(!tab.url().includes("token"));
        await tab.reload();
        await tab.waitForSelector(".head b", PATIENCE);
        assertMatch(await textOf(tab, ".summary"), /local · view \d+ · primary Apple · quorum 3 of 4/);
      });

      await t.step("a wrong link stays said while the cluster is shown", async () => {
        const { origin } = new URL(tab.url());
        await tab.goto(`${origin}/#lesson=nope`);
        await tab.reload();
        await untilText(tab, ".summary", /local/);
        await untilText(tab, ".trouble", /^The link cannot be read: there is no lesson nope$/);
        await tab.goto(`${origin}/#`);
        await tab.reload();
        await untilText(tab, ".summary", /local/);
        await until(tab, `${one(".trouble")}.hidden`);
      });

      await t.step("a browser that lets a page keep nothing shows it all the same", async () => {
        const other = await browser.newPage();
        await other.evaluateOnNewDocument(
          `Object.defineProperty(window, "sessionStorage", { get() { throw new DOMException("no", "SecurityError"); } })`,
        );
        await other.goto(link!);
        await untilText(other, ".summary", /local · view 0/);
        await other.close();
      });

      await t.step("a request is drawn from the client to its answer, and executed by all", async () => {
        await valueOf(tab, `${one("#operation")}.value = "SET name Ada"`);
        await key("r");
        await untilText(tab, ".outcome", /SET name Ada: "OK"/);
        for (const label of [/commit 1/, /reply 1/]) await untilText(tab, ".label", label);
        await until(tab, `${all("td.executed")}.length >= 4`);
        await untilText(tab, ".lines", /page is answered by \w+: number 1, ok/);
        await untilText(tab, ".plot", /operations\/s/);
      });

      await t.step("keys pause, step, find, choose and help", async () => {
        await key("Space");
        await until(tab, `${one(".player button")}.ariaLabel === "Play (space)"`);
        // Events may be less apart than what is shown of the time.
        for (const arrow of ["ArrowLeft", "ArrowLeft", "ArrowRight"]) {
          const there = await textOf(tab, ".time-now");
          for (let tries = 0; tries < 50 && await textOf(tab, ".time-now") === there; tries++) {
            await key(arrow);
            await valueOf(tab, "new Promise((drawn) => setTimeout(drawn, 100))");
          }
          assertNotEquals(await textOf(tab, ".time-now"), there, arrow);
        }
        await tab.keyboard.down("Shift");
        await key("ArrowLeft");
        await tab.keyboard.up("Shift");
        await untilText(tab, ".inspector h2", /Number 1/);
        for (const label of [/SET name Ada/, /pre-prepare 1/]) await untilText(tab, ".label", label);
        await key("-");
        await until(tab, `${one("select[aria-label^=Speed]")}.value === "0.25"`);
        await key("+");
        await key("/");
        await tab.keyboard.type("1\n");
        await untilText(tab, ".inspector h2", /Number 1/);
        await key("Escape");
        await key("3");
        await untilText(tab, ".inspector h2", /Candy/);
        await key("?");
        assertEquals(await valueOf(tab, `${one("dialog")}.open`), true);
        await key("Escape");
        await key("s");
        assertEquals(await valueOf(tab, `${one("#statuses")}.checked`), true);
        await key("s");
        await key("Escape");
        await untilText(tab, ".inspector h2", /local/);
        await key("0");
        await until(tab, `${one("button[aria-label^=Go]")}.ariaPressed === "true"`);
      });

      await t.step("an arrow can be chosen with the pointer", async () => {
        await tab.waitForSelector("[data-stroke] .hit", PATIENCE);
        await valueOf(tab, `${one("[data-stroke] .hit")}.dispatchEvent(new MouseEvent("click", { bubbles: true }))`);
        await untilText(tab, ".inspector dt", /from/);
        await key("Escape");
      });

      await t.step("a replica is cut off, joined, stopped and started", async () => {
        await key("4");
        for (
          const [press, word] of [["c", /cut off/], ["c", /well/], ["p", /paused/], ["p", /well/], [
            "k",
            /stopped/,
          ]] as const
        ) {
          await key(press);
          await untilText(tab, "[data-lane='3'] .state", word);
        }
        await key("r");
        await untilText(tab, ".lines", /Dog is stopped/);
        await untilText(tab, ".outcome", /OK/);
        await inspect(tab, "stopped");
        await key("k");
        await untilText(tab, "[data-lane='3'] .state", /well/);
      });

      await t.step("many requests at once are folded, and nothing breaks", async () => {
        const names = cluster.names;
        await Promise.all(
          Array.from({ length: 200 }, (_, i) =>
            cluster.req(names[i % 3]!, {
              clientID: `<b>c${i}</b>`,
              operation: `SET k${i} <img src=x onerror=alert(1)>`,
            })),
        );
        await untilText(tab, ".lines", /<b>c\d+<\/b> is answered/);
        assertEquals(await valueOf(tab, `${all(".page img, .lines b, svg b")}.length`), 0);
      });
      assertEquals(errors, []);
    } finally {
      await browser.close();
      await cluster.interrupt();
      await Deno.remove(folder, { recursive: true });
    }
  },
});
