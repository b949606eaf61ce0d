/**
 * Sends one query, until a quorum of replicas gives the same answer to each of its operations: to a preferred quorum
 * first, and to the others as soon as those can't agree, or one of them is late; at other times to all at once (see
 * {@linkcode Preference}).
 * @module
 */
import type { QueryReply, Result } from "../../core/messages/messages.ts";
import { equalResults, Tally } from "../../core/messages/tally.ts";
import type { Answer } from "../transport/post.ts";
import { Preference } from "../transport/preference.ts";
import type { Peer, Replicas } from "../transport/replicas.ts";
import { after } from "../transport/timer.ts";
import type { Timer } from "../../node/ports.ts";

/** What {@linkcode poll} needs. */
export interface PollContext {
  readonly replicas: Pick<Replicas, "peers" | "needed" | "preference">;
  /** The number of operations in the query. */
  readonly operations: number;
  /** How many equal answers are needed. Any two sets of this size share a correct replica. */
  readonly quorum: number;
  readonly timer: Timer;
  /** How long to wait for a quorum once all replicas were asked, ms. */
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
  /** f + 1: among this many of the replicas that were asked at least one is correct. */
  readonly needed: number;
}

/** An operation without a quorum. */
export interface Left {
  readonly index: number;
  /** How many replicas answered it as a read. */
  readonly reads: number;
  /** How many replicas answered the query, but had no room for this result. */
  readonly leftOut: number;
}

/** Sends the query. Rejects only with the signal's reason. */
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
  /** The replicas in the order in which they are asked. */
  readonly #peers: readonly Peer[];
  /** Those that were asked, and have not answered. */
  readonly #asked = new Set<Peer>();
  readonly #preference: Preference;
  readonly #startedAt: number;
  /** Whether only a preferred quorum was asked. */
  #isPreferred = false;
  /** How many may still answer, whether they were asked or not. */
  #awaited: number;
  #overloaded = 0;
  #denied = 0;
  #cancelAlarm: () => void = () => {};

  constructor(context: PollContext, signal: AbortSignal, settle: Settle) {
    this.#context = context;
    this.#signal = signal;
    this.#settle = settle;
    const { replicas } = context;
    const { peers } = replicas;
    this.#preference = replicas.preference ??= new Preference();
    this.#peers = this.#preference.order(peers);
    this.#startedAt = context.timer.monotonic();
    this.#awaited = peers.length;
    for (let index = 0; index < context.operations; index++) this.#open.set(index, new Tally(isEqual));
  }

  start(): void {
    const { timer, patienceMs, quorum } = this.#context;
    this.#signal.addEventListener("abort", this.#onAbort);
    const first = this.#preference.next() ? quorum : this.#peers.length;
    for (const peer of this.#peers.slice(0, first)) void this.#ask(peer);
    this.#isPreferred = first < this.#peers.length;
    const ms = !this.#isPreferred
      ? patienceMs
      : Math.min(patienceMs, this.#preference.patienceMs(this.#peers[first - 1]!));
    this.#cancelAlarm = after(timer, ms, () => this.#isPreferred ? this.#askAll() : this.#end());
  }

  /** Asks those that were not preferred. */
  #askAll(): void {
    const { timer, patienceMs, quorum } = this.#context;
    this.#isPreferred = false;
    this.#preference.restart();
    for (const peer of this.#peers.slice(quorum)) void this.#ask(peer);
    this.#cancelAlarm();
    this.#cancelAlarm = after(timer, patienceMs, () => this.#end());
  }

  async #ask(peer: Peer): Promise<void> {
    const { post, check, patienceMs } = this.#context;
    this.#asked.add(peer);
    const answer = await post(peer, this.#controller.signal);
    const reply = answer.kind === "frame" ? await check(answer.frame, peer) : "";
    if (this.#controller.signal.aborted) return;
    this.#asked.delete(peer);
    this.#awaited--;
    this.#preference.note(peer.id, typeof reply === "string" ? patienceMs : this.#sinceMs);
    if (typeof reply !== "string") this.#count(reply);
    if (answer.kind === "later" && answer.overloaded) this.#overloaded++;
    if (answer.kind === "denied") this.#denied++;
    if (this.#awaited === 0 || this.#isHopeless) this.#end();
    else if (this.#isPreferred && this.#cannotAgree) this.#askAll();
  }

  get #sinceMs(): number {
    return this.#context.timer.monotonic() - this.#startedAt;
  }

  /**
   * Whether those that were asked are too few for one of the operations. One for which an answer had no room may be
   * asked again anyway.
   */
  get #cannotAgree(): boolean {
    const { size } = this.#asked;
    const isShort = (index: number, { largest }: Tally<Result>) =>
      largest + size + this.#leftOut(index) < this.#context.quorum;
    return size === 0 || [...this.#open].some(([index, tally]) => isShort(index, tally));
  }

  #count({ replica, results }: QueryReply): void {
    const { quorum, onAgreed, patienceMs } = this.#context;
    this.#lengths.push(results.length);
    results.forEach((result, index) => {
      const tally = this.#open.get(index);
      if (!tally || tally.add(replica, result).length < quorum) return;
      for (const other of tally.against(result)) this.#preference.note(other, patienceMs);
      this.#open.delete(index);
      onAgreed(index, result);
    });
  }

  /**
   * Whether waiting longer changes nothing: either no operation is left, or those that are left can't get a quorum any
   * more and are all known to be reads.
   */
  get #isHopeless(): boolean {
    const { quorum, replicas: { needed } } = this.#context;
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
    this.#settle.resolve({ left, isComplete, overloaded, denied, needed: this.#context.replicas.needed });
  }

  #onAbort = (): void => {
    this.#stop();
    this.#settle.reject(this.#signal.reason);
  };

  #stop(): void {
    this.#cancelAlarm();
    for (const peer of this.#asked) this.#preference.noteSilent(peer, this.#sinceMs);
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
