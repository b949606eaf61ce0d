/**
 * Requests to members, of whom some may lie. Deno's `fetch` takes interim answers (1xx) without end, and on the thread of the replica: one
 * connection leaves it hardly any time. So a request is given up as soon as the thread is held up during it, and a member that did not answer in time gets
 * its messages in another way for some time: each on a connection of its own, on which the status of the answer is read, within bounds, and nothing
 * else. Such connections cost round trips, so a member that hung once has them for seconds, and one that does so again and again, or is seen to send interim
 * answers without end, for an hour. A member during whose request the thread was held up is asked nothing else for up to a minute.
 * @module
 */
import { abortable } from "../../node/async/abort.ts";
import type { Timer } from "../../node/ports.ts";
import { GrowingPauses } from "./growing_pauses.ts";
import { onStall } from "./stalls.ts";

/** A connection. */
export interface RawConnection {
  /** Reads into `buffer`. Resolves with the number of bytes; null: the other side has closed. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Resolves with the number of bytes that were written. */
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** Options of {@linkcode WaryFetch}. */
export interface WaryFetchOptions {
  readonly timer: Timer;
  readonly fetch: typeof globalThis.fetch;
  /** Connects to the host of a URL. */
  readonly connect: (url: URL) => Promise<RawConnection>;
  /** Whether requests to this URL go through no proxy. Others are left to `fetch`. */
  readonly isDirect: (url: string) => boolean;
}

/** For so long nothing is delivered by `fetch` to who did not answer in time, ms. */
const WARY_MS = { least: 10_000, most: 3_600_000 };
/**
 * For so long a member is asked nothing during whose request this host was held up, ms. This host may have been held up by something else, and a
 * correct member must not be left unasked for long; one that floods takes a second of each such time.
 */
const UNASKED_MS = { least: 10_000, most: 60_000 };
/** Most bytes that are read before the status. */
const MAX_BYTES = 16 * 1024;
/** Most interim answers before it. */
const MAX_INTERIM = 8;
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})[^\r\n]*\r\n/;

/** A member sends interim answers without end. */
class InterimError extends TypeError {}

/** Takes URLs as text, or as `URL`. */
export class WaryFetch {
  readonly #options: WaryFetchOptions;
  /** By origin. */
  readonly #late: GrowingPauses<string>;
  readonly #holdingUp: GrowingPauses<string>;

  constructor(options: WaryFetchOptions) {
    this.#options = options;
    this.#late = new GrowingPauses(options.timer, WARY_MS);
    this.#holdingUp = new GrowingPauses(options.timer, UNASKED_MS);
  }

  /** For deliveries, of which it takes what they have. The response to one that did not go by `fetch` has the status, and no body. */
  readonly deliver: typeof globalThis.fetch = async (input, init = {}) => {
    const url = new URL(input as string | URL);
    if (this.#late.leftMs(url.origin) === 0) return await this.#fetch(url, init);
    try {
      return await post(url, init, this.#options.connect);
    } catch (error) {
      if (error instanceof InterimError) {
        this.#late.beginLongest(url.origin);
        this.#holdingUp.begin(url.origin);
      }
      throw error;
    }
  };

  /** For questions. @throws {TypeError} at once if this host was held up a short time ago while it asked the member. */
  readonly ask: typeof globalThis.fetch = async (input, init = {}) => {
    const url = new URL(input as string | URL);
    if (this.#holdingUp.leftMs(url.origin) > 0) {
      throw new TypeError(
        `${url.origin}: this host was held up while it asked that member, and asks it nothing for a while`,
      );
    }
    return await this.#fetch(url, init);
  };

  async #fetch(url: URL, init: RequestInit): Promise<Response> {
    const { fetch, isDirect, timer } = this.#options;
    const isBounded = isDirect(url.href);
    const held = new AbortController();
    const signals = [held.signal, ...init.signal ? [init.signal] : []];
    const noStall = isBounded
      ? onStall(timer, () => held.abort(new DOMException("the thread was held up", "TimeoutError")))
      : () => {};
    try {
      return await fetch(url, { ...init, signal: signals.length > 1 ? AbortSignal.any(signals) : held.signal });
    } catch (error) {
      const reason = held.signal.aborted ? held.signal.reason : init.signal?.aborted ? init.signal.reason : null;
      if (reason?.name === "TimeoutError" && isBounded) this.#late.begin(url.origin);
      if (held.signal.aborted) this.#holdingUp.begin(url.origin);
      throw error;
    } finally {
      noStall();
    }
  }
}

/** Posts on a connection of its own. The response has the status, and no body. */
async function post(url: URL, init: RequestInit, connect: WaryFetchOptions["connect"]): Promise<Response> {
  const signal = init.signal ?? undefined;
  signal?.throwIfAborted();
  const connecting = connect(url);
  const connection = await abortable(connecting, signal, () => void connecting.then((late) => late.close(), () => {}));
  try {
    const exchange = exchangeOn(connection, url, init);
    return await abortable(exchange, signal, () => void exchange.catch(() => {}));
  } finally {
    connection.close();
  }
}

async function exchangeOn(connection: RawConnection, url: URL, { headers, body }: RequestInit): Promise<Response> {
  const content = body as Uint8Array;
  const all = new Headers(headers);
  all.set("host", url.host);
  all.set("connection", "close");
  all.set("content-length", `${content.length}`);
  const lines = [
    `POST ${url.pathname}${url.search} HTTP/1.1`,
    ...Array.from(all, ([name, value]) => `${name}: ${value}`),
  ];
  await writeAll(connection, new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
  await writeAll(connection, content);
  return new Response(null, { status: await readStatus(connection) });
}

async function writeAll(connection: RawConnection, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** The status of the answer. @throws {TypeError} if none comes within the bounds. */
async function readStatus(connection: RawConnection): Promise<number> {
  const decoder = new TextDecoder("latin1");
  const buffer = new Uint8Array(4 * 1024);
  let [text, bytes, interim] = ["", 0, 0];
  for (;;) {
    const status = Number(STATUS_LINE.exec(text)?.[1] ?? 0);
    if (status >= 200 && status <= 599) return status;
    const end = status === 0 ? -1 : text.indexOf("\r\n\r\n");
    if (end >= 0) {
      if (++interim > MAX_INTERIM) {
        throw new InterimError(`answer: expected at most ${MAX_INTERIM} interim ones before it`);
      }
      text = text.slice(end + 4);
      continue;
    }
    if (bytes >= MAX_BYTES) throw new TypeError(`answer: expected a status within ${MAX_BYTES} bytes`);
    const count = await connection.read(buffer);
    if (count === null) throw new TypeError("answer: expected a status, got the end of the connection");
    bytes += count;
    text += decoder.decode(buffer.subarray(0, count));
  }
}
