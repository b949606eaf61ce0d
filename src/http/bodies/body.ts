/**
 * Reading a request's body, in bounds. A body that is not wanted is read or cancelled all the same: some hosts
 * reset the connection, and with it the sender's next request, over a body that was left alone.
 * @module
 */
import { deferred } from "../../node/async/deferred.ts";
import { GrowingBuffer } from "../../wire/mod.ts";
import { BodyBudget } from "./body_budget.ts";
import type { Deadlines } from "./deadlines.ts";
import { Problem } from "../problem.ts";

/** What a route takes. */
export interface BodyLimits {
  /** Its media type: `application/json`. */
  readonly type: string;
  readonly maxBytes: number;
}

/** Who sends a body, as far as that is known before it is read. Each of the three has a budget of its own. */
export interface Sender {
  /** Which of the three. */
  readonly kind: "member" | "client" | "stranger";
  /** Who counts as one within the budget: a member's number, an address; `undefined` if the address is not known. */
  readonly id: string | undefined;
  /** What reading has cost, as a multiple of what answering a small request does. */
  cost: number;
}

/** Chunks that cost as much as a request: 8 us each. */
const CHUNKS_PER_REQUEST = 16;

/** Somebody of whom nothing is known, not even the address. */
export function unknownSender(): Sender {
  return { kind: "stranger", id: undefined, cost: 1 };
}

/** What bodies may use. */
export interface BodyReaderOptions {
  /** Bodies in memory at once, bytes: of known clients, as many of strangers, and four times as many of members. */
  readonly maxHeldBytes: number;
  /** By when a body must have arrived. */
  readonly deadlines: Deadlines;
}

/** Members' bodies are large in a view change and when state is fetched, and come from all of them at once. */
const MEMBERS_SHARE = 4;
/** Bodies that are not whole yet, of each kind of sender. */
const MAX_UNDER_WAY = 1024;
/** Bytes of an unwanted body that are read to keep the connection usable. */
const MAX_DISCARDED_BYTES = 64 * 1024;
/** And chunks. */
const MAX_DISCARDED_CHUNKS = 64;
/**
 * Up to this announced length a body is read at once, at two thirds of what its stream costs. Such a reading can't be broken off, so that is
 * for what is small: the read buffer of a connection is larger.
 */
const SMALL_BYTES = 4 * 1024;
/** The same of a member's: one that has proved itself. */
const SMALL_MEMBER_BYTES = 64 * 1024;

/** Reads bodies; bounds each of them, the time each may take, and what all of them hold at once. */
export class BodyReader {
  readonly #deadlines: Deadlines;
  readonly #budgets: Readonly<Record<Sender["kind"], BodyBudget>>;

  constructor({ deadlines, maxHeldBytes }: BodyReaderOptions) {
    this.#deadlines = deadlines;
    const budget = (maxBytes: number) => new BodyBudget({ maxBytes, maxUnderWay: MAX_UNDER_WAY });
    this.#budgets = {
      member: budget(MEMBERS_SHARE * maxHeldBytes),
      client: budget(maxHeldBytes),
      stranger: budget(maxHeldBytes),
    };
  }

  /**
   * Reads a whole body, gives it to `use`, and counts it as held until `use` is done.
   * @throws {Problem} 400, 408, 413, 415 or 429.
   */
  async read<T>(
    request: Request,
    limits: BodyLimits,
    use: (body: Uint8Array) => Promise<T>,
    sender: Sender = unknownSender(),
  ): Promise<T> {
    checkType(request, limits.type);
    const { maxBytes } = limits;
    const announced = announcedLength(request);
    if (announced !== undefined && announced > maxBytes) {
      await cancel(request.body);
      throw tooLarge(maxBytes, `${announced} bytes`);
    }
    return await this.#held(sender, async (reading) => {
      const small = sender.kind === "member" ? SMALL_MEMBER_BYTES : SMALL_BYTES;
      const body = announced !== undefined && announced <= small
        ? await atOnce(request, { announced, maxBytes }, reading)
        : await gathered(request, maxBytes, reading);
      reading.end();
      return await use(body);
    });
  }

  /** Gets rid of a body that nobody wants, if it is still there, and keeps nothing of it. Never throws. */
  async discard(request: Request, sender: Sender = unknownSender()): Promise<void> {
    if (request.body === null) return;
    const reader = request.body.getReader();
    try {
      await this.#held(sender, async (reading) => {
        reading.cancelWith(reader);
        let [bytes, chunks] = [0, 0];
        while (bytes <= MAX_DISCARDED_BYTES && chunks++ < MAX_DISCARDED_CHUNKS) {
          const next = await reader.read();
          if (next.done) return;
          bytes += next.value.length;
          sender.cost += 1 / CHUNKS_PER_REQUEST;
        }
        await reader.cancel();
      });
    } catch {
      /* it is gone, one way or the other */
      reader.cancel().catch(() => {});
    }
  }

  /** Runs `read` within the sender's budget and before the deadline. */
  async #held<T>(sender: Sender, read: (reading: Reading) => Promise<T>): Promise<T> {
    const reading = new Reading();
    const held = this.#budgets[sender.kind].open(sender.id, (problem) => reading.breakOff(problem));
    const clear = this.#deadlines.set(() => reading.breakOff(tooLate()));
    reading.hold = (bytes) => {
      sender.cost += 1 / CHUNKS_PER_REQUEST;
      held.add(bytes);
    };
    reading.end = () => {
      clear();
      held.end();
    };
    try {
      return await read(reading);
    } finally {
      clear();
      held.release();
    }
  }
}

