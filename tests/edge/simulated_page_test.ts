/** Simulated clusters in Chromium: seeds, actions, links and lessons; the same run as under Deno. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { serveSimulations } from "../../src/cli/page/serve_page.ts";
import { drawPlan, run, runOptionsOf } from "../../src/testing/mod.ts";
import { sha256 } from "../../src/crypto/mod.ts";
import { findChromium, launch } from "./_chromium.ts";
import { all, inspect, one, openTab, PATIENCE, textOf, until, untilText, valueOf } from "./_page_tab.ts";

const found = await findChromium();
if ("missing" in found) console.log(`the tests of the page in a browser are left out: ${found.missing}`);

Deno.test({
  name: "the page in Chromium simulates seeds, what its reader does, and lessons",
  ignore: "missing" in found,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    const page = await serveSimulations({ port: 0 });
    const browser = await launch((found as { path: string }).path);
    try {
      const { tab, errors } = await openTab(browser, `${page.link}#play=4`);
      const key = (name: string) => tab.keyboard.press(name as never);
      /** Opens a link in the tab. */
      const visit = async (link: string) => {
        await valueOf(tab, `void (location.hash = ${JSON.stringify(link)})`);
      };

      await t.step("a seed has the same trace as under Deno", async () => {
        for (const [seed, profile] of [[7, "default"], [3, "byzantine"]] as const) {
          const digest = await valueOf<string>(
            tab,
            `new Promise((resolve, reject) => {
              const worker = new Worker("simulator.js", { type: "module" });
              worker.onmessage = ({ data }) => { worker.terminate(); resolve(data.digest ?? data.failed); };
              worker.onerror = () => reject(new Error("the simulator is not loaded"));
              worker.postMessage({
                id: 1, run: { kind: "seed", seed: ${seed}, profile: "${profile}" }, actions: [], wantsDigest: true,
              });
            })`,
          );
          const { trace } = await run(drawPlan(seed, { profile }), { ...runOptionsOf({}), trace: true });
          assertEquals(digest, sha256(new TextEncoder().encode(trace.join("\n"))), `seed ${seed}`);
        }
      });

      await t.step("a request is asked, drawn and answered; the time is virtual", async () => {
        await key("r");
        await untilText(tab, ".outcome", /SET name Ada is asked at \d+\.\d+ s/);
        await untilText(tab, ".label", /commit 2/);
        await untilText(tab, ".lines", /the client accepts SET name Ada → "OK"/);
        assertMatch(await textOf(tab, ".time-now"), /^\d+\.\d+ s$/);
      });

      await t.step("replicas are stopped, paused, cut off and made to lie by keys", async () => {
        await key("4");
        for (
          const [press, word] of [["p", /paused/], ["p", /well/], ["c", /cut off/], ["c", /well/], [
            "k",
            /stopped/,
          ]] as const
        ) {
          await key(press);
          await untilText(tab, "[data-lane='3'] .state", word);
        }
        await key("1");
        await key("l");
        await untilText(tab, "[data-lane='0'] .state", /lying/);
        await untilText(tab, ".lines", /Apple lies from now on/);
        await inspect(tab, "simulated");
      });

      await t.step("on a phone the lane that a key chooses is scrolled into view", async () => {
        await tab.setViewport({ width: 360, height: 740 });
        const isSeen = (lane: number) =>
          until(
            tab,
            `(([head, diagram]) => head.left >= diagram.left && head.right <= diagram.right && head.right > head.left)(
               [${one(`[data-lane='${lane}']`)}, ${
              one(".diagram .scroll")
            }].map((element) => element.getBoundingClientRect()))`,
          );
        await key("4");
        await isSeen(3);
        await key("1");
        await isSeen(0);
        await key("Escape");
        await tab.setViewport({ width: 1440, height: 900 });
      });

      await t.step("Share copies a link, and it shows the same to somebody else", async () => {
        await key("Space");
        await untilText(tab, ".time-now", /\d\.\d{5} s/);
        await valueOf(tab, `${one("button[aria-label='Copy a link to this']")}.click()`);
        await untilText(tab, ".outcome", /the link is /);
        const link = tab.url();
        assertStringIncludes(link, "#play=4&do=");
        assert(/,lie,0/.test(link) && /&at=\d/.test(link), link);
        const other = await openTab(browser, link);
        await until(other.tab, `${one(".time-now")}.textContent !== ""`);
        const wanted = Number(/&at=([\d.]+)/.exec(link)![1]);
        await key("Escape");
        for (const selector of [".lines", "[data-lane='0'] .state", "[data-lane='3'] .state"]) {
          // The other one plays on from there.
          await until(
            other.tab,
            `${one(selector)}.textContent.startsWith(${JSON.stringify((await textOf(tab, selector)).slice(0, 200))})`,
          );
        }
        const shown = parseFloat(await textOf(other.tab, ".time-now"));
        assert(shown * 1_000 >= wanted - 1, `${shown} s, expected from ${wanted} ms on`);
        assertEquals(other.errors, []);
        await other.tab.close();
      });

      await t.step("what is done in the past undoes what was done later", async () => {
        const before = await textOf(tab, ".lines");
        assertMatch(before, /Apple lies/);
        await valueOf(tab, `${one(".slider")}.value = 5; ${one(".slider")}.dispatchEvent(new Event("input"))`);
        await key("2");
        await key("k");
        await untilText(tab, ".outcome", /Ball: stop at \d+\.\d+ s; what was done later is undone/);
        await key("Space");
        await untilText(tab, "[data-lane='1'] .state", /stopped/);
        assert(!/Apple lies/.test(await textOf(tab, ".lines")));
      });

      await t.step("a seed is opened by a link and by the dialog, stepped and searched", async () => {
        await visit("seed=7&profile=byzantine&at=5000");
        await untilText(tab, ".summary", /seed 7 · view/);
        await untilText(tab, ".lines", /lies from now on/);
        await key("Space");
        const there = await textOf(tab, ".time-now");
        await key("ArrowLeft");
        await until(tab, `${one(".time-now")}.textContent < ${JSON.stringify(there)}`);
        await key("/");
        await tab.keyboard.type("3\n");
        await untilText(tab, ".inspector h2", /Number 3/);
        await key("Escape");
        await key("Escape");
        await tab.select("select[aria-label^=Where]", "seed");
        await until(tab, `${one("#seed")} === document.activeElement`);
        await inspect(tab, "dialog");
        await valueOf(tab, `${one("#seed")}.focus(), ${one("#seed")}.select()`);
        await tab.keyboard.type("12");
        await tab.select("#profile", "crashes");
        await tab.keyboard.press("Enter");
        await valueOf(tab, `${one("dialog[open] .main")}?.click()`);
        await untilText(tab, ".summary", /seed 12/);
        assertStringIncludes(tab.url(), "#seed=12&profile=crashes");
      });

      await t.step("each lesson goes to its end, by keys", async () => {
        const noMotion = () => tab.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "reduce" }]);
        await noMotion();
        await visit("lesson=one-request");
        for (const title of [/^1 · /, /^2 · /, /^3 · /, /^4 · /, /^5 · /]) {
          await untilText(tab, ".lesson h2", title);
          const [, , count] = (await textOf(tab, ".lesson .hint")).split(" ");
          for (let step = 1; step <= Number(count); step++) {
            await untilText(tab, ".lesson .hint", new RegExp(`^${step} of ${count}$`));
            if (step === 4 && /4/.test(title.source)) {
              await inspect(tab, "lesson");
              await noMotion();
            }
            if (step === 2) {
              await valueOf(tab, `${all(".lesson button")}[0].click()`);
              await untilText(tab, ".lesson .hint", /^1 of/);
              await key("n");
              await untilText(tab, ".lesson .hint", /^2 of/);
            }
            await key("n");
          }
        }
        await untilText(tab, ".summary", /^simulated/);
        assertEquals(await valueOf(tab, `${one(".lesson")}.hidden`), true);
      });

      await t.step("a wrong link says which part, and one of another version says so", async () => {
        await visit("seed=seven");
        await untilText(tab, ".trouble", /The link cannot be read: seed: expected a number/);
        await visit("seed=7&profile=nothing");
        await untilText(tab, ".trouble", /profile: expected default, calm/);
        await visit("lesson=nothing");
        await untilText(tab, ".trouble", /there is no lesson nothing/);
        await visit("seed=7&v=0.0.1");
        await untilText(tab, ".trouble", /made by version 0\.0\.1/);
        await visit(`play=4&do=500,request,${encodeURIComponent("SET a <img src=x onerror=alert(1)>")}`);
        await untilText(tab, ".lines", /<img src=x/);
        assertEquals(await valueOf(tab, `${all(".page img")}.length`), 0);
      });

      await t.step("a broken invariant is said in words, and the page goes to it", async () => {
        const liars = [0, 1, 2].map((replica) => `500,lie,${replica}`).join(";");
        const asks = Array.from({ length: 20 }, (_, i) => `${1_000 + 300 * i},request,INCR%20a`).join(";");
        await visit(`play=4&do=${liars};${asks}`);
        await untilText(tab, ".trouble", /BROKEN at \d+\.\d+ s: [a-z ]+\./);
        await key("Space");
        await inspect(tab, "broken");
      });
      assertEquals(errors, []);
      await tab.waitForSelector(".page", PATIENCE);
    } finally {
      await browser.close();
      await page.close();
    }
  },
});
