/**
 * The HTTP interface of a replica: a Hono app with all routes in one table.
 * @module
 */
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { createVerifier } from "../crypto/mod.ts";
import { connectionAddress } from "./middleware/address.ts";
import { admit, clientLimit } from "./middleware/admission.ts";
import { BODY_TIMEOUT_MS, MAX_HELD_BYTES, readOperation, readSigned } from "./middleware/submitter.ts";
import { BodyReader } from "./bodies/body.ts";
import { Callers } from "./middleware/callers.ts";
import { Deadlines } from "./bodies/deadlines.ts";
import { epochRoutes, onlyEpochOf } from "./routes/epochs.ts";
import { EventStreams } from "./routes/events.ts";
import { EXPOSITION_TYPE } from "./routes/exposition.ts";
import { checkHost } from "./middleware/hosts.ts";
import type { AppOptions } from "./app_options.ts";
import type { HostEvent } from "../node/host_event.ts";
import type { HostedNode } from "./hosted_node.ts";
import { openApiDocument } from "./openapi/document.ts";
import { MemberConduct } from "./peers/conduct.ts";
import { PeerClocks } from "./peers/peer_clocks.ts";
import { refuseHttp2 } from "./connections/http2.ts";
import { Pipelining } from "./connections/pipelining.ts";
import { goPbftRoutes } from "./routes/gopbft.ts";
import { messages, signedResponse } from "./routes/messages.ts";
import { Metrics } from "./routes/metrics.ts";
import { atMost, type ClientVariables, type Middleware, type SubmitterContext } from "./middleware/context.ts";
import { Pacing } from "./middleware/throttle.ts";
import { limitNewClients } from "./middleware/client_quota.ts";
import { PeerSockets } from "./peers/peer_sockets.ts";
import { Problem, problem, shorten } from "./problem.ts";
import { addressLimit } from "./middleware/rate_limit.ts";
import { admitReaders, READERS_ROUTES } from "./middleware/readers.ts";
import { gatewayResponse } from "./routes/req.ts";
import { SNAPSHOT_ROUTES, snapshotBlobs, snapshotHead } from "./routes/snapshot.ts";
import { evidenceJson, readiness, statusJson, statusText } from "./routes/status.ts";
import { Timestamps } from "./routes/timestamps.ts";
import { WatchStreams } from "./watch/streams.ts";

/**
 * The app of a replica. The type shows only what a host needs of a Hono app, so the host may use another version of
 * Hono. To mount it in another app: `parent.mount("/apple", app.fetch)`.
 */
export interface ReplicaApp {
  /**
   * Answers a request; the handler for `Deno.serve` and similar servers. `connection`: what the server passes beside
   * the request, see {@linkcode AppOptions.address}.
   */
  readonly fetch: (request: Request, connection?: unknown) => Response | Promise<Response>;
  /** Answers a request without a server, for tests. `input` may be a path. */
  readonly request: (input: string | URL | Request, init?: RequestInit) => Response | Promise<Response>;
}

/**
 * The routes for clients. Only these have the limit per address: members in the same cloud may share their addresses
 * with strangers.
 */
export const CLIENT_ROUTES: readonly string[] = [
  "/req",
  "/requests",
  "/queries",
  "/watch",
  "/status",
  "/evidence",
  "/events",
  "/epochs",
];

/** How long a browser may cache the answer to a CORS preflight request. */
const CORS_MAX_AGE_SECONDS = 600;

/** The files of the live page; the first one is the page itself. */
const PAGE_FILES = ["", "page.js", "page.css", "settings.json"];

/** An app that tells what it holds. @internal */
export interface MeasuredApp {
  readonly app: ReplicaApp;
  readonly usage: () => Readonly<Record<string, number>>;
}

interface Env {
  Variables: ClientVariables;
}

type Handler = (context: Context<Env>) => Response | Promise<Response>;

/** Made at the first request for it. */
let description: string | undefined;

/** The handlers of one method of a route: middleware in order, then the handler that answers. */
type Chain = readonly [...MiddlewareHandler<Env>[], Handler];

/**
 * Makes the HTTP interface of a node. Routes that are not in the table, and all errors, are answered with a problem
 * (RFC 9457).
 * @example
 * ```ts ignore
 * import { createApp } from "@pbft/edge/hono";
 * Deno.serve(createApp(node, { timer }).fetch);
 * ```
 */
export function createApp(node: HostedNode, options: AppOptions): ReplicaApp {
  return createMeasuredApp(node, options).app;
}

