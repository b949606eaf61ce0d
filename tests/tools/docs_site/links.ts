/**
 * Checks the links of a built site: every link to a page of its own leads to a file, and to an id in it.
 * @module
 */

/** A site's files: the text of the HTML ones, `null` for others. Paths begin with `/`. */
export type Site = ReadonlyMap<string, string | null>;

/** The links that lead nowhere, each as `PAGE: LINK`. `base`: the path below which the site is served, such as `/edge/`. */
export function deadLinks(site: Site, base = "/"): string[] {
  const idsOf = new Map<string, ReadonlySet<string>>();
  const ids = (path: string) => {
    const known = idsOf.get(path);
    if (known) return known;
    const found = new Set(
      [...site.get(path)!.matchAll(/\s(?:id|name)="([^"]*)"/g)].map(([, id]) => decoded(id!)),
    );
    idsOf.set(path, found);
    return found;
  };
  const dead = new Set<string>();
  for (const [path, html] of site) {
    if (html === null) continue;
    for (const link of linksOf(html)) {
      if (/^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(link)) continue;
      const { pathname, hash } = new URL(
        link,
        `http://site${base.slice(0, -1)}${path}`,
      );
      const target = pathname.startsWith(base)
        ? fileAt(site, `/${decodeURIComponent(pathname.slice(base.length))}`)
        : null;
      const anchor = decodeURIComponent(hash.slice(1));
      // What the live page is to show, as lesson=one-request, is for its program: it is no id.
      const isSetting = target?.startsWith("/live/") === true && anchor.includes("=");
      const isThere = target !== null &&
        (anchor === "" || isSetting || site.get(target) === null || ids(target).has(anchor));
      if (!isThere) dead.add(`${path}: ${link}`);
    }
  }
  return [...dead].sort();
}

/** The targets of links, images, scripts and styles. */
function linksOf(html: string): string[] {
  const tags = html.replaceAll(
    /<(script|style)\b([^>]*)>[\s\S]*?<\/\1>/g,
    "<$1$2>",
  );
  return [...tags.matchAll(/<[a-z][^>]*?\s(?:href|src)="([^"]*)"/g)].map((
    [, link],
  ) => decoded(link!));
}

function fileAt(site: Site, path: string): string | null {
  return [path, `${path}index.html`, `${path}/index.html`, `${path}.html`].find(
    (one) => site.has(one),
  ) ?? null;
}

function decoded(text: string): string {
  return text.replaceAll(
    /&(?:#x([0-9a-f]+)|#(\d+)|amp|quot|lt|gt);/gi,
    (entity, hex, decimal) => {
      if (hex ?? decimal) {
        return String.fromCodePoint(
          parseInt(hex ?? decimal, hex ? 16 : 10),
        );
      }
      return {
        "&amp;": "&",
        "&quot;": '"',
        "&lt;": "<",
        "&gt;": ">",
      }[entity as string] ?? entity;
    },
  );
}
