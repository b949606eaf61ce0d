/** examples/flags in Chromium: flags are evaluated in the page, and change while it is open. */
import { assertEquals, assertMatch } from "@std/assert";
import { percentOf } from "../../examples/flags/evaluate.ts";
import { flags } from "../../examples/flags/machine.ts";
import { createClient } from "../../src/client/mod.ts";
import { startReplicas } from "../examples/_replicas.ts";
import { findChromium, launch } from "./_chromium.ts";
import { PageTab, servePage } from "./_example_page.ts";

const found = await findChromium();
if ("missing" in found) console.log(`the test in a browser is left out: ${found.missing}`);

Deno.test({
  name: "a page in Chromium evaluates flags for whom it is told, and shows changes as they are made",
  ignore: "missing" in found,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using page = await servePage("flags");
    await using replicas = await startReplicas(flags, [page.origin]);
    page.clusterFile = () => Response.json(replicas.cluster);
    const editor = createClient(flags, { cluster: replicas.cluster });
    const browser = await launch((found as { path: string }).path);
    try {
      const opened = await PageTab.open(browser, page.origin);
      const { tab } = opened;
      await opened.untilText("flags", /^No flag yet\.$/);
      await tab.waitForSelector("#again", { hidden: true });

      const set = (percent: number) => {
        const rules = [{ audience: { country: ["de"] }, percent, value: "<i>new</i>" }];
        return editor.set({ name: "checkout", setting: { isOn: true, rules, otherwise: "old" } });
      };
      await set(100);
      const words = await opened.untilText("flags", /^checkout: <i>new<\/i>/);
      assertMatch(words, /rule 1 takes this user, who is at \d+\.\d\d of 100.*1\. 100 % of country de get <i>new<\/i>/);
      assertMatch(words, new RegExp(`at ${percentOf("checkout", "ada").toFixed(2)} of 100`));
      await opened.inspect("flags");

      await tab.focus("#attributes");
      await tab.keyboard.press("End");
      for (const key of ["Backspace", "Backspace", "a", "t"]) await tab.keyboard.press(key as "a");
      await opened.untilText("flags", /^checkout: oldno rule takes this user/);

      await replicas.stop(0);
      await editor.remove("checkout");
      await opened.untilText("flags", /^No flag yet\.$/);
      await opened.untilText("news", /^.+ changed at \d\d:\d\d:\d\d\.$/);

      await replicas.stop(1);
      await opened.untilText("news", /^These flags may be old\.$/);
      await opened.untilText(
        "problem",
        /^2 of 4 replicas answer .* Apple and Ball are not reached\.This page goes on asking\. Start them/,
      );
      assertEquals(await opened.value(`document.getElementById("flags").classList.contains("earlier")`), true);
      assertEquals(opened.errors, []);
    } finally {
      editor.close();
      await browser.close();
    }
  },
});
