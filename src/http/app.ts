/**
 * A replica as a Hono app: all of its routes, in one table.
 * @module
 */
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import type { MessageKind } from "../core/messages/messages.ts";
import type { Timer } from "../node/ports.ts";
import { createVerifier } from "../crypto/mod.ts";
import { type AddressOf, connectionAddress } from "./middleware/address.ts";
import { type Admission, admit, clientLimit } from "./middleware/admission.ts";
import { BODY_TIMEOUT_MS, MAX_HELD_BYTES, readOperation, readSigned } from "./middleware/submitter.ts";
import { BodyReader } from "./bodies/body.ts";
import { type Caller, Callers } from "./middleware/callers.ts";
import { Deadlines } from "./bodies/deadlines.ts";
import { EventStreams } from "./routes/events.ts";
import { EXPOSITION_TYPE } from "./routes/exposition.ts";
import { checkHost } from "./middleware/hosts.ts";
import type { HostedNode } from "./hosted_node.ts";
import type { Membership } from "./peers/membership.ts";
import { PeerClocks } from "./peers/peer_clocks.ts";
import { frame, messages, signedAnswer } from "./routes/messages.ts";
import { Metrics } from "./routes/metrics.ts";
import { type ApplicantContext, atMost, type ClientVariables, type Middleware } from "./middleware/context.ts";
import { Pace } from "./middleware/pace.ts";
import { limitNewcomers } from "./middleware/newcomers.ts";
import { PeerSockets, type Upgrade } from "./peers/peer_sockets.ts";
import { Problem, problem } from "./problem.ts";
import { addressLimit, type RateLimit } from "./middleware/rate_limit.ts";
import { admitReaders, type Readers, READERS_ROUTES } from "./middleware/readers.ts";
import { vouchedAnswer } from "./routes/req.ts";
import { evidenceJson, readiness, statusJson, statusText } from "./routes/status.ts";
import { Timestamps } from "./routes/timestamps.ts";

/** What a host may choose; what it leaves out has the value shown. */
export interface AppOptions {
  /** For timeouts and the clock. */
  readonly timer: Timer;
  /** Members' URLs by name, shown in `/status`. */
  readonly urls?: Readonly<Record<string, string>>;
  /** `POST /req` answers 504 after this time without a quorum, ms: 10,000. */
  readonly requestTimeoutMs?: number;
  /** `POST /requests` answers 202 if the request is not executed after this time, ms: 10,000. */
  readonly waitMs?: number;
  /** A body must arrive within this time, ms: 10,000. */
  readonly bodyTimeoutMs?: number;
  /** Requests that wait at `/req`, as many at `/requests` and at `/queries`; more get 429: 2,048. One address gets no more than what is left for others. */
  readonly maxWaiting?: number;
  /** Bytes of request bodies in memory at once: of known clients, as many of strangers, four times as many of members; more get 429: 16 MiB. */
  readonly maxHeldBytes?: number;
  /** Open `/events` streams: 32. */
  readonly maxSubscribers?: number;
  /** Events that wait for one slow subscriber: 256. */
  readonly maxQueuedEvents?: number;
  /** The process's memory in bytes by kind, for `/metrics`. */
  readonly memory?: () => Readonly<Record<string, number>>;
  /**
   * Origins whose pages may use what clients use ({@linkcode CLIENT_ROUTES}), `https://app.example`; `*`: every page's. None: a browser lets
   * no page of another origin ask anything here, nor read an answer.
   */
  readonly corsOrigins?: readonly string[];
  /** Which clients are served: all, `open`. What members pass on is taken from them, whoever asked there. */
  readonly admission?: Admission;
  /** Operations, and reads, of one client: its public key, or at `/req` its name and address. As many as it likes. */
  readonly clientLimit?: RateLimit;
  /** The host's own, before what clients submit is taken, and after all of the above: `c.var.submitter` says who submits, and what. None. */
  readonly middleware?: readonly Middleware[];
  /** Requests to {@linkcode CLIENT_ROUTES} from one address, or one network of 64 bits if it is IPv6. As many as it likes. */
  readonly addressLimit?: RateLimit;
  /** Tells the address: that of the connection; `addressFromHeader` for a host behind proxies. */
  readonly address?: AddressOf;
  /**
   * Who may read {@linkcode READERS_ROUTES}, beside the replica's own machine and the other members: `everybody`, or who comes from named addresses or
   * brings a token. Nobody.
   */
  readonly readers?: Readers;
  /** Names by which the replica is called from its own machine and network, beside those in {@linkcode urls}; `*`: any. None. */
  readonly hosts?: readonly string[];
  /** Tells the other members from strangers, so that these have budgets of their own. None: all who come share one. */
  readonly membership?: Membership;
  /** Lets members, which {@linkcode membership} tells, open WebSockets at `GET /messages`; `Deno.upgradeWebSocket`. None: they POST. */
  readonly upgradeWebSocket?: Upgrade;
  /** Hears of a defect that was answered with 500. */
  readonly onInternalError?: (error: Error) => void;
  /** Ends event streams and timers. */
  readonly signal?: AbortSignal;
}

