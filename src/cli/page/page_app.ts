/**
 * Serves the live page of a local cluster: the page, the events of all replicas, and the visitor's actions on them.
 *
 * The page can stop replicas and read what clients ask, and any site's page can send requests to this machine. So:
 * - events and actions need the token, which is in the link that the command prints, after `#`: it is in no request's
 *   path and no `Referer`;
 * - the token comes in the header `Authorization`, which a page of another origin may not set, and `Origin` must be
 *   this server if it is there;
 * - `Host` must be this machine's own name, so that no site's name that points here gets anything (DNS rebinding).
 * @module
 */
import { Hono } from "hono";
import { sha256 } from "../../crypto/mod.ts";
import { parseIpAddress } from "../../http/middleware/ip_address.ts";
import { problem } from "../../http/problem.ts";
import { createPage, PAGE_HEADERS, type PageSettings } from "../../page/page.ts";
import type { ClusterFeed } from "./cluster_feed.ts";
import { answerSimulator, SIMULATOR } from "./simulation_app.ts";
import { type Asked, type Operator, OperatorError, parseAsked } from "./operator.ts";

/** Options of {@linkcode createPageApp}. */
export interface PageAppOptions {
  readonly token: string;
  readonly version: string;
  readonly members: readonly { readonly name: string; readonly url: string }[];
  readonly feed: ClusterFeed;
  readonly operator: Operator;
  /** An operation to begin with, where the machine is not the key-value machine. */
  readonly operation?: string | undefined;
  /** The simulator's script. It is asked for when a page wants it. */
  readonly simulator?: () => Promise<string>;
}

/** The largest body of an action, bytes. */
const MAX_BODY = 16_384;
/** How long a request to a replica may take, ms. */
const REQUEST_TIMEOUT_MS = 15_000;

/** Makes it. The result answers requests, as `Deno.serve` and others take it. */
export function createPageApp(
  options: PageAppOptions,
): { readonly fetch: (request: Request) => Response | Promise<Response> } {
  const { token, version, feed, operation, simulator } = options;
  const settings: PageSettings = {
    feed: "feed",
    operate: "operate",
    version,
    ...(operation !== undefined && { operation }),
    ...(simulator && { simulator: SIMULATOR }),
  };
  const page = createPage(settings);
  const expected = sha256(encode(`Bearer ${token}`));
  const app = new Hono();
  app.use(async (c, next) => {
    const wrong = wrongOrigin(c.req.raw);
    return wrong ?? await next();
  });
  const guard = (request: Request): Response | null =>
    sha256(encode(request.headers.get("authorization") ?? "")) === expected ? null : problem("not-a-reader", {
      detail: "expected the token of the link that the command printed; open that link again",
    });
  app.get("/feed", (c) =>
    guard(c.req.raw) ?? feed.open(c.req.header("last-event-id")) ??
      problem("overloaded", { detail: "too many pages read at once; close one" }));
  app.post("/operate", async (c) => guard(c.req.raw) ?? await operate(c.req.raw, options));
  if (simulator) app.get(`/${SIMULATOR}`, () => answerSimulator(simulator));
  app.get("/:file{[a-z.]*}", (c) => page(c.req.param("file")) ?? missing());
  app.get("/", () => page("")!);
  app.notFound(missing);
  return { fetch: (request) => app.fetch(request) };
}

async function operate(request: Request, { operator, members }: PageAppOptions): Promise<Response> {
  if (!/^application\/json\b/.test(request.headers.get("content-type") ?? "")) {
    return problem("malformed", { detail: "content-type: expected application/json" });
  }
  try {
    const asked = parseAsked(parseJson(await readText(request)), members.map(({ name }) => name));
    if (asked.action === "request") return await send(asked, { operator, members });
    await operator.act(asked.action, asked.replica);
    return Response.json({ state: operator.stateOf(asked.replica) }, { headers: PAGE_HEADERS });
  } catch (error) {
    if (error instanceof OperatorError) return problem("malformed", { detail: error.message });
    throw error;
  }
}

/** Gives an operation to a replica that runs: the chosen one if it does. */
async function send(
  { operation, replica }: Extract<Asked, { readonly action: "request" }>,
  { operator, members }: Pick<PageAppOptions, "operator" | "members">,
): Promise<Response> {
  const up = members.filter(({ name }) => operator.stateOf(name) === "running");
  const gateway = up.find(({ name }) => name === replica) ?? up[0];
  if (!gateway) throw new OperatorError("no replica runs that could take the request; start one");
  const response = await fetch(`${gateway.url}/req`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ clientID: "page", operation }),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  }).catch((error) => {
    throw new OperatorError(`${gateway.name} does not answer: ${error.message}`);
  });
  const type = response.headers.get("content-type") ?? "application/json";
  return new Response(await response.text(), {
    status: response.status,
    headers: { ...PAGE_HEADERS, "content-type": type },
  });
}

/** The answer to a request that a page of another site may have made. */
function wrongOrigin(request: Request): Response | null {
  const { host } = new URL(request.url);
  const name = (request.headers.get("host") ?? host).replace(/:\d*$/, "").toLowerCase();
  const address = parseIpAddress(name.replace(/^\[|\]$/g, ""));
  const isOwn = address !== undefined || name === "localhost";
  if (!isOwn) {
    return problem("wrong-host", { detail: `host: expected localhost or an address, got ${name.slice(0, 100)}` });
  }
  const origin = request.headers.get("origin");
  if (origin === null || origin === `http://${request.headers.get("host") ?? host}`) return null;
  return problem("not-a-reader", { detail: "origin: expected this server's own page, got another one" });
}

async function readText(request: Request): Promise<string> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY) throw new OperatorError("the body is too large");
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of request.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_BODY) throw new OperatorError("the body is too large");
  }
  return text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new OperatorError("expected JSON");
  }
}

function missing(): Response {
  return problem("not-found", { detail: "the page is at /" });
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
