/**
 * Keeps HTTP/2 from a port of Deno. Deno's server takes it from whoever begins with its preface, up to 200 requests at once on a connection, and keeps all
 * of their answers until the other side reads them. It has no option against that, and tells no handler which version a request has. So a connection is
 * known by what HTTP/1.1 does not do: bring a request while others are worked on, or while answers before it are not read. The first holds for all
 * requests. The second can be seen of answers that are streams, which cost more: so only those after the first 64 are, which HTTP/1.1 would have
 * on another connection, as the answer before has `connection: close`; unless its port was used before.
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { Timer } from "../../node/ports.ts";
import type { ClientVariables } from "../middleware/context.ts";

/** What Deno passes beside a request. */
interface DenoInfo {
  readonly remoteAddr?: { readonly hostname?: string; readonly port?: number };
  /** Settles when the answer was taken: of a stream by the other side, of another body by the server. */
  readonly completed?: Promise<void>;
}

/** One connection. */
interface Line {
  /** Requests that are worked on. */
  running: number;
  /** Requests so far. */
  requests: number;
  /** Whether its answers are watched: those before were enough, or its port was used before. */
  isWatched: boolean;
  /** Watched answers that the other side has not taken. */
  unread: number;
  usedAt: number;
}

/** With so many at once it is HTTP/2. HTTP/1.1 can have two, if a port is used again while an abandoned request is worked on. */
const MIN_RUNNING = 3;
/** The answer to this request closes the connection. A request with a header that HTTP/2 does not have, or of a member, is counted as the first. */
const MAX_REQUESTS = 64;
/** With so many it is HTTP/2. HTTP/1.1 can have one, until the server notices the end of the connection that had its port before. */
const MAX_UNREAD = 2;
/** Connections that are remembered. Beyond it the least recently used is forgotten. */
const MAX_LINES = 4_096;
/** A connection that was not used for so long counts as a new one on a port that was used before, ms. */
const REUSED_MS = 60_000;
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
    line.isWatched ||= line.requests >= MAX_REQUESTS;
    line.requests++;
    line.running++;
    try {
      // An honest caller whose port was used before goes on with another one.
      if (line.running >= MIN_RUNNING || line.unread >= MAX_UNREAD) return c.body(null, 505, { connection: "close" });
      await next();
    } finally {
      line.running--;
    }
    // Without a Host it is HTTP/2, or HTTP/1.0, which has one request.
    if (LONG_ROUTES.has(c.req.path) || !headers.has("host")) line.requests = Math.max(line.requests, MAX_REQUESTS);
    if (c.var.caller?.kind === "member") beginAnew(line);
    if (line.requests >= MAX_REQUESTS) c.header("connection", "close");
    if (line.isWatched && c.res.body !== null) {
      // Whoever has read this must handle its rejection: otherwise it ends the process.
      const { completed } = c.env as DenoInfo;
      if (completed === undefined) return;
      line.unread++;
      const isTaken = () => void line.unread--;
      completed.then(isTaken, isTaken);
      // Of the body of a response that has it in one piece Deno makes no stream.
      c.res = new Response(c.res.body.pipeThrough(new TransformStream()), c.res);
    }
  };
}

function beginAnew(line: Line): void {
  Object.assign(line, { requests: 0, isWatched: false });
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
    const line = this.#lines.get(key) ?? { running: 0, requests: 0, isWatched: false, unread: 0, usedAt: now };
    if (now - line.usedAt >= REUSED_MS) Object.assign(line, { requests: 0, isWatched: true });
    line.usedAt = now;
    this.#lines.delete(key);
    this.#lines.set(key, line);
    if (this.#lines.size > MAX_LINES) this.#lines.delete(this.#lines.keys().next().value!);
    return line;
  }
}
