/** A page of the examples in Chromium: served as its README says, looked at in each width and scheme. `PBFT_SCREENSHOTS` may name a folder. */
import { assert, assertEquals } from "@std/assert";
// deno-lint-ignore no-import-prefix -- as the next one
import type { Browser, Page } from "npm:puppeteer-core@25.16.0";
// deno-lint-ignore no-import-prefix -- in the import map it would be downloaded by everybody who runs a replica
import axe from "npm:axe-core@4.10.3";
import { filesOf, handlerOf } from "../../examples/pages/serve.ts";
import { root } from "../tools/files.ts";

const PATIENCE = { timeout: 30_000 };
const WIDTHS = [360, 1024];
const SCHEMES = ["light", "dark"];

/** A page of the examples that is being served. */
export interface ServedPage extends AsyncDisposable {
  readonly origin: string;
  /** Answers `/cluster.json` from now on. */
  clusterFile: () => Response;
  /** How often it was asked for. */
  clusterFileReads: number;
}

/** Serves it on a port that is free. */
export async function servePage(name: string): Promise<ServedPage> {
  const handler = handlerOf(await filesOf(new URL(`examples/${name}`, root).pathname), "/nowhere");
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    if (new URL(request.url).pathname !== "/cluster.json") return handler(request);
    served.clusterFileReads++;
    return served.clusterFile();
  });
  const served: ServedPage = {
    origin: `http://127.0.0.1:${server.addr.port}`,
    clusterFile: () => new Response("none", { status: 404 }),
    clusterFileReads: 0,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return served;
}

/** A tab with such a page. */
export class PageTab {
  readonly errors: string[] = [];
  private constructor(readonly tab: Page) {}

  static async open(browser: Browser, url: string): Promise<PageTab> {
    const opened = new PageTab(await browser.newPage());
    opened.tab.on("pageerror", (error) => opened.errors.push(String(error)));
    await opened.tab.goto(url);
    return opened;
  }

  text(id: string): Promise<string> {
    return this.value(`document.getElementById(${JSON.stringify(id)}).textContent`);
  }

  /** The value of an expression in the page. This file has no types of the DOM. */
  async value<T>(expression: string): Promise<T> {
    return await this.tab.evaluate(expression) as T;
  }

  /** Waits for a text. */
  async untilText(id: string, pattern: RegExp): Promise<string> {
    const expression = `${pattern}.test(document.getElementById(${JSON.stringify(id)}).textContent)`;
    try {
      await this.tab.waitForFunction(expression, PATIENCE);
    } catch {
      throw new Error(
        `#${id}: expected ${pattern}, got ${await this.text(id)}; problem: ${await this.text("problem")}`,
      );
    }
    return await this.text(id);
  }

  async until(expression: string): Promise<void> {
    await this.tab.waitForFunction(expression, PATIENCE);
  }

  /** At each width and in each scheme: nothing wider than the window, and nothing that axe objects to. */
  async inspect(name: string): Promise<void> {
    const folder = Deno.env.get("PBFT_SCREENSHOTS");
    await this.tab.evaluate(axe.source);
    for (const scheme of SCHEMES) {
      await this.tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      for (const width of WIDTHS) {
        await this.tab.setViewport({ width, height: 800 });
        await this.until(`innerWidth === ${width}`);
        if (folder) await this.tab.screenshot({ path: `${folder}/${name}-${scheme}-${width}.png`, fullPage: true });
        const overflow = await this.value<number>("document.documentElement.scrollWidth - innerWidth");
        assert(overflow <= 0, `${name}, ${scheme}, ${width} px: ${overflow} px too wide`);
        const found = await this.value<string[]>(
          `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" ").slice(0, 300)))`,
        );
        assertEquals(found, [], `${name}, ${scheme}, ${width} px`);
      }
    }
  }
}
