/**
 * Sends one signed request until f + 1 replicas agree on its result. It decides which replicas get the request, and
 * when.
 *
 * First it sends the request to the supposed primary and to as many others as are needed for f + 1 replies. A replica
 * that fails, or whose answer is useless, is replaced by another at once. If there is no agreement after `retryMs`, all
 * replicas get the request (PBFT §4.1: a client that gets no reply sends to all replicas), and again after growing
 * intervals.
 *
 * @module
 */
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { Reply } from "../../core/messages/messages.ts";
import { Tally } from "../../core/messages/tally.ts";
import type { Timer } from "../../node/ports.ts";
import { agree, type Vote } from "../proofs/agreement.ts";
import { RequestDeniedError } from "../errors.ts";
import type { Answer } from "../transport/post.ts";
import { jittered, type RandomIntegers } from "../transport/random.ts";
import type { Peer, Replicas } from "../transport/replicas.ts";
import { after } from "../transport/timer.ts";

/** A signed request. */
export interface Sendable {
  readonly frame: Uint8Array;
  readonly digest: Digest;
  /** The number of results that a reply to it must have. */
  readonly results: number;
}

/** What an {@linkcode Exchange} is made from. */
export interface ExchangeContext {
  readonly replicas: Replicas;
  readonly timer: Timer;
  readonly random: RandomIntegers;
  /** How long to wait for an agreement before all replicas are asked. It grows with what operations take. */
  readonly retryMs: number;
  readonly maxRetryMs: number;
  /** A POST that is older than this is cancelled at the next retry, ms. */
  readonly postMs: number;
  /** `accept`: the forms of replies that are taken, as a header. */
  post(url: string, request: Sendable, signal: AbortSignal, accept?: string): Promise<Answer>;
  /** Verifies a reply. Returns the reply, or its fault. */
  check(frame: Uint8Array, request: Sendable, peer: Peer): Promise<Reply | string>;
}

interface Post {
  readonly controller: AbortController;
  readonly since: number;
}

/** Gets one request answered. */
export class Exchange {
  readonly #context: ExchangeContext;
  readonly #request: Sendable;
  readonly #tally = new Tally<Vote>((a, b) => agree(a.reply, b.reply));
  #resolve: (votes: readonly Vote[]) => void = () => {};
  #reject: (reason: unknown) => void = () => {};
  readonly #ordered: readonly Peer[];
  /** The POSTs in flight, at most one per replica. */
  readonly #posts = new Map<ReplicaId, Post>();
  readonly #asked = new Set<Peer>();
  /** Replicas that asked for a later attempt, and its time. All times here are of the monotonic clock. */
  readonly #postponed = new Map<Peer, number>();
  readonly #denials = new Map<ReplicaId, Answer & { kind: "denied" }>();
  #retryAt: number;
  #retryMs: number;
  #cancelAlarm: () => void = () => {};
  #settled = false;

  constructor(context: ExchangeContext, request: Sendable) {
    this.#context = context;
    this.#request = request;
    this.#retryMs = context.retryMs;
    const now = context.timer.monotonic();
    this.#retryAt = now + this.#retryMs;
    this.#ordered = context.replicas.byPreference(now);
  }

