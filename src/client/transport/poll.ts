/**
 * Asking every replica the same at once, until a quorum gives the same answer.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { QueryReply, Result } from "../../core/messages/messages.ts";
import { agree } from "../proofs/agreement.ts";
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
  const votes = new Map<ReplicaId, QueryReply>();
  const controller = new AbortController();
  return await new Promise<Polled>((resolve, reject) => {
    let open = peers.length;
    const end = (settle: () => void) => {
      cancelAlarm();
      signal.removeEventListener("abort", onAbort);
      controller.abort();
      settle();
    };
    const reads = () => [...votes.values()].filter(({ result }) => result.status === "ok").length;
    const split = () => end(() => resolve({ kind: "split", reads: reads() }));
    const onAbort = () => end(() => reject(signal.reason));
    const cancelAlarm = after(timer, patienceMs, split);
    signal.addEventListener("abort", onAbort);
    const ask = async (peer: Peer) => {
      const answer = await post(peer, controller.signal);
      const reply = answer.kind === "frame" ? await check(answer.frame) : "";
      if (controller.signal.aborted) return;
      open--;
      if (typeof reply !== "string") votes.set(reply.replica, reply);
      const best = mostCommon([...votes.values()]);
      if (best.length >= quorum) end(() => resolve({ kind: "agreed", result: best[0]!.result }));
      else if (open === 0 || (best.length + open < quorum && reads() >= needed)) split();
    };
    for (const peer of peers) void ask(peer);
  });
}

function mostCommon(replies: readonly QueryReply[]): readonly QueryReply[] {
  const groups = replies.map((one) => replies.filter((other) => isSame(one, other)));
  return groups.reduce((best, group) => group.length > best.length ? group : best, []);
}

/** Replicas that say the same need not be equally far. */
function isSame(a: QueryReply, b: QueryReply): boolean {
  const vote = ({ result, replica, view, query: request }: QueryReply) => {
    return { kind: "reply", replica, view, request, results: [{ ...result, sequence: a.result.sequence }] } as const;
  };
  return agree(vote(a), vote(b));
}