type Chunks = ReadableStreamDefaultReader<Uint8Array>;

/** One body that is being read. */
class Reading {
  /** Why it was broken off. */
  problem: Problem | null = null;
  /** So many bytes more have come. */
  hold: (bytes: number) => void = () => {};
  /** All has come. */
  end: () => void = () => {};
  #stop: () => void = () => {};

  /** Ends it before its time. */
  breakOff(problem: Problem): void {
    this.problem ??= problem;
    this.#stop();
  }

  /** Breaking it off cancels this reader: what waits for a chunk goes on, and the host lets go of what it holds. */
  cancelWith(reader: Chunks): void {
    this.#stop = () => void reader.cancel().catch(() => {});
    if (this.problem) this.#stop();
  }

  /** Rejects once it is broken off. */
  broken(): Promise<never> {
    const { promise, reject } = deferred<never>();
    this.#stop = () => reject(this.problem);
    if (this.problem) this.#stop();
    return promise;
  }
}

/** A small body. Without a look at `request.body`: it would make a stream of what is at hand as a whole. */
async function atOnce(
  request: Request,
  { announced, maxBytes }: { readonly announced: number; readonly maxBytes: number },
  reading: Reading,
): Promise<Uint8Array> {
  reading.hold(announced);
  const body = new Uint8Array(await Promise.race([orBrokenOff(request.arrayBuffer()), reading.broken()]));
  if (body.length > maxBytes) throw tooLarge(maxBytes, `${body.length} bytes`);
  return body;
}

/** Copies each chunk and lets go of it. What ends before its time is cancelled, so that the host lets go of the rest as well. */
async function gathered({ body }: Request, maxBytes: number, reading: Reading): Promise<Uint8Array> {
  if (body === null) return new Uint8Array();
  const reader: Chunks = body.getReader();
  reading.cancelWith(reader);
  const buffer = new GrowingBuffer();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (buffer.length + next.value.length > maxBytes) throw tooLarge(maxBytes, "more");
      reading.hold(next.value.length);
      buffer.add(next.value);
      if (buffer.hasTinyChunks) throw tooSmallChunks(buffer);
    }
    if (reading.problem) throw reading.problem;
    return buffer.take();
  } catch (error) {
    reader.cancel().catch(() => {});
    throw error instanceof Problem ? error : reading.problem ?? brokenOff();
  }
}

async function orBrokenOff<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch {
    throw brokenOff();
  }
}

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

function tooSmallChunks({ chunks, length }: GrowingBuffer): Problem {
  return new Problem("malformed", {
    detail: "the body comes in too many small pieces; send it at once, with its content-length",
    field: "body",
    expected: "pieces of 64 bytes or more on average",
    got: `${chunks} pieces for ${length} bytes`,
  });
}

function brokenOff(): Problem {
  return new Problem("malformed", { detail: "the body broke off", field: "body" });
}

async function cancel(body: ReadableStream<Uint8Array> | null): Promise<void> {
  try {
    await body?.cancel();
  } catch { /* already gone */ }
}
