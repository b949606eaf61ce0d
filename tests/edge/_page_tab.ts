/** The page in a tab of Chromium, and what tests ask of it. This file has no types of the DOM: expressions are texts. */
import { assert, assertEquals } from "@std/assert";
// deno-lint-ignore no-import-prefix -- as the next one
import type { Browser, Page } from "npm:puppeteer-core@25.16.0";
// deno-lint-ignore no-import-prefix -- in the import map it would be downloaded by everybody who runs a replica
import axe from "npm:axe-core@4.10.3";

const WIDTHS = [360, 768, 1440];
const SCHEMES = ["light", "dark"];
/** How long anything may take. */
export const PATIENCE = { timeout: 30_000 } as const;
/** Between two looks at the page, ms. */
const POLL_MS = 50;

/** Opens a link. The errors of the tab are gathered. */
export async function openTab(browser: Browser, link: string): Promise<{ tab: Page; errors: string[] }> {
  const tab = await browser.newPage();
  const errors: string[] = [];
  tab.on("pageerror", (error) => errors.push(String(error)));
  tab.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await tab.setViewport({ width: 1440, height: 900 });
  await tab.goto(link);
  await tab.waitForSelector(".head b", PATIENCE);
  return { tab, errors };
}

/** The value of an expression in the page. */
export async function valueOf<T>(tab: Page, expression: string): Promise<T> {
  return await tab.evaluate(expression) as T;
}

/** All elements that match, as an expression. */
export function all(selector: string): string {
  return `[...document.querySelectorAll(${JSON.stringify(selector)})]`;
}

/** The first element that matches, as an expression. */
export function one(selector: string): string {
  return `document.querySelector(${JSON.stringify(selector)})`;
}

/** The text of all elements that match. */
export function textOf(tab: Page, selector: string): Promise<string> {
  return valueOf(tab, `${all(selector)}.map((element) => element.textContent).join("\\n")`);
}

/** Waits until an expression is true. */
export function until(tab: Page, expression: string): Promise<unknown> {
  // By default it looks at each frame, and has the browser draw them all.
  return tab.waitForFunction(expression, { ...PATIENCE, polling: POLL_MS });
}

/** Waits until the text of what matches has this pattern. */
export function untilText(tab: Page, selector: string, pattern: RegExp): Promise<unknown> {
  return until(tab, `${pattern}.test(${all(selector)}.map((element) => element.textContent).join("\\n"))`);
}

/**
 * The page at each width and in each scheme: nothing wider than the window, and nothing that axe objects to. `PBFT_SCREENSHOTS` may name a
 * folder for pictures.
 */
export async function inspect(tab: Page, name: string): Promise<void> {
  const folder = Deno.env.get("PBFT_SCREENSHOTS");
  for (const scheme of SCHEMES) {
    await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    for (const width of WIDTHS) {
      await tab.setViewport({ width, height: 900 });
      await until(tab, `innerWidth === ${width}`);
      if (folder) await tab.screenshot({ path: `${folder}/${name}-${scheme}-${width}.png`, fullPage: true });
      const overflow = await valueOf<number>(tab, "document.documentElement.scrollWidth - innerWidth");
      assert(overflow <= 0, `${name}, ${scheme}, ${width} px: ${overflow} px too wide`);
      // Half a megabyte of script: once for a page.
      if (!await valueOf<boolean>(tab, `typeof axe === "object"`)) await tab.evaluate(axe.source);
      const violations = await valueOf<string[]>(
        tab,
        `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" ").slice(0, 300)))`,
      );
      assertEquals(violations, [], `${name}, ${scheme}, ${width} px`);
    }
  }
  await tab.setViewport({ width: 1440, height: 900 });
}
