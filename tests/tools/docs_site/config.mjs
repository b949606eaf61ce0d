/** VitePress's settings. `build.ts` writes site.json beside this file. */
import { readFileSync } from "node:fs";
import { slugify } from "./slug.mjs";

const { base, version, sidebar } = JSON.parse(
  readFileSync(new URL("site.json", import.meta.url), "utf8"),
);

export default {
  base,
  title: "@pbft/edge",
  description:
    "Byzantine fault tolerance for the edge: a small replicated state that no single cloud or company can lose or forge.",
  lang: "en",
  lastUpdated: false,
  head: [["link", { rel: "icon", href: "data:," }]],
  markdown: { anchor: { slugify }, toc: { slugify }, headers: { slugify } },
  // deno doc's pages, and those of the live page, are not VitePress's: the check of the built site knows them.
  ignoreDeadLinks: [/^\/(?:api|live|source)\//, /\/openapi/, /^https?:\/\/(?:localhost|127\.0\.0\.1)/],
  themeConfig: {
    siteTitle: "@pbft/edge",
    search: {
      provider: "local",
      options: {
        miniSearch: {
          searchOptions: { boost: { title: 4, text: 1, titles: 2 } },
        },
      },
    },
    outline: [2, 3],
    nav: [
      { text: "Guide", link: "/concepts" },
      { text: "API", link: "/api/index.html", target: "_self" },
      { text: "Live page", link: "/live/index.html", target: "_self" },
      { text: version, link: "/changelog" },
    ],
    sidebar,
  },
};