/** As {@linkcode createApp}, with what the app holds, by its name: for tests. @internal */
export function createMeasuredApp(node: HostedNode, options: AppOptions): MeasuredApp {
  const { timer, signal } = options;
  const maxWaiting = options.maxWaiting ?? 2048;
  const bodyDeadlines = new Deadlines(timer, options.bodyTimeoutMs ?? BODY_TIMEOUT_MS);
  const gatewayDeadlines = new Deadlines(timer, options.requestTimeoutMs ?? 10_000);
  const executions = new Deadlines(timer, options.waitMs ?? 10_000);
  const bodies = new BodyReader({ deadlines: bodyDeadlines, maxHeldBytes: options.maxHeldBytes ?? MAX_HELD_BYTES });
  const onHostEvent = (event: HostEvent) => node.report?.(event);
  const clocks = new PeerClocks({ n: node.genesis.replicas.length, timer, onHostEvent });
  const conduct = new MemberConduct({ timer, onHostEvent });
  const metrics = new Metrics({ node, timer, clocks, memory: options.memory });
  const events = new EventStreams({
    node,
    timer,
    hasPayloads: options.hasEventPayloads ?? false,
    maxQueued: options.maxQueuedEvents ?? 256,
    maxSubscribers: options.maxSubscribers ?? 32,
    keepAliveMs: 15_000,
  });
  const watches = new WatchStreams({ node, timer, maxWatchers: options.maxWatchers ?? 256, keepAliveMs: 15_000 });
  const callers = new Callers({ ...options, conduct, clocks });
  const pacing = new Pacing(timer);
  const pipelining = new Pipelining();
  const timestamps = new Timestamps(node.self, node.genesis.replicas.length, () => timer.now());
  const nextTimestamp = (name: string) =>
    timestamps.next(node.lastOf?.(name) ?? { timestamp: -1, agreedTime: node.status().replica.agreedTime });
  const rules = clientRules(options);
  const newClients = limitNewClients({
    genesis: node.genesis,
    hasSession: (client, session) => node.hasSession?.(client, session),
  }, timer);
  const memberRoutes = {
    node,
    bodies,
    isOpen: rules.length === 0,
    verifier: createVerifier(node.epoch?.context ?? node.cluster, node.epoch?.number),
    conduct,
  };
  const onSubmitted: Handler = ({ var: { submitter, caller } }) =>
    submitter.kind === "operation"
      ? gatewayResponse(submitter.asked, { node, deadlines: gatewayDeadlines })
      : signedResponse(submitter, { node, executions }, () => callers.served(caller));
  const submitted = (read: Middleware<SubmitterContext>): Chain => [
    read,
    atMost(maxWaiting),
    ...rules,
    newClients,
    onSubmitted,
  ];
  const { upgradeWebSocket: upgrade } = options;
  const sockets = upgrade && new PeerSockets({ ...memberRoutes, upgrade, timer });
  const view = () => ({ node, clocks, urls: options.urls ?? {}, now: timer.now() });

  const { epochs = onlyEpochOf(node) } = options;

  const table: Readonly<Record<string, { readonly GET?: Chain; readonly POST?: Chain }>> = {
    "/req": { POST: submitted(readOperation(node, nextTimestamp, bodies)) },
    ...goPbftRoutes(memberRoutes),
    "/messages": {
      POST: [(c) => messages(c.req.raw, { ...memberRoutes, caller: c.var.caller })],
      ...(sockets && { GET: [(c) => sockets.accept(c.req.raw, c.var.caller.proof?.member ?? null)] }),
    },
    "/requests": { POST: submitted(readSigned(node, "request", bodies)) },
    "/queries": { POST: submitted(readSigned(node, "query", bodies)) },
    "/status": {
      GET: [(c) => c.req.query("pretty") === undefined ? c.json(statusJson(view())) : c.text(statusText(view()))],
    },
    "/watch": { GET: [(c) => watches.answer(c.req.raw, c.var.caller.network)] },
    "/evidence": { GET: [async (c) => c.json(await evidenceJson(node, epochs))] },
    "/snapshot": { GET: [() => snapshotHead(node)] },
    "/snapshot/blobs": { POST: [({ req, var: { caller } }) => snapshotBlobs(req.raw, { node, bodies, caller })] },
    "/openapi.json": {
      GET: [
        (c) => c.body(description ??= JSON.stringify(openApiDocument()), 200, { "content-type": "application/json" }),
      ],
    },
    ...epochRoutes({ epochs, bodies }),
    "/healthz": { GET: [(c) => c.text("alive\n")] },
    "/readyz": { GET: [(c) => ready(c, node)] },
    ...pageRoutes(options.page),
    "/metrics": { GET: [(c) => c.body(metrics.text(), 200, { "content-type": EXPOSITION_TYPE })] },
    // A HEAD has no body: a stream for it would never be read or closed.
    "/events": {
      GET: [(c) => {
        if (c.req.raw.method === "HEAD") return c.body(null);
        const messages = c.req.query("messages") !== undefined;
        return events.subscribe({ network: c.var.caller.network, messages, after: c.req.header("last-event-id") });
      }],
    },
  };

  const forget = [node.observe(metrics), node.observe(events)];
  signal?.addEventListener("abort", () => {
    for (const remove of forget) remove();
    for (const part of [events, watches, bodyDeadlines, gatewayDeadlines, executions, sockets]) part?.close();
  }, { once: true });

  const app = new Hono<Env>();
  if (!options.isMultiplexed) app.use(refuseHttp2(timer));
  app.use(async (c, next) => {
    if (!await pipelining.turn(c.env)) return c.body(null, 400);
    const caller = await callers.of(c.req.raw, c.env);
    c.set("caller", caller);
    await pacing.before(c.req, caller);
    await next();
    if (!c.req.raw.bodyUsed) await bodies.discard(c.req.raw, caller);
    await pacing.after(c.req.method, caller, c.res.status);
    const route = Object.hasOwn(table, c.req.path) ? c.req.path : "other";
    metrics.onHttp(route, METHODS.has(c.req.method) ? c.req.method : "other", c.res.status);
  });
  app.use(checkHost(options));
  const { readers = {}, address } = options;
  if (readers !== "everybody") { for (const path of READERS_ROUTES) app.use(path, admitReaders(readers, address)); }
  // The whole state of the cluster is not for everybody.
  const stateReaders = readers === "everybody" ? {} : readers;
  // Where not every client may ask queries, not everybody may watch what they would show.
  if ((options.admission ?? "open") !== "open" || options.middleware?.length) {
    app.use("/watch", admitReaders(stateReaders, address, true));
  }
  for (const path of SNAPSHOT_ROUTES) app.use(path, admitReaders(stateReaders, address, true));
  for (const guard of guards(options)) for (const path of CLIENT_ROUTES) app.use(path, guard);
  for (const [path, handlers] of Object.entries(table)) {
    for (const [method, chain] of Object.entries(handlers)) app.on(method, [path], ...chain);
    const allow = Object.keys(handlers).map((method) => method === "GET" ? "GET, HEAD" : method).join(", ");
    app.all(path, (c) => methodNotAllowed(c, allow));
  }
  app.notFound((c) => problem("not-found", { detail: noRoute(c), more: { routes: Object.keys(table) } }));
  app.onError((error) => {
    if (error instanceof Problem) return error.toResponse();
    options.onInternalError?.(error);
    return problem("internal-error", { detail: `${error.name}: ${error.message}` });
  });
  return { app, usage: () => ({ ...bodies.usage(), watchers: watches.size }) };
}

