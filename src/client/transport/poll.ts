/**
 * Sends one query to every replica at once, until a quorum gives the same answer.
 * @module
 */
import type { QueryReply, Result } from "../../core/messages/messages.ts";
import { equalResults, Tally } from "../../core/messages/tally.ts";
import type { Answer } from "./post.ts";
import type { Peer } from "./replicas.ts";
import { after } from "./timer.ts";
import type { Timer } from "../../node/ports.ts";

/** What {@linkcode poll} needs. */
export interface PollContext {
  readonly peers: readonly Peer[];
  /** How many equal answers are needed. Any two sets of this size share a correct replica. */
  readonly quorum: number;
  readonly timer: Timer;
  /** If no quorum is possible any longer, the poll ends early once this many replicas have answered it as a read. */
  readonly needed: number;
  /** How long to wait for a quorum, ms. */
  readonly patienceMs: number;
  post(peer: Peer, signal: AbortSignal): Promise<Answer>;
  /** Verifies an answer. Returns it, or what is wrong with it. */
  check(frame: Uint8Array): Promise<QueryReply | string>;
}

/** The result of a poll. */
export type Polled =
  /** A quorum gave this answer. */
  | { readonly kind: "agreed"; readonly result: Result }
  /** There was no quorum in time. `reads`: how many replicas answered the operation as a read. */
  | { readonly kind: "split"; readonly reads: number };

/** Sends the query to all. Rejects only with the signal's reason. */
export async function poll(context: PollContext, signal: AbortSignal): Promise<Polled> {
  signal.throwIfAborted();
  const { peers, quorum, needed, timer, patienceMs, post, check } = context;
  const tally = new Tally<QueryReply>(isEqual);
  const controller = new AbortController();
  return await new Promise<Polled>((resolve, reject) => {
    let open = peers.length;
    const end = (settle: () => void) => {
      cancelAlarm();
      signal.removeEventListener("abort", onAbort);
      controller.abort();
      settle();
    };
    const reads = () => tally.answers.filter(({ result }) => result.status === "ok").length;
    const split = () => end(() => resolve({ kind: "split", reads: reads() }));
    const onAbort = () => end(() => reject(signal.reason));
    const cancelAlarm = after(timer, patienceMs, split);
    signal.addEventListener("abort", onAbort);
    const ask = async (peer: Peer) => {
      const answer = await post(peer, controller.signal);
      const reply = answer.kind === "frame" ? await check(answer.frame) : "";
      if (controller.signal.aborted) return;
      open--;
      const agreeing = typeof reply === "string" ? [] : tally.add(reply.replica, reply);
      if (agreeing.length >= quorum) end(() => resolve({ kind: "agreed", result: agreeing[0]!.result }));
      else if (open === 0 || (tally.largest + open < quorum && reads() >= needed)) split();
    };
    for (const peer of peers) void ask(peer);
  });
}

/** Compares all but the sequence numbers: replicas with the same answer may have executed different numbers. */
function isEqual({ result: a }: QueryReply, { result: b }: QueryReply): boolean {
  return equalResults([{ ...a, sequence: b.sequence }], [b]);
}
