/**
 * The intake: verifies received frames and passes them on to their receivers; answers rejected ones with the reason.
 *
 * Each source (each member, the clients, strangers) has a queue of its own, and each queue has a limited share of a
 * turn. So a source that sends junk delays only itself: a member its own queue, and strangers one that gets a few
 * percent of a core. In a stranger's bundle the first fault ends the check.
 * @module
 */
import { type Digest, millis, type ReplicaId } from "../../core/messages/ids.ts";
import type { MessageInput } from "../../core/io.ts";
import type { Fetch, MessageKind, Reply } from "../../core/messages/messages.ts";
import { deferred } from "../async/deferred.ts";
import type { Task } from "../durable/task.ts";
import { AskedQueue } from "./queues/asked_queue.ts";
import type { Gate } from "./gate.ts";
import type { Bundle, Entry } from "./queues/inbox.ts";
import { clientIn, type Passed, type UnverifiedVote } from "./passed.ts";
import { isFault } from "./refused.ts";
import { SurplusVotes } from "./surplus_votes.ts";
import type { Checked, FrameSource, SourceQueue, Steps } from "./queues/source_queue.ts";
import { SourceQueues } from "./queues/source_queues.ts";
import { type AfterStep, Usefulness } from "./usefulness.ts";
import type { NodeLimits } from "../limits.ts";
import type { Observers } from "../observers.ts";
import type { Rejection, Timer } from "../ports.ts";
import type { Asked } from "../gateway/waiters.ts";

export type { FrameSource };

/** Options of {@linkcode Intake}. */
export interface IntakeOptions {
  readonly gate: Gate;
  readonly observers: Observers;
  readonly limits: Pick<NodeLimits, "maxInboxFrames" | "maxInboxBytes">;
  /** Number of replicas. */
  readonly n: number;
  readonly timer: Timer;
  /** Whether a vote, which need not be verified yet, decides nothing any more. */
  readonly isSurplus: (vote: UnverifiedVote["message"]) => boolean;
  /** Maximum votes that are kept unverified. */
  readonly maxSurplusVotes: number;
  /** The batch bodies that the newest core waits for, also while it is being replaced; undefined if unknown. */
  readonly missing: () => ReadonlySet<Digest> | undefined;
  /** Why nothing is accepted; null if frames are accepted. */
  readonly unavailable: () => Rejection | null;
  /** Called when there is something to {@linkcode Intake.drain}. */
  readonly wake: () => void;
  /** Takes a reply for this gateway. Returns whether it was waited for. */
  readonly onReply: (reply: Reply) => boolean;
  /** The core as it is now; null while the replica is reloaded. */
  readonly core: () => AfterStep | null;
  readonly onFetch: (fetch: Fetch) => void;
  /** Called for each verified message of a peer; `input`: null if it is not for the core. */
  readonly onHeard: (peer: ReplicaId, input: MessageInput | null) => void;
}

/** Faults tolerated in one bundle of a member. A member may run a later version with unknown messages. */
const MEMBERS_FAULTS = 16;
/** What a member's POST costs beside its frames, us. */
const POST_US = 200;

/** The outcome of a check. `isNewSurplus`: a vote that decides nothing any more, and was not known yet. */
type Outcome = { readonly checked: Passed | Rejection; readonly isNewSurplus: boolean };

