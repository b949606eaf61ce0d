/** examples/releases in Chromium: a visitor verifies releases, files and that nothing was changed since the last visit. */
import { assertEquals, assertMatch } from "@std/assert";
import { releases } from "../../examples/releases/machine.ts";
import { digestOf } from "../../examples/releases/verify.ts";
import { createClient, encodeReceipt } from "../../src/client/mod.ts";
import { startReplicas } from "../examples/_replicas.ts";
import { inFolder } from "../tools/folder.ts";
import { findChromium, launch } from "./_chromium.ts";
import { PageTab, servePage } from "./_example_page.ts";

const found = await findChromium();
if ("missing" in found) console.log(`the test in a browser is left out: ${found.missing}`);

Deno.test({
  name: "a visitor's browser verifies releases, files, and that the register has only grown",
  ignore: "missing" in found,
  sanitizeOps: false,
  sanitizeResources: false,
  fn: (t) =>
    inFolder(async (folder) => {
      await using page = await servePage("releases");
      await using replicas = await startReplicas(releases, [page.origin]);
      page.clusterFile = () => Response.json(replicas.cluster);
      const publisher = createClient(releases, { cluster: replicas.cluster });
      const digest = await digestOf(new TextEncoder().encode("content"));
      const publish = (name: string) => publisher.publish.receipt({ name, version: "1.0.0", digest, by: "<b>Ada</b>" });
      const { receipt } = await publish("left-pad");
      const bytes = encodeReceipt(receipt);
      await Deno.writeFile(`${folder}/right.receipt`, bytes);
      bytes[bytes.length - 10]! ^= 1;
      await Deno.writeFile(`${folder}/forged.receipt`, bytes);
      await Deno.writeTextFile(`${folder}/right.tgz`, "content");
      await Deno.writeTextFile(`${folder}/wrong.tgz`, "other content");
      const browser = await launch((found as { path: string }).path);
      try {
        const opened = await PageTab.open(browser, page.origin);
        const { tab } = opened;

        await t.step("the first visit computes all roots, and a release is proven by signatures", async () => {
          await opened.untilText("consistency", /^1 entry, and each root follows from the one before\./);
          await opened.untilText(
            "entries",
            /left-pad 1\.0\.0entry 1, .*, by <b>Ada<\/b> with the key [0-9a-f]{16}…sha256-/,
          );
          await tab.focus("#entries button");
          await tab.keyboard.press("Enter");
          await opened.untilText("entries", /Proven: signed by \w+ and \w+; save the receipt$/);
          await opened.inspect("releases");
        });

        await t.step("a receipt proves a file, and not another one; a forged one proves nothing", async () => {
          const check = async (receipt: string, file: string) => {
            for (const [id, name] of [["receipt", receipt], ["file", file]]) {
              const input = await tab.$(`input#${id}`);
              await input!.uploadFile(`${folder}/${name}`);
            }
            await opened.value(`document.getElementById("checked").textContent = ""`);
            await tab.click("#check button");
            return await opened.untilText("checked", /./);
          };
          assertMatch(
            await check("right.receipt", "right.tgz"),
            /^left-pad 1\.0\.0 is entry 1, published .*, signed by \w+ and \w+\. The file is what was published\.$/,
          );
          assertMatch(
            await check("right.receipt", "wrong.tgz"),
            /^The file is NOT what was published as left-pad 1\.0\.0\.$/,
          );
          assertMatch(await check("forged.receipt", "right.tgz"), /^It is not proven: /);
        });

        await t.step("the next visit goes on from the last one", async () => {
          await publish("right-pad");
          await tab.click("#refresh");
          await opened.untilText("consistency", /^Nothing was changed since .*: 1 entry then, 2 entries now\.$/);
          await publish("other");
          await tab.reload();
          await opened.untilText("consistency", /: 2 entries then, 3 entries now\.$/);
          await opened.untilText("entries", /^other 1\.0\.0.*right-pad 1\.0\.0.*left-pad 1\.0\.0/);
          await tab.type("#filter", "RIGHT");
          await opened.until(`document.querySelectorAll("#entries li").length === 1`);
        });

        await t.step("a register that is not the one of the last visit is reported", async () => {
          await opened.value(
            `(() => { const key = Object.keys(localStorage).find((key) => key.startsWith("register of"));
               localStorage.setItem(key, JSON.stringify({ ...JSON.parse(localStorage.getItem(key)), count: 2 })); })()`,
          );
          await tab.reload();
          const words = await opened.untilText("problem", /^The register is not consistent since/);
          assertMatch(words, /entry 3: expected the root [0-9a-f]{64}, got [0-9a-f]{64}\.Do not trust it\./);
          await opened.inspect("releases-alarm");
          assertEquals(opened.errors, []);
        });

        await t.step("a browser that keeps nothing says so, and verifies all the same", async () => {
          const other = await browser.newPage();
          await other.evaluateOnNewDocument(
            `Object.defineProperty(window, "localStorage", { get() { throw new DOMException("no", "SecurityError"); } })`,
          );
          await other.goto(page.origin);
          await other.waitForFunction(
            `/^3 entries, .* keeps nothing, so it cannot compare visits/.test(document.getElementById("consistency").textContent)`,
            { timeout: 30_000 },
          );
        });

        await t.step("reading that gets no answer is given up at once, with the keyboard", async () => {
          const other = await PageTab.open(browser, page.origin);
          await other.untilText("problem", /^The register is not consistent since/);
          await Promise.all([replicas.stop(1), replicas.stop(2)]);
          // The client's own time limit never comes: only the button can end it.
          await other.value(
            `{ const set = setTimeout; window.setTimeout = (work, ms, ...args) => ms > 5_000 ? 0 : set(work, ms, ...args); }`,
          );
          await other.tab.focus("#refresh");
          await other.tab.keyboard.press("Enter");
          await other.untilText("waiting", /not reached: (Ball|Candy)/);
          await other.tab.focus("#cancel");
          await other.tab.keyboard.press("Enter");
          await other.untilText("problem", /^Given up\. Nothing was changed\.$/);
          assertEquals(other.errors, []);
        });
      } finally {
        publisher.close();
        await browser.close();
      }
    }),
});
