/**
 * Reads request bodies within bounds. An unwanted body is read or cancelled too: some hosts reset the connection, and
 * with it the sender's next request, if a body is left unread.
 * @module
 */
import { deferred } from "../../node/async/deferred.ts";
import { GrowingBuffer } from "../../wire/mod.ts";
import { BodyBudget } from "./body_budget.ts";
import { BodyChunks } from "./chunks.ts";
import type { Deadlines } from "./deadlines.ts";
import { Problem, shorten } from "../problem.ts";
import { type Sender, unknownSender } from "./sender.ts";

/** The bodies that a route accepts. */
export interface BodyLimits {
  /** The media type, such as `application/json`. */
  readonly type: string;
  readonly maxBytes: number;
}

/** Number of chunks that cost as much as a small request; one costs 8 us. */
const CHUNKS_PER_REQUEST = 16;

/** Options of {@linkcode BodyReader}. */
export interface BodyReaderOptions {
  /**
   * Bytes of bodies in memory at once, for known clients; the same again for strangers, and four times as much for
   * members.
   */
  readonly maxHeldBytes: number;
  /** The deadline for a body to arrive. */
  readonly deadlines: Deadlines;
}

/**
 * Members get this multiple: their bodies are large in a view change and in a state transfer, and come from all members
 * at once.
 */
const MEMBERS_SHARE = 4;
/** Maximum number of incomplete bodies, for each kind of sender. */
const MAX_IN_PROGRESS = 1024;
/** Maximum bytes of an unwanted body that are read to keep the connection usable. */
const MAX_DISCARDED_BYTES = 64 * 1024;
/** The same in chunks. */
const MAX_DISCARDED_CHUNKS = 64;
/**
 * Up to this announced length, bytes, a body is read in one call, which costs two thirds of reading its stream. Such a
 * read cannot be aborted. That does no harm for small bodies: the read buffer of a connection is larger.
 */
const SMALL_BYTES = 4 * 1024;
/** The same for a member that has proved itself. */
const SMALL_MEMBER_BYTES = 64 * 1024;

/** Reads bodies. It limits the size of each, the time each may take, and the bytes that all hold together. */
export class BodyReader {
  readonly #deadlines: Deadlines;
  readonly #budgets: Readonly<Record<Sender["kind"], BodyBudget>>;

  constructor({ deadlines, maxHeldBytes }: BodyReaderOptions) {
    this.#deadlines = deadlines;
    const budget = (maxBytes: number) => new BodyBudget({ maxBytes, maxInProgress: MAX_IN_PROGRESS });
    this.#budgets = {
      member: budget(MEMBERS_SHARE * maxHeldBytes),
      client: budget(maxHeldBytes),
      stranger: budget(maxHeldBytes),
    };
  }

  /** What the bodies of all senders hold now. */
  usage(): { readonly bodyBytes: number; readonly bodiesInProgress: number } {
    const budgets = Object.values(this.#budgets);
    return {
      bodyBytes: budgets.reduce((sum, { bytes }) => sum + bytes, 0),
      bodiesInProgress: budgets.reduce((sum, { inProgress }) => sum + inProgress, 0),
    };
  }

  /**
   * Reads a whole body and passes it to `use`. The body counts as held until `use` has finished.
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
        ? await readBuffered(request, { announced, maxBytes }, reading)
        : await readStreamed(request, maxBytes, reading);
      reading.end();
      return await use(body);
    });
  }

  /** Discards an unwanted body, if it has not been read. Never throws. */
  async discard(request: Request, sender: Sender = unknownSender()): Promise<void> {
    if (request.body === null) return;
    const body = new BodyChunks(request.body);
    try {
      await this.#held(sender, async (reading) => {
        reading.cancelWith(body);
        let [bytes, chunks] = [0, 0];
        while (bytes <= MAX_DISCARDED_BYTES && chunks++ < MAX_DISCARDED_CHUNKS) {
          const chunk = await body.read();
          if (chunk === null) return;
          bytes += chunk.length;
          sender.cost += 1 / CHUNKS_PER_REQUEST;
        }
        await body.cancel();
      });
    } catch {
      /* the body is gone in any case */
      void body.cancel();
    }
  }

  /** Runs `read` within the sender's budget and before the deadline. */
  async #held<T>(sender: Sender, read: (reading: Reading) => Promise<T>): Promise<T> {
    const reading = new Reading();
    const held = this.#budgets[sender.kind].open(sender.id, (problem) => reading.abort(problem));
    const clear = this.#deadlines.set(() => reading.abort(tooLate()));
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
      if (reading.isBroken) sender.hasHungUp = true;
      clear();
      held.release();
    }
  }
}

