/**
 * Keeps HTTP/2 from a port of Deno. Deno's server takes it from whoever begins with its preface, up to 200 requests at once on a connection, and keeps all
 * of their answers until the other side reads them. It has no option against that, and tells no handler which version a request has. So a connection is
 * known by what HTTP/1.1 does not do: bring a request while others are worked on, or after an answer with `connection: close`, which HTTP/2 does not have.
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { Timer } from "../../node/ports.ts";
import type { ClientVariables } from "../middleware/context.ts";

/** What Deno passes beside a request. */
interface DenoInfo {
  readonly remoteAddr?: { readonly hostname?: string; readonly port?: number };
}

/** One connection. */
interface Line {
  /** Requests that are worked on. */
  running: number;
  /** Requests so far. */
  requests: number;
  /** Requests that came although the answer before closed the connection. */
  afterClose: number;
  /** Whether it is known to be HTTP/2. */
  isHttp2: boolean;
  usedAt: number;
}

/** With so many at once it is HTTP/2. HTTP/1.1 can have two, if a port is used again while an abandoned request is worked on. */
const MIN_RUNNING = 3;
/** The answer to this request closes the connection. A request with a header that HTTP/2 does not have, or of a member, is counted as the first. */
const MAX_REQUESTS = 64;
/** After more requests that should not have come it is HTTP/2. As many may be of a port that was used again. */
const MAX_AFTER_CLOSE = 2;
/** Connections that are remembered. Beyond it the least recently used is forgotten. */
const MAX_LINES = 4_096;
/** A connection that was not used for so long is forgotten, ms: its port may be another one's. */
const FORGOTTEN_MS = 60_000;
/** Strangers may ask for these, and they may be long: their answers close the connection. */
const LONG_ROUTES: ReadonlySet<string> = new Set(["/openapi.json", "/epochs"]);
/** HTTP/2 has no such headers. */
const HTTP1_HEADERS = ["connection", "transfer-encoding"];

/** Middleware that answers requests by HTTP/2 with 505 and no body, of which the server keeps nothing. It must be the first one. */
export function refuseHttp2(
  timer: Pick<Timer, "monotonic">,
): MiddlewareHandler<{ Variables: Partial<Pick<ClientVariables, "caller">> }> {
  const lines = new Lines(timer);
  return async (c, next) => {
    const line = lines.of(c.env);
    if (line === null) return await next();
    const { headers } = c.req.raw;
    if (HTTP1_HEADERS.some((name) => headers.has(name))) beginAnew(line);
    if (line.requests >= MAX_REQUESTS) line.afterClose++;
    line.requests++;
    line.running++;
    try {
      if (line.running >= MIN_RUNNING || line.afterClose > MAX_AFTER_CLOSE) line.isHttp2 = true;
      if (line.isHttp2) return c.body(null, 505);
      await next();
    } finally {
      line.running--;
    }
    // Without a Host it is HTTP/2, or HTTP/1.0, which has one request.
    if (LONG_ROUTES.has(c.req.path) || !headers.has("host")) line.requests = Math.max(line.requests, MAX_REQUESTS);
    if (c.var.caller?.kind === "member") beginAnew(line);
    if (line.requests >= MAX_REQUESTS) c.header("connection", "close");
  };
}

function beginAnew(line: Line): void {
  Object.assign(line, { requests: 0, afterClose: 0, isHttp2: false });
}

/** The connections of a server, in order of last use. */
class Lines {
  readonly #timer: Pick<Timer, "monotonic">;
  readonly #lines = new Map<string, Line>();

  constructor(timer: Pick<Timer, "monotonic">) {
    this.#timer = timer;
  }

  /** `connection`: what the server passes beside a request. Null on other servers than Deno's. */
  of(connection: unknown): Line | null {
    const { hostname, port } = ((connection ?? {}) as DenoInfo).remoteAddr ?? {};
    if (hostname === undefined || port === undefined) return null;
    const key = `${hostname} ${port}`;
    const now = this.#timer.monotonic();
    const known = this.#lines.get(key);
    const isKnown = known !== undefined && now - known.usedAt < FORGOTTEN_MS;
    const line = isKnown ? known : { running: 0, requests: 0, afterClose: 0, isHttp2: false, usedAt: now };
    line.usedAt = now;
    this.#lines.delete(key);
    this.#lines.set(key, line);
    if (this.#lines.size > MAX_LINES) this.#lines.delete(this.#lines.keys().next().value!);
    return line;
  }
}