/** The intake of one node. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #queues: SourceQueues<Outcome>;
  readonly #surplus: SurplusVotes;
  readonly #usefulness: Usefulness;
  readonly #asked: AskedQueue;
  #cancelWake: (() => void) | null = null;

  constructor(options: IntakeOptions) {
    this.#options = options;
    const { limits, n, timer } = options;
    this.#queues = new SourceQueues({ limits, n, monotonic: () => timer.monotonic() });
    this.#surplus = new SurplusVotes(options.maxSurplusVotes);
    this.#usefulness = new Usefulness(options);
    this.#asked = new AskedQueue((kind, outcome) => {
      const rejection = this.#refusal(kind, outcome);
      if (rejection) this.#reportRejection(rejection);
      return rejection;
    });
  }

  /** Number of unanswered frames. */
  get frames(): number {
    return this.#queues.frames;
  }

  /** Bytes of those frames. */
  get bytes(): number {
    return this.#queues.bytes;
  }

  /** Unanswered frames of the source that has most, and the bytes of the source that has most. */
  get mostOfOne(): { readonly frames: number; readonly bytes: number } {
    return this.#queues.most;
  }

  /** Receives the frames of one bundle. Resolves with one answer for each, in order: `null` if it was accepted. */
  receive(
    frames: readonly Uint8Array[],
    accept?: readonly MessageKind[],
    by: FrameSource = "host",
  ): Promise<readonly (Rejection | null)[]> {
    const { promise, resolve } = deferred<readonly (Rejection | null)[]>();
    const answers: (Rejection | null)[] = new Array(frames.length).fill(null);
    let left = frames.length;
    if (left === 0) resolve(answers);
    const faultsLeft = by === "host" ? Infinity : by === "strangers" ? 0 : MEMBERS_FAULTS;
    const bundle: Bundle = { faultsLeft, rejection: null };
    let refused: Rejection | null = null;
    for (let index = 0; index < frames.length; index++) {
      const answer = (rejection: Rejection | null) => {
        answers[index] = rejection;
        if (--left === 0) resolve(answers);
      };
      // Once there is no room, the rest is refused with it: a flood must not cost something for each frame.
      if (refused) answer(refused);
      else {
        const overheadUs = index === 0 && typeof by === "number" ? POST_US : 0;
        refused = this.#take({ frame: frames[index]!, accept, bundle, overheadUs, answer }, by);
      }
    }
    return promise;
  }

  /**
   * Receives the frames of one message of a stream, to which nothing is answered. `answer` is called for each frame as
   * {@linkcode Intake.receive} answers it, and once for all those for which there is no room. One function serves a
   * whole stream, so that a vote costs no promise.
   */
  stream(frames: readonly Uint8Array[], by: ReplicaId, answer: Entry["answer"]): void {
    const bundle: Bundle = { faultsLeft: MEMBERS_FAULTS, rejection: null };
    for (const frame of frames) if (this.#take({ frame, bundle, answer }, by)) return;
  }

  /** Receives a signed client's frame. */
  take(entry: Entry): void {
    this.#take(entry, "clients");
  }

  /** Queues a frame. Returns the rejection if it is refused at once. */
  #take(entry: Entry, by: FrameSource | "clients"): Rejection | null {
    const rejection = this.#options.unavailable() ?? this.#queues.of(by).add(entry);
    if (rejection) {
      this.#reportRejection(rejection);
      this.#options.observers.messages?.refused(by, entry.frame, rejection);
      entry.answer(rejection);
    } else this.#options.wake();
    return rejection;
  }

  /**
   * How long this source has to wait before more of its frames are checked, ms, as it has used up what it may cost; 0:
   * it need not wait.
   */
  restMs(by: FrameSource): number {
    return this.#queues.of(by).waitMs;
  }

  /** Adds a request or query that has been verified already. */
  enter(asked: Asked, refuse: (rejection: Rejection) => void): void {
    this.#asked.add(asked, refuse);
    this.#options.wake();
  }

  /** Whether there is something to {@linkcode drain} now. */
  get hasMore(): boolean {
    return this.#asked.hasMore || this.#queues.hasMore;
  }

  /**
   * Checks queued frames and gives the inputs for the replica: at most the `max` oldest of each queue, verified ones
   * with at most `max` operations if one alone has no more, and no more work than one turn allows. Each frame is checked
   * when its input is asked for.
   */
  *drain(max = Infinity): Generator<Task, void> {
    if (this.#asked.hasMore) yield* this.#asked.take(max);
    for (const [by, queue] of this.#queues) {
      if (!queue.hasMore) continue;
      for (const done of queue.turn(max, (entry) => this.#check(entry, by))) {
        const { entry, charge, result: { checked, isNewSurplus } } = done;
        if (isNewSurplus) charge.giveBack();
        if ("reason" in checked) this.#reject(queue, entry, checked);
        else yield* this.#pass(queue, done, checked);
      }
      if (queue.hasMore && queue.waitMs > 0) this.#wakeAfter(queue.waitMs);
    }
  }

  *#check({ frame, accept, bundle }: Entry, by: FrameSource | "clients"): Steps<Outcome> {
    const rejection = this.#options.unavailable() ?? bundle?.rejection;
    if (rejection) return { checked: rejection, isNewSurplus: false };
    let missing: ReadonlySet<Digest> | undefined | null = null;
    const isAwaited = (digest: Digest) => {
      if (missing === null) missing = this.#options.missing();
      return missing?.has(digest) ?? true;
    };
    let isNewSurplus = false;
    // Decides which votes of a member are left unverified, and keeps those.
    const isSurplus = (vote: UnverifiedVote, frame: Uint8Array): boolean => {
      if (vote.message.replica !== by || !this.#options.isSurplus(vote.message)) return false;
      isNewSurplus = this.#surplus.keep(vote, frame);
      return true;
    };
    const checked = yield* this.#options.gate.checking(frame, accept, { isAwaited, isSurplus });
    return { checked, isNewSurplus };
  }

  /** Schedules a wake-up for when a queue may work again. */
  #wakeAfter(ms: number): void {
    const { timer, wake } = this.#options;
    this.#cancelWake ??= timer.schedule(millis(timer.now() + ms), () => {
      this.#cancelWake = null;
      wake();
    });
  }

  *#pass(
    queue: SourceQueue<Outcome>,
    { entry, charge }: Checked<Outcome>,
    passed: Passed,
  ): Generator<Task, void> {
    const { observers, onReply, onFetch, onHeard } = this.#options;
    observers.notify((o) => o.onMessage?.("in", passed.kind, entry.frame.length));
    observers.messages?.taken(passed.from, queue.source, entry.frame, clientIn(passed));
    // A pre-prepare or a gateway request may have been forwarded by another replica.
    const isFromSender = passed.kind !== "pre-prepare" && passed.kind !== "gateway-request";
    if (passed.from !== null && isFromSender) onHeard(passed.from, passed.to === "core" ? passed.input : null);
    switch (passed.to) {
      case "gateway":
        if (onReply(passed.reply.message)) charge.giveBack();
        return queue.answer(entry, null);
      case "blobs":
        onFetch(passed.fetch.message);
        return queue.answer(entry, null);
      case "nobody":
        return queue.answer(entry, null);
      case "queries":
        // The gate passes a query only where a caller waits for the answer.
        entry.onVerified?.(passed.query);
        return queue.answer(entry, null);
      case "core": {
        const { input } = passed;
        if (entry.onVerified && input.kind === "request") {
          entry.onVerified(input.request);
          return queue.answer(entry, null);
        }
        yield* this.#recalled(input);
        yield {
          input,
          onStepped: (ready) => this.#usefulness.of(queue.source, input, ready) && charge.giveBack(),
          onOutcome: (outcome) => this.#answer(queue, entry, this.#refusal(passed.kind, outcome)),
        };
      }
    }
  }

  /** The kept votes that the core must have before this input. */
  *#recalled(input: MessageInput): Generator<Task, void> {
    for (const frame of this.#surplus.recallFor(input)) {
      const outcome = this.#options.gate.check(frame);
      if ("reason" in outcome) this.#reportRejection(outcome);
      else if (outcome.to === "core") yield { input: outcome.input };
    }
  }

  #refusal(kind: Rejection["kind"], outcome: "taken" | "full" | "stopped"): Rejection | null {
    switch (outcome) {
      case "taken":
        return null;
      case "full":
        return { reason: "overloaded", kind, detail: "too many requests wait to be ordered; retry later" };
      case "stopped":
        return this.#options.unavailable() ?? { reason: "unavailable", kind, detail: "the replica has stopped" };
    }
  }

  #answer(queue: SourceQueue<Outcome>, entry: Entry, rejection: Rejection | null): void {
    if (rejection) this.#reject(queue, entry, rejection);
    else queue.answer(entry, null);
  }

  #reject(queue: SourceQueue<Outcome>, entry: Entry, rejection: Rejection): void {
    const { bundle } = entry;
    // Unread frames of a rejected bundle are answered to the sender, but not reported to the observers again.
    if (!bundle || bundle.rejection !== rejection) this.#reportRejection(rejection);
    this.#options.observers.messages?.refused(queue.source, entry.frame, rejection);
    if (bundle && isFault(rejection) && bundle.faultsLeft-- <= 0) bundle.rejection ??= rejection;
    queue.answer(entry, rejection);
  }

  #reportRejection(rejection: Rejection): void {
    this.#options.observers.notify((o) => o.onRejected?.(rejection));
  }
}