/** Middleware in front of the clients' routes. CORS comes first, so that a web page can read why it was refused. */
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

/** Middleware between the authentication of a submitter and the replica. */
function clientRules(options: AppOptions): readonly Middleware[] {
  const { admission = "open", clientLimit: limit, address, timer, middleware = [] } = options;
  return [
    ...(admission === "open" ? [] : [admit(admission)]),
    ...(limit ? [clientLimit({ limit, timer, ...(address && { address }) })] : []),
    ...middleware,
  ];
}

/** The files of the live page, if there is one. */
function pageRoutes(page: AppOptions["page"]): Readonly<Record<string, { readonly GET: Chain }>> {
  if (!page) return {};
  return Object.fromEntries(
    PAGE_FILES.map((file) => [`/page/${file}`, {
      GET: [() => page(file) ?? problem("not-found", { detail: `no file ${file}` })],
    }]),
  );
}

/** HTTP methods that metrics count by name; all others count as `other`. */
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

function ready(c: Context, node: HostedNode): Response {
  const { ready, reason } = readiness(node);
  return ready ? c.text("ready\n") : problem("unavailable", { detail: reason });
}

function noRoute({ req: { method, path } }: Context): string {
  return `no such route: ${method} ${shorten(path)}; the field routes lists those that exist`;
}

function methodNotAllowed(c: Context, allow: string): Response {
  const { method, path } = c.req;
  return problem("method-not-allowed", {
    detail: `${method} is not allowed at ${path}: use ${allow}`,
    expected: allow,
    got: method,
    headers: { allow },
  });
}