/** The reading of one body. */
class Reading {
  /** Why it was aborted; null if it was not. */
  problem: Problem | null = null;
  /** Called with the number of further bytes that have arrived. */
  hold: (bytes: number) => void = () => {};
  /** Called when the whole body has arrived. */
  end: () => void = () => {};
  #stop: () => void = () => {};

  /** Whether the body ended too early: the sender has hung up. */
  isBroken = false;

  /** Aborts the reading. */
  abort(problem: Problem): void {
    this.problem ??= problem;
    this.#stop();
  }

  /** Makes an abort cancel this body: a pending read ends, and the host frees its buffers. */
  cancelWith(body: BodyChunks): void {
    this.#stop = () => void body.cancel();
    if (this.problem) this.#stop();
  }

  /** Rejects when the reading is aborted. */
  broken(): Promise<never> {
    const { promise, reject } = deferred<never>();
    this.#stop = () => reject(this.problem);
    if (this.problem) this.#stop();
    return promise;
  }
}

/**
 * Reads a small body in one call. It does not touch `request.body`: that would turn a body already in memory into a
 * stream.
 */
async function readBuffered(
  request: Request,
  { announced, maxBytes }: { readonly announced: number; readonly maxBytes: number },
  reading: Reading,
): Promise<Uint8Array> {
  reading.hold(announced);
  const body = new Uint8Array(await Promise.race([orBroken(request.arrayBuffer(), reading), reading.broken()]));
  if (body.length > maxBytes) throw tooLarge(maxBytes, `${body.length} bytes`);
  return body;
}

/**
 * Reads a body as a stream and copies each chunk, so that the chunk can be freed. A stream that is not read to its end
 * is cancelled, so that the host frees the rest.
 */
async function readStreamed({ body }: Request, maxBytes: number, reading: Reading): Promise<Uint8Array> {
  if (body === null) return new Uint8Array();
  const chunks = new BodyChunks(body);
  reading.cancelWith(chunks);
  const buffer = new GrowingBuffer();
  try {
    for (let chunk = await chunks.read(); chunk !== null; chunk = await chunks.read()) {
      if (buffer.length + chunk.length > maxBytes) throw tooLarge(maxBytes, `more than ${maxBytes} bytes`);
      reading.hold(chunk.length);
      buffer.add(chunk);
      if (buffer.hasTinyChunks) throw tooSmallChunks(buffer);
    }
    if (reading.problem) throw reading.problem;
    return buffer.take();
  } catch (error) {
    void chunks.cancel();
    throw error instanceof Problem ? error : reading.problem ?? brokenOff(reading);
  }
}

async function orBroken<T>(body: Promise<T>, reading: Reading): Promise<T> {
  try {
    return await body;
  } catch {
    throw brokenOff(reading);
  }
}

function checkType(request: Request, expected: string): void {
  const got = request.headers.get("content-type");
  if (got?.replace(/;.*$/s, "").trim().toLowerCase() !== expected) {
    throw new Problem("unsupported-media-type", {
      detail: `content-type: expected ${expected}, got ${shorten(got ?? "none")}; send the body with that header`,
      field: "content-type",
      expected,
      got: got ?? "none",
    });
  }
  checkEncoding(request, "content-encoding", "identity", "none");
  // Servers undo `chunked`, and pass on what is compressed as well.
  checkEncoding(request, "transfer-encoding", "chunked", "chunked or none");
}

function checkEncoding(request: Request, field: string, known: string, expected: string): void {
  const got = request.headers.get(field);
  if (got === null || got.trim().toLowerCase() === known) return;
  const detail = `${field}: expected ${expected}, got ${shorten(got)}; send the body uncompressed`;
  throw new Problem("unsupported-media-type", { detail, field, expected, got });
}

function announcedLength(request: Request): number | undefined {
  const header = request.headers.get("content-length");
  return header !== null && /^[0-9]{1,15}$/.test(header) ? Number(header) : undefined;
}

function tooLarge(maxBytes: number, got: string): Problem {
  const expected = `at most ${maxBytes} bytes`;
  return new Problem("too-large", { detail: `body: expected ${expected}, got ${got}`, field: "body", expected, got });
}

function tooLate(): Problem {
  return new Problem("body-timeout", { detail: "the body did not arrive in time; send it again, without pauses" });
}

function tooSmallChunks({ chunks, length }: GrowingBuffer): Problem {
  return new Problem("malformed", {
    detail: "the body arrives in too many small chunks; send it at once, with a content-length",
    field: "body",
    expected: "chunks of 64 bytes or more on average",
    got: `${chunks} chunks for ${length} bytes`,
  });
}

function brokenOff(reading: Reading): Problem {
  reading.isBroken = true;
  return new Problem("malformed", { detail: "the body ended before its announced end; send it again", field: "body" });
}

async function cancel(body: ReadableStream<Uint8Array> | null): Promise<void> {
  try {
    await body?.cancel();
  } catch { /* already gone */ }
}
