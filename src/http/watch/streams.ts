/**
 * `GET /watch`: the changes of the state, or the batches, as they are executed; lines that this replica has signed. A
 * reader takes a line when it is ready for it, so a slow one costs nothing; numbers that are no longer kept then are
 * skipped, and the next line's `from` says so.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import type { ChangeLog } from "../../node/watching/change_log.ts";
import type { Timer } from "../../node/ports.ts";
import { utf8 } from "../../wire/mod.ts";
import type { HostedNode } from "../hosted_node.ts";
import { Problem } from "../problem.ts";
import { fromOf, watchedOf } from "./query.ts";
import { WatchStream } from "./stream.ts";
import { Turns } from "./turns.ts";

/** A reader that takes nothing for so long is cut off, ms. It can come back. */
const STALLED_MS = 60_000;

const HEADERS = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store, no-transform" };

/** Options of the streams. */
export interface WatchOptions {
  readonly node: HostedNode;
  readonly timer: Timer;
  readonly maxWatchers: number;
  /** Interval of empty lines, ms. Without them proxies close an idle stream. */
  readonly keepAliveMs: number;
}

/** All streams of one replica. */
export class WatchStreams {
  readonly #options: WatchOptions;
  /** How to end each, and where its reader is. */
  readonly #open = new Map<() => void, string | undefined>();
  #turns: Turns | null = null;
  #isClosed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /**
   * Opens a stream. One address may have at most as many as are left for all others.
   * @throws {Problem} if the query is wrong, there are too many streams, or the machine tells no changes.
   */
  answer({ url, method }: Request, network: string | undefined): Response {
    // A HEAD has no body: a stream for it would never be read or closed.
    if (method === "HEAD") return new Response(null, { headers: HEADERS });
    const query = new URL(url).searchParams;
    const { node, maxWatchers } = this.#options;
    const { changes, signChanges } = node;
    if (!changes || !signChanges) throw new Problem("not-found", { detail: "this replica can't be watched" });
    if (this.#isClosed) throw new Problem("unavailable", { detail: "this replica is stopping" });
    const [watch, from] = [watchedOf(query), fromOf(query)];
    if (!("batches" in watch) && !changes.hasChanges) {
      throw new Problem("malformed", {
        detail: "the state machine does not tell what it changes: only batches can be watched",
      });
    }
    const own = network === undefined ? 0 : [...this.#open.values()].filter((other) => other === network).length;
    const free = maxWatchers - this.#open.size;
    if (free <= 0 || own >= free) {
      throw new Problem("overloaded", { detail: `too many watchers: at most ${maxWatchers} at once; try again later` });
    }
    const turns = this.#turns ??= this.#turnsOf(changes, (bytes) => signChanges.call(node, bytes));
    const stream = new WatchStream({
      ...this.#options,
      watch,
      changes,
      turns,
      from: from === null ? Math.max(changes.next, presentOf(node) + 1) : Math.max(changes.first, from),
    });
    return new Response(this.#body(stream, network), { headers: HEADERS });
  }

  /** How many there are. */
  get size(): number {
    return this.#open.size;
  }

  /** Ends all streams, and opens no more. */
  close(): void {
    this.#isClosed = true;
    for (const end of [...this.#open.keys()]) end();
  }

  #turnsOf(changes: ChangeLog, sign: (bytes: Uint8Array) => Uint8Array): Turns {
    const { timer, keepAliveMs } = this.#options;
    return new Turns({ changes, timer, idleMs: keepAliveMs, sign: (statement) => sign(utf8(statement)) });
  }

  #body(stream: WatchStream, network: string | undefined): ReadableStream<Uint8Array> {
    const { timer } = this.#options;
    let isOver = false;
    let cancelStall = () => {};
    let close = () => {};
    const end = () => {
      if (isOver) return;
      isOver = true;
      cancelStall();
      this.#open.delete(end);
      close();
      if (this.#open.size === 0) this.#turns?.rest();
    };
    this.#open.set(end, network);
    return new ReadableStream<Uint8Array>({
      start(controller) {
        close = () => controller.close();
      },
      pull: async (controller) => {
        cancelStall();
        const line = await stream.line(() => isOver);
        if (isOver) return;
        if (line === null) return end();
        // The reader may be gone, and the host may say so while it takes the line. So the timer is set before.
        cancelStall = timer.schedule(millis(timer.now() + STALLED_MS), end);
        controller.enqueue(utf8(`${line}\n`));
      },
      cancel: () => {
        close = () => {};
        end();
      },
    }, { highWaterMark: 0 });
  }
}

/**
 * The last number that this replica has executed, or will execute, as far as it knows: a result that a client has is
 * not above it.
 */
function presentOf(node: HostedNode): number {
  const { lastExecuted, slots } = node.status().replica;
  return slots.reduce(
    (last, { sequence, stage }) => stage === "prepared" || stage === "committed" ? Math.max(last, sequence) : last,
    lastExecuted as number,
  );
}
