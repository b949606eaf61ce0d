/**
 * Follows the stream of one replica, which may be faulty: what it sends costs a bounded share of the client's time, and
 * stops nobody else.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { utf8 } from "../../core/tree/text.ts";
import type { ClientVerifier } from "../../crypto/client.ts";
import type { Timer } from "../../node/ports.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import { decodeWatchLine, parseStatement, type Watched } from "../../wire/mod.ts";
import { after } from "../transport/timer.ts";
import { linesOf } from "./lines.ts";
import type { News } from "./news.ts";
import type { Tally } from "./tally.ts";

/** Delays before a stream that broke is opened again, ms. One that said something wrong waits longest. */
const RETRY = { firstMs: 100, mostMs: 5_000 };
/** A stream whose next line takes so long is opened again, ms. Replicas send an empty line every 15 s. */
const SILENCE_MS = 60_000;
/**
 * How long the first line may take, ms. Replicas send it at once, but networks may swallow requests. The time doubles
 * after each stream without a line, up to the time of any other line, because a replica may be that slow.
 */
const FIRST_LINE_MS = 5_000;
/**
 * The most lines that are read from a stream in a second. A line counts once more for every 16 KiB. Correct replicas
 * send less.
 */
const PACE = { lines: 400, characters: 16 * 1024 };

/** What following needs. */
export interface Following {
  readonly epoch: Epoch;
  readonly verifier: ClientVerifier;
  readonly fetch: typeof globalThis.fetch;
  readonly timer: Timer;
  readonly watch: Watched;
  readonly tally: Tally;
  readonly news: News;
  readonly signal: AbortSignal;
  /** The replicas with a stream that says something. */
  readonly speaking: Set<ReplicaId>;
  /** A stream has ended. The epoch may be over. */
  readonly onEnd: () => void;
}

/** A replica said something that no correct replica says. */
class WrongError extends Error {}
/**
 * A replica was asked for the present, and answers when the watch has begun: its first number is higher than the one
 * that is wanted by now.
 */
class LateError extends Error {}

/** Follows one replica, again and again, until the signal aborts. */
export async function follow(replica: ReplicaId, options: Following): Promise<void> {
  const { timer, signal, speaking, news, onEnd } = options;
  let firstLineMs = FIRST_LINE_MS;
  for (let ms = RETRY.firstMs; !signal.aborted; ms = Math.min(2 * ms, RETRY.mostMs)) {
    const waitMs = firstLineMs;
    firstLineMs = Math.min(2 * waitMs, SILENCE_MS);
    const onLine = () => {
      speaking.add(replica);
      ms = RETRY.firstMs;
      firstLineMs = FIRST_LINE_MS;
    };
    try {
      await read(replica, { ...options, waitMs, onLine });
    } catch (error) {
      // The replica can't be reached, or said something wrong. The other streams go on, and it is asked again.
      if (error instanceof WrongError) ms = RETRY.mostMs;
    }
    speaking.delete(replica);
    if (signal.aborted) return;
    news.tell();
    onEnd();
    await pause(ms, { timer, signal });
  }
}

/** What reading a stream needs. */
interface Reading extends Following {
  /** How long the first line may take, ms. */
  readonly waitMs: number;
  readonly onLine: () => void;
}

/** Reads one stream to its end. */
async function read(replica: ReplicaId, options: Reading): Promise<void> {
  const { epoch, fetch, timer, watch, tally, news, signal, waitMs, onLine } = options;
  const stream = new AbortController();
  const end = () => stream.abort();
  signal.addEventListener("abort", end, { once: true });
  let cancel = after(timer, waitMs, end);
  const base = epoch.urls[epoch.genesis.replicas[replica]!.name]!.replace(/\/+$/, "");
  const pace = { second: timer.monotonic(), lines: 0 };
  try {
    const wanted = tally.wantedOf(replica);
    let isLate = (from: number) => wanted === null && tally.next !== null && from > tally.next;
    const url = `${base}/watch?${queryOf(watch, wanted)}`;
    const response = await fetch(url, { signal: stream.signal, redirect: "manual" });
    if (!response.ok || !response.body) return void await response.body?.cancel();
    for await (const line of linesOf(response.body, stream.signal)) {
      cancel();
      if (line !== "") {
        await take(replica, line, { ...options, isLate });
        isLate = () => false;
        onLine();
      }
      await keepPace(pace, line, { timer, signal: stream.signal });
      while (tally.isAhead(replica) && !stream.signal.aborted) await news.next();
      if (stream.signal.aborted) return;
      cancel = after(timer, SILENCE_MS, end);
    }
  } finally {
    cancel();
    signal.removeEventListener("abort", end);
    end();
  }
}

/** What taking a line needs. */
interface Taking extends Following {
  /** Whether a stream whose first number is this one must be opened again. */
  readonly isLate: (from: number) => boolean;
}

/**
 * @throws {WrongError} if the line is not this replica's, or no statement about what is watched.
 * @throws {LateError}
 */
async function take(replica: ReplicaId, line: string, options: Taking): Promise<void> {
  const { epoch, verifier, watch, tally, news, isLate } = options;
  try {
    const { statement, signature, signatureBytes } = decodeWatchLine(line);
    const { publicKey } = epoch.genesis.replicas[replica]!;
    if (!await verifier.verify(publicKey, "changes", utf8(statement), signatureBytes)) throw new TypeError("signature");
    const vote = { replica, statement, signature };
    const said = parseStatement(statement, watch);
    if (isLate(said.from)) throw new LateError();
    if (!tally.take(vote, said)) throw new TypeError("it says something again");
  } catch (error) {
    if (error instanceof LateError) throw error;
    throw new WrongError((error as Error).message);
  }
  news.tell();
}

async function keepPace(
  pace: { second: number; lines: number },
  line: string,
  { timer, signal }: { readonly timer: Timer; readonly signal: AbortSignal },
): Promise<void> {
  const elapsed = timer.monotonic() - pace.second;
  pace.lines += 1 + line.length / PACE.characters;
  if (elapsed < 1_000 && pace.lines < PACE.lines) return;
  if (elapsed < 1_000) await pause(1_000 - elapsed, { timer, signal });
  pace.second = timer.monotonic();
  pace.lines = 0;
}

function pause(ms: number, { timer, signal }: { readonly timer: Timer; readonly signal: AbortSignal }): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      cancel();
      signal.removeEventListener("abort", over);
      resolve();
    };
    const cancel = after(timer, ms, over);
    if (signal.aborted) return over();
    signal.addEventListener("abort", over, { once: true });
  });
}

/** The parameters of a stream. */
function queryOf(watch: Watched, from: number | null): string {
  const query = new URLSearchParams(
    "key" in watch ? { key: watch.key } : "prefix" in watch ? { prefix: watch.prefix } : { batches: "" },
  );
  if (from !== null) query.set("from", String(from));
  return query.toString();
}
