/**
 * Reads the streams of all replicas over the epochs, and gives the agreed changes.
 * @module
 */
import { type ReplicaId, replicaId } from "../../core/messages/ids.ts";
import { weakQuorum } from "../../core/messages/quorum.ts";
import type { ClientVerifier } from "../../crypto/client.ts";
import type { Timer } from "../../node/ports.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import type { Watched } from "../../wire/mod.ts";
import { endOf } from "../epochs/following.ts";
import type { EpochsToWatch } from "../epochs/present.ts";
import { after } from "../transport/timer.ts";
import type { AnyEvent } from "./events.ts";
import { follow } from "./follow.ts";
import { News } from "./news.ts";
import { type Agreed, Tally } from "./tally.ts";

/** When the epoch is over, its replicas have this long to say the rest of it, ms. */
const REST_MS = 5_000;
/** How often the clock is read while a deadline is open, ms. */
const LOOK_MS = 250;

/** What a watcher needs. */
export interface WatcherOptions {
  readonly epochs: EpochsToWatch;
  readonly fetch: typeof globalThis.fetch;
  readonly timer: Timer;
  readonly watch: Watched;
  /** The first number; `null`: the present. */
  readonly from: number | null;
  readonly signal: AbortSignal;
  /** The watch goes on at this number: all before is done, and the number that is being yielded is not. */
  readonly onProgress: (next: number) => void;
}

/** Yields the agreed events in order, until the signal aborts. */
export async function* watchEvents(options: WatcherOptions): AsyncGenerator<readonly AnyEvent[], void> {
  for await (const agreed of agreedChanges(options)) yield eventsOf(agreed);
}

/**
 * Yields the agreed statements in order, until the signal aborts. While its caller does not ask, little is read. At the
 * end of an epoch the watch goes on with the next one's members, who know the last numbers before, too.
 */
async function* agreedChanges(options: WatcherOptions): AsyncGenerator<Agreed, void> {
  let { from } = options;
  while (!options.signal.aborted) {
    const { epoch, verifier } = await options.epochs.present();
    from = yield* agreedInEpoch({ ...options, epoch, verifier, from });
  }
}

/** The events of an agreed statement. */
function eventsOf(agreed: Agreed): readonly AnyEvent[] {
  if (agreed.kind === "missed") return [agreed];
  const { sequence, content, votes } = agreed;
  const signedBy = votes.map(({ replica }) => replica);
  if ("requests" in content) {
    const { requests, operations } = content;
    return [{ kind: "batch", sequence, requests, operations, signedBy, votes }];
  }
  return content.map(([key, value]) => ({ kind: "change", sequence, key, value, signedBy, votes }));
}

interface InEpoch extends WatcherOptions {
  readonly epoch: Epoch;
  readonly verifier: ClientVerifier;
}

/** Returns the number at which to go on in the next epoch. */
async function* agreedInEpoch(options: InEpoch): AsyncGenerator<Agreed, number | null> {
  const { epoch, epochs, timer, from, signal, onProgress } = options;
  const { replicas } = epoch.genesis;
  const tally = new Tally({ n: replicas.length, from });
  const [ended, news] = [new AbortController(), new News()];
  const end = () => ended.abort();
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  ended.signal.addEventListener("abort", () => news.tell(), { once: true });
  const ending = new Ending(options, news);
  const speaking = new Set<ReplicaId>();
  const isSilent = () => speaking.size < weakQuorum(replicas.length);
  const streams = replicas.map((_, i) =>
    follow(replicaId(i), { ...options, signal: ended.signal, tally, news, speaking, onEnd: () => epochs.doubt() })
  );
  try {
    while (!ended.signal.aborted) {
      const agreed = tally.advance(timer.monotonic());
      if (agreed) {
        onProgress(agreed.kind === "missed" ? agreed.from : agreed.sequence);
        yield agreed;
        news.tell();
        continue;
      }
      if (tally.next !== null) onProgress(tally.next);
      if (ending.isOver(tally.next, isSilent())) break;
      const heard = news.next();
      const cancel = tally.isStuck || ending.isNear ? after(timer, LOOK_MS, () => news.tell()) : () => {};
      await heard;
      cancel();
    }
    return tally.next;
  } finally {
    ending.forget();
    signal.removeEventListener("abort", end);
    end();
    await Promise.allSettled(streams);
  }
}

/** The end of an epoch, as far as it is known. */
class Ending {
  readonly forget: () => void;
  readonly #timer: Timer;
  #last: { readonly number: number; readonly until: number } | null = null;

  constructor({ epoch, epochs, timer }: InEpoch, news: News) {
    this.#timer = timer;
    const look = async () => {
      const number = await endOf(epochs, epoch.number);
      if (number === null) return;
      this.#last ??= { number, until: timer.monotonic() + REST_MS };
      news.tell();
    };
    this.forget = epochs.listen(() => void look());
    void look();
  }

  /** Whether the epoch has ended, and its replicas may say the rest. */
  get isNear(): boolean {
    return this.#last !== null;
  }

  /** Whether all of the epoch is agreed up to `next`, or the time for that is over, or too few say anything. */
  isOver(next: number | null, isSilent: boolean): boolean {
    if (!this.#last) return false;
    if (isSilent) return true;
    return this.#timer.monotonic() >= this.#last.until || (next !== null && next > this.#last.number);
  }
}
