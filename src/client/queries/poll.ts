/**
 * Sends one query to every replica at once, until a quorum gives the same answer to each of its operations.
 * @module
 */
import type { QueryReply, Result } from "../../core/messages/messages.ts";
import { equalResults, Tally } from "../../core/messages/tally.ts";
import type { Answer } from "../transport/post.ts";
import type { Peer } from "../transport/replicas.ts";
import { after } from "../transport/timer.ts";
import type { Timer } from "../../node/ports.ts";

/** What {@linkcode poll} needs. */
export interface PollContext {
  readonly peers: readonly Peer[];
  /** The number of operations in the query. */
  readonly operations: number;
  /** How many equal answers are needed. Any two sets of this size share a correct replica. */
  readonly quorum: number;
  readonly timer: Timer;
  /** If no quorum is possible any longer, the poll ends early once this many replicas have answered each operation left as a read. */
  readonly needed: number;
  /** How long to wait for a quorum, ms. */
  readonly patienceMs: number;
  /** Called with the index of an operation and the result that a quorum gave, at most once for each. */
  readonly onAgreed: (index: number, result: Result) => void;
  post(peer: Peer, signal: AbortSignal): Promise<Answer>;
  /** Verifies an answer. Returns it, or its fault. */
  check(frame: Uint8Array, peer: Peer): Promise<QueryReply | string>;
}

/** How a poll ended for the operations without a quorum. */
export interface Polled {
  /** The indices of these operations. */
  readonly left: readonly Left[];
  /** Whether every replica has answered, with results or otherwise. */
  readonly isComplete: boolean;
  /** How many replicas asked for a later attempt because they are overloaded. */
  readonly overloaded: number;
  /** How many replicas do not understand the query, or deny it. */
  readonly denied: number;
}

/** An operation without a quorum. */
export interface Left {
  readonly index: number;
  /** How many replicas answered it as a read. */
  readonly reads: number;
  /** How many replicas answered the query, but had no room for this result. */
  readonly leftOut: number;
}

/** Sends the query to all. Rejects only with the signal's reason. */
export async function poll(context: PollContext, signal: AbortSignal): Promise<Polled> {
  signal.throwIfAborted();
  return await new Promise<Polled>((resolve, reject) => new Poll(context, signal, { resolve, reject }).start());
}

interface Settle {
  resolve(polled: Polled): void;
  reject(reason: unknown): void;
}

class Poll {
  readonly #context: PollContext;
  readonly #signal: AbortSignal;
  readonly #settle: Settle;
  readonly #controller = new AbortController();
  /** The answers to each operation that no quorum has agreed on yet, by index. */
  readonly #open = new Map<number, Tally<Result>>();
  /** How many results each answer has. */
  readonly #lengths: number[] = [];
  #awaited: number;
  #overloaded = 0;
  #denied = 0;
  #cancelAlarm: () => void = () => {};

  constructor(context: PollContext, signal: AbortSignal, settle: Settle) {
    this.#context = context;
    this.#signal = signal;
    this.#settle = settle;
    this.#awaited = context.peers.length;
    for (let index = 0; index < context.operations; index++) this.#open.set(index, new Tally(isEqual));
  }

  start(): void {
    const { timer, patienceMs, peers } = this.#context;
    this.#cancelAlarm = after(timer, patienceMs, () => this.#end());
    this.#signal.addEventListener("abort", this.#onAbort);
    for (const peer of peers) void this.#ask(peer);
  }

  async #ask(peer: Peer): Promise<void> {
    const { post, check } = this.#context;
    const answer = await post(peer, this.#controller.signal);
    const reply = answer.kind === "frame" ? await check(answer.frame, peer) : "";
    if (this.#controller.signal.aborted) return;
    this.#awaited--;
    if (typeof reply !== "string") this.#count(reply);
    if (answer.kind === "later" && answer.overloaded) this.#overloaded++;
    if (answer.kind === "denied") this.#denied++;
    if (this.#awaited === 0 || this.#isHopeless) this.#end();
  }

  #count({ replica, results }: QueryReply): void {
    const { quorum, onAgreed } = this.#context;
    this.#lengths.push(results.length);
    results.forEach((result, index) => {
      const agreeing = this.#open.get(index)?.add(replica, result) ?? [];
      if (agreeing.length < quorum) return;
      this.#open.delete(index);
      onAgreed(index, result);
    });
  }

  /** Whether waiting longer changes nothing: no operation is left, or none of those left can still get a quorum, and all are reads. */
  get #isHopeless(): boolean {
    const { quorum, needed } = this.#context;
    for (const [index, tally] of this.#open) {
      if (this.#leftOut(index) >= needed) continue;
      if (tally.largest + this.#awaited >= quorum || readsOf(tally) < needed) return false;
    }
    return true;
  }

  #leftOut(index: number): number {
    return this.#lengths.filter((length) => length <= index).length;
  }

  #end(): void {
    const left = [...this.#open].map(([index, tally]) => {
      return { index, reads: readsOf(tally), leftOut: this.#leftOut(index) };
    });
    const [isComplete, overloaded, denied] = [this.#awaited === 0, this.#overloaded, this.#denied];
    this.#stop();
    this.#settle.resolve({ left, isComplete, overloaded, denied });
  }

  #onAbort = (): void => {
    this.#stop();
    this.#settle.reject(this.#signal.reason);
  };

  #stop(): void {
    this.#cancelAlarm();
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#controller.abort();
  }
}

function readsOf({ answers }: Tally<Result>): number {
  return answers.filter(({ status }) => status === "ok").length;
}

/** Compares all but the sequence numbers: replicas with the same answer may have executed different numbers. */
function isEqual(a: Result, b: Result): boolean {
  return equalResults([{ ...a, sequence: b.sequence }], [b]);
}
