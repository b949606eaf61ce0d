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

/** For so long nothing is fetched from who did not answer in time, ms; it doubles each time, from the least to the most. */
const WARY_MS = { least: 10_000, most: 3_600_000 };
/**
 * The longest time for which a member is asked nothing, ms. This host may have been held up by something else, and a correct member must not be
 * left unasked for long; one that floods takes a second of each such time.
 */
const UNASKED_MS = 60_000;
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
  /** Until when, and for how long, by origin. There are as many as members. */
  readonly #wary = new Map<string, { readonly until: number; readonly ms: number; readonly unaskedUntil: number }>();

  constructor(options: WaryFetchOptions) {
    this.#options = options;
  }

  /** For deliveries, of which it takes what they have. The response to one that did not go by `fetch` has the status, and no body. */
  readonly deliver: typeof globalThis.fetch = async (input, init = {}) => {
    const url = new URL(input as string | URL);
    if (!this.#isWary(url)) return await this.#fetch(url, init);
    try {
      return await post(url, init, this.#options.connect);
    } catch (error) {
      if (error instanceof InterimError) this.#beWary(url.origin, WARY_MS.most, true);
      throw error;
    }
  };

  /** For questions. @throws {TypeError} at once if this host was held up a short time ago while it asked the member. */
  readonly ask: typeof globalThis.fetch = async (input, init = {}) => {
    const url = new URL(input as string | URL);
    if (this.#options.timer.monotonic() < (this.#wary.get(url.origin)?.unaskedUntil ?? 0)) {
      throw new TypeError(
        `${url.origin}: this host was held up while it asked that member, and asks it nothing for a while`,
      );
    }
    return await this.#fetch(url, init);
  };

  #isWary({ origin }: URL): boolean {
    return this.#options.timer.monotonic() < (this.#wary.get(origin)?.until ?? 0);
  }

  /** `isHeldUp`: whether the member has held up this host, as far as can be seen. */
  #beWary(origin: string, ms: number, isHeldUp: boolean): void {
    const now = this.#options.timer.monotonic();
    const unaskedUntil = isHeldUp ? now + Math.min(ms, UNASKED_MS) : this.#wary.get(origin)?.unaskedUntil ?? -Infinity;
    this.#wary.set(origin, { until: now + ms, ms, unaskedUntil });
  }

  #noteLate(origin: string, isHeldUp: boolean): void {
    const now = this.#options.timer.monotonic();
    const before = this.#wary.get(origin);
    if (before && now < before.until) { // Requests that were under way at the same time count as one.
      const unaskedUntil = isHeldUp ? now + Math.min(before.ms, UNASKED_MS) : before.unaskedUntil;
      return void this.#wary.set(origin, { ...before, unaskedUntil });
    }
    // An hour without makes up for all before.
    const isNew = !before || now >= before.until + WARY_MS.most;
    this.#beWary(origin, isNew ? WARY_MS.least : Math.min(2 * before.ms, WARY_MS.most), isHeldUp);
  }

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
      if (reason?.name === "TimeoutError" && isBounded) this.#noteLate(url.origin, held.signal.aborted);
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
