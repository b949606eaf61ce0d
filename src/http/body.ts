/**
 * Reading a request's body, in bounds. A body that is not wanted is read or cancelled all the same: some hosts
 * reset the connection, and with it the sender's next request, over a body that was left alone.
 * @module
 */
import { deferred } from "../node/deferred.ts";
import type { Deadlines } from "./deadlines.ts";
import { Problem } from "./problem.ts";

/** What a route takes. */
export interface BodyLimits {
  /** Its media type: `application/json`. */
  readonly type: string;
  readonly maxBytes: number;
}

/** What all bodies together may use. */
export interface BodyReaderOptions {
  /** Bodies in memory at once, in all, bytes. */
  readonly maxHeldBytes: number;
  /** By when a body must have arrived. */
  readonly deadlines: Deadlines;
}

/** Bytes of an unwanted body that are read to keep the connection usable. */
const MAX_DISCARDED_BYTES = 64 * 1024;

/** Reads bodies; bounds each of them, the time each may take, and what all of them hold at once. */
export class BodyReader {
  readonly #options: BodyReaderOptions;
  #held = 0;

  constructor(options: BodyReaderOptions) {
    this.#options = options;
  }

  /**
   * Reads a whole body, gives it to `use`, and counts it as held until `use` is done.
   * @throws {Problem} 400, 408, 413, 415 or 429.
   */
  async read<T>(request: Request, limits: BodyLimits, use: (body: Uint8Array) => Promise<T>): Promise<T> {
    let held = 0;
    const hold = (bytes: number) => {
      if (this.#held + bytes > this.#options.maxHeldBytes) {
        throw new Problem("overloaded", { detail: "too many request bodies are being read; try again shortly" });
      }
      this.#held += bytes;
      held += bytes;
    };
    try {
      checkType(request, limits.type);
      return await use(await this.#collect(request, limits.maxBytes, hold));
    } finally {
      this.#held -= held;
    }
  }

  /** Gets rid of a body that nobody wants, if it is still there. Never throws. */
  async discard(request: Request): Promise<void> {
    if (request.body === null) return;
    try {
      await this.#collect(request, MAX_DISCARDED_BYTES, () => {});
    } catch { /* it is gone, one way or the other */ }
  }

  async #collect(request: Request, maxBytes: number, hold: (bytes: number) => void): Promise<Uint8Array> {
    const announced = announcedLength(request);
    if (announced !== undefined && announced > maxBytes) {
      await cancel(request.body);
      throw tooLarge(maxBytes, `${announced} bytes`);
    }
    if (announced !== undefined) {
      hold(announced);
      // Without a look at `request.body`: it would make a stream of what is at hand as a whole, at several times the cost.
      return await this.#whole(request, maxBytes);
    }
    return request.body === null ? new Uint8Array() : await this.#stream(request.body.getReader(), maxBytes, hold);
  }

  /** HTTP itself holds a body to the length that it announced; reading it at once costs the least. */
  async #whole(request: Request, maxBytes: number): Promise<Uint8Array> {
    const { promise: late, reject } = deferred<never>();
    const clear = this.#options.deadlines.set(() => reject(tooLate()));
    try {
      const body = new Uint8Array(await Promise.race([request.arrayBuffer(), late]));
      if (body.length > maxBytes) throw tooLarge(maxBytes, `${body.length} bytes`);
      return body;
    } catch (error) {
      throw error instanceof Problem ? error : brokenOff();
    } finally {
      clear();
    }
  }

  async #stream(reader: Chunks, maxBytes: number, hold: (bytes: number) => void): Promise<Uint8Array> {
    let late = false;
    const clear = this.#options.deadlines.set(() => {
      late = true;
      reader.cancel().catch(() => {});
    });
    try {
      const chunks: Uint8Array[] = [];
      let length = 0;
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        length += next.value.length;
        if (length > maxBytes) throw tooLarge(maxBytes, "more");
        hold(next.value.length);
        chunks.push(next.value);
      }
      if (late) throw tooLate();
      return concat(chunks, length);
    } catch (error) {
      reader.cancel().catch(() => {});
      throw error instanceof Problem ? error : brokenOff();
    } finally {
      clear();
    }
  }
}

type Chunks = ReadableStreamDefaultReader<Uint8Array>;

function checkType(request: Request, expected: string): void {
  const got = request.headers.get("content-type");
  if (got?.replace(/;.*$/s, "").trim().toLowerCase() !== expected) {
    throw new Problem("unsupported-media-type", {
      detail: `send it with the header "content-type: ${expected}"`,
      field: "content-type",
      expected,
      got: got ?? "none",
    });
  }
  const encoding = request.headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    throw new Problem("unsupported-media-type", {
      detail: "compressed bodies are not taken",
      field: "content-encoding",
      expected: "none",
      got: encoding,
    });
  }
}

function announcedLength(request: Request): number | undefined {
  const header = request.headers.get("content-length");
  return header !== null && /^[0-9]{1,15}$/.test(header) ? Number(header) : undefined;
}

function tooLarge(maxBytes: number, got: string): Problem {
  const expected = `at most ${maxBytes} bytes`;
  return new Problem("too-large", { detail: `this route takes bodies of ${expected}`, field: "body", expected, got });
}

function tooLate(): Problem {
  return new Problem("body-timeout", { detail: "send the whole body without a pause" });
}

function brokenOff(): Problem {
  return new Problem("malformed", { detail: "the body broke off", field: "body" });
}

async function cancel(body: ReadableStream<Uint8Array> | null): Promise<void> {
  try {
    await body?.cancel();
  } catch { /* already gone */ }
}

function concat(chunks: readonly Uint8Array[], length: number): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