/**
 * The routes as an app: a Hono app, of which its public type shows what a host needs, so that a host's own version of
 * Hono does not matter. It is mounted in another one by `parent.mount("/apple", app.fetch)`.
 */
export interface ReplicaApp {
  /** Answers a request; what `Deno.serve` and its like take. `connection`: what they give beside it, see {@linkcode AppOptions.address}. */
  readonly fetch: (request: Request, connection?: unknown) => Response | Promise<Response>;
  /** Answers a request without a server, for tests; a path will do. */
  readonly request: (input: string | URL | Request, init?: RequestInit) => Response | Promise<Response>;
}

/** The routes that clients use. Only these are limited per address: members that share a cloud may share their addresses with anybody. */
export const CLIENT_ROUTES: readonly string[] = ["/req", "/requests", "/queries", "/status", "/evidence", "/events"];

/** A browser may remember for so long that it may ask. */
const CORS_MAX_AGE_SECONDS = 600;

/**
 * Answers to one address where nothing of use was asked: 100 to 200 us each, so some 15 % of a core. A monitor is far below. The burst is work of some 50 ms: more
 * at once would hold up the votes.
 */
const PACE = { perSecond: 1_000, burst: 250 };
/** What reading a body may cost, as a multiple of a small request, before its sender is held to its pace. */
const MAX_FREE_COST = 4;

interface Env {
  Variables: ClientVariables;
}

type Handler = (context: Context<Env>) => Response | Promise<Response>;

/** What a route has for a method: what stands before, in order, and what answers. */
type Chain = readonly [...MiddlewareHandler<Env>[], Handler];

/**
 * Puts a node on the web. The app answers what is in the table, and everything else with a problem (RFC 9457).
 * @example
 * ```ts ignore
 * import { createApp } from "@pbft/edge/hono";
 * Deno.serve(createApp(node, { timer }).fetch);
 * ```
 */
