/** The site of `deno task docs`: its pages and their links, without building it. */
import { assert, assertEquals } from "@std/assert";
import { LESSONS } from "../page/lessons/lessons.ts";
import { textOf } from "./tools/files.ts";
import { anchors, relativeLinks } from "./tools/markdown.ts";
import { deadLinks } from "./tools/docs_site/links.ts";
import { sidebarOf } from "./tools/docs_site/navigation.ts";
import { slugify } from "./tools/docs_site/slug.mjs";
import { mapLinks, pagePath, pagesOf, stage } from "./tools/docs_site/stage.ts";

const staged = stage(() => true);

Deno.test("every page is once in the sidebar, also one that is new", () => {
  const filesIn = (texts: ReadonlyMap<string, string>) =>
    sidebarOf(texts).flatMap(({ pages }) => pages.map(([file]) => file)).sort();
  const texts = pagesOf();
  assertEquals(filesIn(texts), [...texts.keys()].sort());
  const more = new Map([...texts, ["docs/new.md", "# A new page\n"]]);
  assertEquals(sidebarOf(more).at(-1)!.pages.at(-1), ["docs/new.md", "A new page"]);
});

Deno.test("the live page on the site begins with a lesson that there is", () => {
  const frames = [...staged.pages.values()].flatMap((text) => [...text.matchAll(/<iframe [^>]*#lesson=([^"]*)"/g)]);
  assertEquals(frames.map(([, lesson]) => LESSONS.some(({ id }) => id === lesson)), [true]);
});

Deno.test("every link in a page of the site leads to a page, to a heading in it, or to a file", () => {
  const dead: string[] = [];
  for (const [path, text] of staged.pages) {
    for (const link of relativeLinks(text)) {
      const [target = "", anchor] = link.split("#");
      if (/^\/?(?:api|live)\//.test(target)) continue;
      const page = target === "" ? path : target.slice(1);
      const found = staged.pages.get(page);
      const isThere = found === undefined
        ? staged.files.has(page)
        : anchor === undefined || anchors(found).includes(anchor);
      if (!isThere) dead.push(`${path}: ${link}`);
    }
  }
  assertEquals(dead, []);
  assert(staged.pages.size > 20 && staged.files.size > 50, `${staged.pages.size} pages, ${staged.files.size} files`);
});

Deno.test("pages have the places that readers of the repository expect", () => {
  const places = ["README.md", "SECURITY.md", "docs/client.md", "examples/browser/README.md"].map(pagePath);
  assertEquals(places, ["index.md", "security.md", "client.md", "examples/browser.md"]);
  assert(staged.pages.get("index.md")!.includes("](/operate.md)"));
  assert(staged.pages.get("api.md")!.includes("[`Client`](/api/client/~/Client.html)"));
  assert(staged.files.get("source/src/core/config.ts.html")!.includes("export interface Genesis"));
});

Deno.test("links in code are left alone, and code that is a link's text is kept", () => {
  const map = (text: string) => mapLinks(text, (link) => `/${link}`);
  assertEquals(map("[`a](b)`](c.md#d) `[x](y)` ![i](p.svg)"), "[`a](b)`](/c.md#d) `[x](y)` ![i](/p.svg)");
  assertEquals(map("```md\n[x](y)\n```\n[x](y)"), "```md\n[x](y)\n```\n[x](/y)");
  assertEquals(map("[x](https://example.com) [m](mailto:a@b.c)"), "[x](https://example.com) [m](mailto:a@b.c)");
  assertEquals(map("| [`a`](b) | an odd ` |\n| [`c`](d) |"), "| [`a`](/b) | an odd ` |\n| [`c`](/d) |");
});

Deno.test("headings have the same anchors on the site and on GitHub", () => {
  for (const text of pagesOf().values()) {
    const titles = [...text.replaceAll(/^( *)(```+)[^\n]*\n[\s\S]*?^\1\2/gm, "").matchAll(/^#{1,6} +(.+?) *#*$/gm)];
    assertEquals(titles.map(([, title]) => slugify(title!)), anchors(text));
  }
});

Deno.test("the check of a built site finds links to no page, to no id, and out of the site's path", () => {
  const site = new Map<string, string | null>([
    [
      "/index.html",
      `<a href="/edge/a.html#there">a</a><a href="a.html">a</a><img src="/edge/p.svg"><p id="top"><a href="#top">`,
    ],
    [
      "/a.html",
      `<h2 id="there">x</h2><a href="./">up</a><script>const x = '<a href="no.html">';</script><a href="https://x.y/z">`,
    ],
    ["/p.svg", null],
    ["/live/index.html", `<p>`],
    ["/seeing.html", `<iframe src="live/index.html#lesson=one-request">`],
  ]);
  assertEquals(deadLinks(site, "/edge/"), []);
  const broken = new Map([
    ...site,
    [
      "/b.html",
      `<a href="c.html">1</a><a href="a.html#nowhere">2</a><a href="/a.html">3</a><link href="x.css"><a class="n" href="a.html&#x2F;">4</a><a href="live/index.html#no">5</a>`,
    ] as const,
  ]);
  assertEquals(deadLinks(broken, "/edge/"), [
    "/b.html: /a.html",
    "/b.html: a.html#nowhere",
    "/b.html: a.html/",
    "/b.html: c.html",
    "/b.html: live/index.html#no",
    "/b.html: x.css",
  ]);
});

Deno.test("what the site is built with is exact, and names no registry", () => {
  const { dependencies } = JSON.parse(textOf("tests/tools/docs_site/packages.json")!) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const [name, version] of Object.entries(dependencies)) {
    assert(/^\d+\.\d+\.\d+$/.test(version), `${name}@${version}`);
  }
  assert(!textOf("tests/tools/docs_site/packages-lock.json")!.includes('"resolved"'));
});
