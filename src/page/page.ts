/**
 * The live page: a cluster's messages as they happen, in a browser. Anything that answers HTTP can serve it.
 *
 * The page's sources are in `page/` of the repository, with the DOM's types. They are bundled into `assets.ts` by `deno task page`, so that
 * the package needs no build step, and a test holds that it is current. The simulator for browsers is a script of its own, which a page loads when it is wanted.
 * @module
 */
import { HTML, SCRIPT, STYLE } from "./assets.ts";

/** What a page is told by its server. Paths are relative to the page. */
export interface PageSettings {
  /** Where the events come from, as server-sent events. Left out: there are no replicas, and the page only simulates. */
  readonly feed?: string;
  /** Where the page POSTs the visitor's actions on the cluster. Left out: it can only watch. */
  readonly operate?: string;
  /** The simulator's script, if the server has it. */
  readonly simulator?: string;
  /** The version of the package: a link to a seed names it. */
  readonly version: string;
  /** An operation to begin with, where the machine is not the key-value machine. */
  readonly operation?: string;
}

/** Nothing from other hosts, nothing inline, and in no frame. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; worker-src 'self'; img-src data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The headers of everything that belongs to the page. No token leaves in a `Referer`. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": POLICY,
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-cache",
};

/** Answers the requests for the page's files. */
export type Page = (file: string) => Response | null;

/**
 * Makes the page. The result gives the file of a name below the page's path, such as `page.js`, the page itself for an empty name, and
 * `null` if there is none.
 */
export function createPage(settings: PageSettings): Page {
  const files: Readonly<Record<string, readonly [type: string, text: string]>> = {
    "": ["text/html; charset=utf-8", HTML],
    "page.js": ["text/javascript; charset=utf-8", SCRIPT],
    "page.css": ["text/css; charset=utf-8", STYLE],
    "settings.json": ["application/json", JSON.stringify(settings)],
  };
  return (file) => {
    if (!Object.hasOwn(files, file)) return null;
    const [type, text] = files[file]!;
    return new Response(text, { headers: { ...PAGE_HEADERS, "content-type": type } });
  };
}
