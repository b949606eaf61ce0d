/**
 * Asking every replica the same at once, until a quorum gives the same answer.
 * @module
 */
import type { QueryReply, Result } from "../../core/messages/messages.ts";
import { equalResults, Tally } from "../../core/messages/tally.ts";
import type { Answer } from "./post.ts";
import type { Peer } from "./replicas.ts";
import { after } from "./timer.ts";
import type { Timer } from "../../node/ports.ts";

/** What a poll works with. */
export interface PollContext {
  readonly peers: readonly Peer[];
  /** How many equal answers make one: any two sets of so many share a correct replica. */
  readonly quorum: number;
  readonly timer: Timer;
  /** How many must have taken it for a read before the rest need not be waited for, if there can't be a quorum any more. */
  readonly needed: number;
  /** How long to wait for a quorum, ms. */
  readonly patienceMs: number;
  post(peer: Peer, signal: AbortSignal): Promise<Answer>;
  /** The verified answer, or what is wrong with it. */
  check(frame: Uint8Array): Promise<QueryReply | string>;
}

/** What came of a poll. */
export type Polled =
  /** A quorum said this. */
  | { readonly kind: "agreed"; readonly result: Result }
  /** There was no quorum in time. `reads`: how many replicas took the operation for a read and answered it. */
  | { readonly kind: "split"; readonly reads: number };

/** Asks all. Rejects only with the signal's reason. */
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

/** Replicas whose results are equal need not have executed equally far. */
function isEqual({ result: a }: QueryReply, { result: b }: QueryReply): boolean {
  return equalResults([{ ...a, sequence: b.sequence }], [b]);
}