  /** Starts. @returns f + 1 equal replies. @throws {RequestDeniedError}, or the reason of {@linkcode abort}. */
  run(): Promise<readonly Vote[]> {
    const { replicas, timer } = this.#context;
    const now = timer.monotonic();
    const answered = new Promise<readonly Vote[]>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    for (const peer of this.#ordered.slice(0, replicas.firstCount(this.#ordered, now))) this.#ask(peer, now);
    this.#setAlarm();
    return answered;
  }

  /** Stops: {@linkcode run} rejects with `reason`. */
  abort(reason: unknown): void {
    this.#finish(() => this.#reject(reason));
  }

  #ask(peer: Peer, now: number): void {
    this.#asked.add(peer);
    // A backup that is overloaded can be replaced. The primary cannot: others would only pass the request on to it.
    if (peer.notBefore > now && peer.id === this.#context.replicas.primary) this.#postponed.set(peer, peer.notBefore);
    else void this.#post(peer);
  }

  async #post(peer: Peer): Promise<void> {
    const context = this.#context;
    const request = this.#request;
    const post: Post = { controller: new AbortController(), since: context.timer.monotonic() };
    this.#posts.set(peer.id, post);
    const answer = await context.post(peer.url, request, post.controller.signal);
    const reply = answer.kind === "frame" ? await context.check(answer.frame, request, peer) : null;
    if (this.#settled || this.#posts.get(peer.id) !== post) return;
    this.#posts.delete(peer.id);
    if (answer.kind === "frame" && reply !== null && typeof reply === "object") {
      this.#count(peer, { reply, frame: answer.frame });
    } else {
      this.#miss(peer, answer);
    }
    if (!this.#settled) this.#replaceMissing();
  }

  #count(peer: Peer, vote: Vote): void {
    const { replicas } = this.#context;
    replicas.heard(vote.reply.replica, vote.reply.view);
    peer.suspect = false;
    const agreeing = this.#tally.add(vote.reply.replica, vote);
    if (agreeing.length < replicas.needed) return;
    const dissenters = this.#tally.against(vote);
    for (const other of this.#ordered) if (dissenters.includes(other.id)) other.suspect = true;
    this.#finish(() => this.#resolve(agreeing.slice(0, replicas.needed)));
  }

  #miss(peer: Peer, answer: Answer): void {
    const { replicas, timer, random, retryMs } = this.#context;
    const now = timer.monotonic();
    switch (answer.kind) {
      case "pending":
        this.#postpone(peer, now + jittered(retryMs, random));
        return;
      case "later": {
        const at = now + jittered(answer.afterMs, random);
        peer.notBefore = at;
        if (!answer.overloaded) peer.suspect = true;
        else if (peer.id === replicas.primary) this.#postpone(peer, at);
        return;
      }
      case "denied":
        this.#denials.set(peer.id, answer);
        if (this.#denials.size < replicas.needed) return;
        this.#finish(() => this.#reject(new RequestDeniedError(answer.status, answer.detail)));
        return;
      case "failed":
      case "frame": // a reply that was not valid
        peer.suspect = true;
    }
  }

  #postpone(peer: Peer, at: number): void {
    this.#postponed.set(peer, at);
    if (at >= this.#retryAt && peer.id === this.#context.replicas.primary) {
      this.#retryAt = at + this.#retryMs;
    }
    this.#setAlarm();
  }

  /** Sends to more replicas while those that have the request can no longer bring an agreement. */
  #replaceMissing(): void {
    const { replicas, timer } = this.#context;
    const now = timer.monotonic();
    for (const peer of this.#ordered) {
      const possible = this.#tally.largest + this.#posts.size + this.#postponed.size;
      if (possible >= replicas.needed) return;
      if (!this.#asked.has(peer) && peer.notBefore <= now) this.#ask(peer, now);
    }
  }

  #setAlarm(): void {
    this.#cancelAlarm();
    const at = Math.min(this.#retryAt, ...this.#postponed.values());
    const { timer } = this.#context;
    this.#cancelAlarm = after(timer, at - timer.monotonic(), () => this.#onAlarm());
  }

  #onAlarm(): void {
    const now = this.#context.timer.monotonic();
    for (const [peer, at] of this.#postponed) {
      if (at > now) continue;
      this.#postponed.delete(peer);
      if (!this.#posts.has(peer.id)) void this.#post(peer);
    }
    if (now >= this.#retryAt) this.#retry(now);
    this.#setAlarm();
  }

  #retry(now: number): void {
    const { timer, random, postMs, maxRetryMs } = this.#context;
    for (const peer of this.#ordered) {
      const post = this.#posts.get(peer.id);
      if (post !== undefined) {
        peer.suspect = true;
        if (timer.monotonic() - post.since < postMs) continue;
        post.controller.abort();
      }
      if (peer.notBefore > now || this.#postponed.has(peer)) continue;
      this.#asked.add(peer);
      void this.#post(peer);
    }
    this.#retryMs = Math.min(this.#retryMs * 2, maxRetryMs);
    this.#retryAt = now + jittered(this.#retryMs, random);
  }

  #finish(settle: () => void): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#cancelAlarm();
    for (const { controller } of this.#posts.values()) controller.abort();
    this.#posts.clear();
    settle();
  }
}