export function createApp(node: HostedNode, options: AppOptions): ReplicaApp {
  const { timer, signal } = options;
  const maxWaiting = options.maxWaiting ?? 2048;
  const bodyDeadlines = new Deadlines(timer, options.bodyTimeoutMs ?? BODY_TIMEOUT_MS);
  const gatewayDeadlines = new Deadlines(timer, options.requestTimeoutMs ?? 10_000);
  const executions = new Deadlines(timer, options.waitMs ?? 10_000);
  const bodies = new BodyReader({ deadlines: bodyDeadlines, maxHeldBytes: options.maxHeldBytes ?? MAX_HELD_BYTES });
  const clocks = new PeerClocks({
    n: node.genesis.replicas.length,
    timer,
    onTrouble: (trouble) => node.report?.(trouble),
  });
  const metrics = new Metrics({ node, timer, clocks, memory: options.memory });
  const events = new EventStreams({
    timer,
    maxQueued: options.maxQueuedEvents ?? 256,
    maxSubscribers: options.maxSubscribers ?? 32,
    keepAliveMs: 15_000,
  });
  const callers = new Callers({ ...options, clocks });
  const pace = new Pace({ timer, ...PACE });
  const timestamps = new Timestamps(node.self, node.genesis.replicas.length, () => timer.now());
  const nextTimestamp = (name: string) =>
    timestamps.next(node.lastOf?.(name) ?? { timestamp: -1, agreedTime: node.status().replica.agreedTime });
  const rules = clientRules(options);
  const newcomers = limitNewcomers(node.genesis, timer);
  const taking = { node, bodies, isOpen: rules.length === 0, verifier: createVerifier(node.cluster) };
  const onSubmitted: Handler = ({ var: { submitter, caller } }) =>
    submitter.kind === "operation"
      ? vouchedAnswer(submitter.asked, { node, deadlines: gatewayDeadlines })
      : signedAnswer(submitter, { node, executions }, () => callers.served(caller));
  const submitted = (read: Middleware<ApplicantContext>): Chain => [
    read,
    atMost(maxWaiting),
    ...rules,
    newcomers,
    onSubmitted,
  ];
  const { upgradeWebSocket: upgrade } = options;
  const sockets = upgrade && new PeerSockets({ ...taking, upgrade, timer });
  const onFrame = (kind: MessageKind): Handler => (c) => frame(c.req.raw, kind, { ...taking, caller: c.var.caller });
  const view = () => ({ node, clocks, urls: options.urls ?? {}, now: timer.now() });

  const table: Readonly<Record<string, { readonly GET?: Chain; readonly POST?: Chain }>> = {
    "/req": { POST: submitted(readOperation(node, nextTimestamp, bodies)) },
    "/preprepare": { POST: [onFrame("pre-prepare")] },
    "/prepare": { POST: [onFrame("prepare")] },
    "/commit": { POST: [onFrame("commit")] },
    "/reply": { POST: [onFrame("reply")] },
    "/messages": {
      POST: [(c) => messages(c.req.raw, { ...taking, caller: c.var.caller })],
      ...(sockets && { GET: [(c) => sockets.accept(c.req.raw, c.var.caller.proof?.member ?? null)] }),
    },
    "/requests": { POST: submitted(readSigned(node, "request", bodies)) },
    "/queries": { POST: submitted(readSigned(node, "query", bodies)) },
    "/status": {
      GET: [(c) => c.req.query("pretty") === undefined ? c.json(statusJson(view())) : c.text(statusText(view()))],
    },
    "/evidence": { GET: [(c) => c.json(evidenceJson(node))] },
    "/healthz": { GET: [(c) => c.text("alive\n")] },
    "/readyz": { GET: [(c) => ready(c, node)] },
    "/metrics": { GET: [(c) => c.body(metrics.text(), 200, { "content-type": EXPOSITION_TYPE })] },
    // Nobody would read, or end, the stream that answers a HEAD.
    "/events": { GET: [(c) => c.req.raw.method === "HEAD" ? c.body(null) : events.subscribe(c.var.caller.network)] },
  };

  const forget = [node.observe(metrics), node.observe(events)];
  signal?.addEventListener("abort", () => {
    for (const remove of forget) remove();
    for (const part of [events, bodyDeadlines, gatewayDeadlines, executions, sockets]) part?.close();
  }, { once: true });

  const app = new Hono<Env>();
  app.use(async (c, next) => {
    const caller = await callers.of(c.req.raw, c.env);
    c.set("caller", caller);
    const isRead = c.req.method !== "POST";
    if (isRead) await pace.turn(caller.network);
    await next();
    if (!c.req.raw.bodyUsed) await bodies.discard(c.req.raw, caller);
    if (!isRead && isPaced(c.res.status, caller)) await pace.turn(caller.network, caller.cost);
    const route = Object.hasOwn(table, c.req.path) ? c.req.path : "other";
    metrics.onHttp(route, METHODS.has(c.req.method) ? c.req.method : "other", c.res.status);
  });
  app.use(checkHost(options));
  const { readers = {}, address } = options;
  if (readers !== "everybody") { for (const path of READERS_ROUTES) app.use(path, admitReaders(readers, address)); }
  for (const guard of guards(options)) for (const path of CLIENT_ROUTES) app.use(path, guard);
  for (const [path, handlers] of Object.entries(table)) {
    for (const [method, chain] of Object.entries(handlers)) app.on(method, [path], ...chain);
    const allow = "POST" in handlers ? "POST" : "GET, HEAD";
    app.all(path, (c) => methodNotAllowed(c, allow));
  }
  app.notFound((c) => problem("not-found", { detail: `no route ${c.req.path}`, more: { routes: Object.keys(table) } }));
  app.onError((error) => {
    if (error instanceof Problem) return error.toResponse();
    options.onInternalError?.(error);
    return problem("internal-error", { detail: `${error.name}: ${error.message}` });
  });
  return app;
}

/** Whether an answer waits for its turn: one to what was refused, or was sent in a way that costs much. What is taken does not. */
function isPaced(status: number, { kind, cost }: Caller): boolean {
  return kind !== "member" && (status >= 400 || cost > MAX_FREE_COST);
}

/** What stands before the clients' routes. CORS first: a page is to see why it was refused. */
function guards({ corsOrigins = [], addressLimit: limit, address = connectionAddress, timer }: AppOptions) {
  const guards: MiddlewareHandler[] = [];
  if (corsOrigins.length > 0) {
    guards.push(cors({
      origin: corsOrigins.includes("*") ? "*" : [...corsOrigins],
      allowMethods: ["GET", "POST"],
      allowHeaders: ["content-type"],
      exposeHeaders: ["retry-after"],
      maxAge: CORS_MAX_AGE_SECONDS,
    }));
  }
  if (limit) guards.push(addressLimit(address, { limit, timer }));
  return guards;
}

/** What stands between who submits something and the replica. */
function clientRules(options: AppOptions): readonly Middleware[] {
  const { admission = "open", clientLimit: limit, address, timer, middleware = [] } = options;
  return [
    ...(admission === "open" ? [] : [admit(admission)]),
    ...(limit ? [clientLimit({ limit, timer, ...(address && { address }) })] : []),
    ...middleware,
  ];
}

/** Methods that are counted by name. */
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

function ready(c: Context, node: HostedNode): Response {
  const { ready, reason } = readiness(node);
  return ready ? c.text("ready\n") : problem("unavailable", { detail: reason });
}

function methodNotAllowed(c: Context, allow: string): Response {
  const { method, path } = c.req;
  return problem("method-not-allowed", {
    detail: `${path} takes ${allow}`,
    expected: allow,
    got: method,
    headers: { allow },
  });
}
