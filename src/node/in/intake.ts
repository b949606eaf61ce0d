/**
 * The way in: what came is verified and goes to who is to have it; what doesn't pass is answered with the reason.
 *
 * Members, clients, and strangers wait in lanes of their own, and each lane has its part of a turn. So junk is paid for by who brings it: a member by
 * its own lane, a stranger by one that gets some percent of a core. Of a bundle, a stranger's first fault is the last thing that is looked at.
 * @module
 */
import { type Digest, millis, type ReplicaId } from "../../core/messages/ids.ts";
import type { MessageInput } from "../../core/io.ts";
import type { Fetch, MessageKind, Query, Reply } from "../../core/messages/messages.ts";
import { deferred } from "../async/deferred.ts";
import type { Task } from "../durable/task.ts";
import type { Gate, Passed } from "./gate.ts";
import type { Bundle, Entry } from "./inbox.ts";
import { Lane, type LaneBounds, type Steps } from "./lane.ts";
import type { NodeLimits } from "../limits.ts";
import type { Observers } from "../observers.ts";
import type { Rejection, Timer } from "../ports.ts";
import type { Asked } from "../gateway/waiters.ts";

/** What the way in needs. */
export interface IntakeOptions {
  readonly gate: Gate;
  readonly observers: Observers;
  readonly limits: Pick<NodeLimits, "maxInboxFrames" | "maxInboxBytes">;
  /** How many replicas there are. */
  readonly n: number;
  readonly timer: Timer;
  /** The bodies that the replica waits for; undefined: it can't tell, or is being read from its store. */
  readonly missing: () => ReadonlySet<Digest> | undefined;
  /** Why nothing is taken, if so. */
  readonly unavailable: () => Rejection | null;
  /** There is something to {@linkcode Intake.drain}. */
  readonly wake: () => void;
  readonly onReply: (reply: Reply) => void;
  readonly onFetch: (fetch: Fetch) => void;
  /** A peer has sent something; `null`: nothing for the core. */
  readonly onHeard: (peer: ReplicaId, input: MessageInput | null) => void;
}

/** Who brings frames: a member that has proved itself, anybody, or whom the host answers for. */
export type FrameSource = ReplicaId | "strangers" | "host";

/** Work of all members' lanes in one turn, and of the clients', us: what comes by other ways waits for no longer. */
const MEMBERS_US_PER_TURN = 24_000;
const CLIENTS_US_PER_TURN = 8_000;
/** Work for strangers in one turn, us, and per ms: 6 % of a core, some thousand signatures a second. */
const STRANGERS_US_PER_TURN = 1_000;
const STRANGERS_US_PER_MS = 60;
/** What strangers may have waiting. */
const STRANGERS_LIMITS = { maxInboxFrames: 4_096, maxInboxBytes: 16 * 1024 * 1024 };
/** Faults in one bundle of a member, which may speak a later version than this one. */
const MEMBERS_FAULTS = 16;

/** What a client asks, and who hears why it is not taken: nobody if it is. Whoever brings it bounds how many wait. */
interface Verified {
  readonly asked: Asked;
  readonly refuse: (rejection: Rejection) => void;
}

type Outcome = Passed | Rejection;

/** The way in. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #lanes = new Map<FrameSource | "clients", Lane<Outcome>>();
  #verified: Verified[] = [];
  #cancelRest: (() => void) | null = null;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Frames that are not answered yet. */
  get frames(): number {
    let frames = 0;
    for (const lane of this.#lanes.values()) frames += lane.frames;
    return frames;
  }

  /** Their bytes. */
  get bytes(): number {
    let bytes = 0;
    for (const lane of this.#lanes.values()) bytes += lane.bytes;
    return bytes;
  }

  /** Takes frames in that came together. One answer each, in order: `null`, it was taken. */
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
    const bundle: Bundle = { faultsLeft, over: null };
    for (let index = 0; index < frames.length; index++) {
      const settle = (rejection: Rejection | null) => {
        answers[index] = rejection;
        if (--left === 0) resolve(answers);
      };
      this.#take({ frame: frames[index]!, accept, bundle, settle }, by);
    }
    return promise;
  }

  /** Takes in what a client has signed, or answers at once why not. */
  take(entry: Entry): void {
    this.#take(entry, "clients");
  }

  #take(entry: Entry, by: FrameSource | "clients"): void {
    const rejection = this.#options.unavailable() ?? this.#lane(by).add(entry);
    if (!rejection) return this.#options.wake();
    this.#tellRejected(rejection);
    entry.settle(rejection);
  }

  /** Takes in what came before as a frame, and was verified. */
  enter(asked: Asked, refuse: Verified["refuse"]): void {
    this.#verified.push({ asked, refuse });
    this.#options.wake();
  }

  /** Whether there is something to {@linkcode drain} now. */
  get hasMore(): boolean {
    return this.#verified.length > 0 || [...this.#lanes.values()].some((lane) => lane.hasMore && lane.restMs === 0);
  }

  /**
   * Gives what the replica is to take: what was verified, and what came, once it is; of each the `max` oldest at most, and no more than what a turn
   * may take.
   */
  drain(max = Infinity): Task[] {
    const tasks = this.#verified.splice(0, max).map((verified) => this.#taskOf(verified));
    for (const lane of this.#lanes.values()) {
      for (const [entry, outcome] of lane.turn(max, (entry) => this.#check(entry))) {
        if ("reason" in outcome) this.#reject(lane, entry, outcome);
        else this.#pass(lane, entry, outcome, tasks);
      }
      if (lane.hasMore && lane.restMs > 0) this.#rest(lane.restMs);
    }
    return tasks;
  }

  *#check({ frame, accept, bundle }: Entry): Steps<Outcome> {
    const rejection = this.#options.unavailable() ?? bundle?.over;
    if (rejection) return rejection;
    let missing: ReadonlySet<Digest> | undefined | null = null;
    const isAwaited = (digest: Digest) => {
      if (missing === null) missing = this.#options.missing();
      return missing?.has(digest) ?? true;
    };
    return yield* this.#options.gate.checking(frame, accept, isAwaited);
  }

  #lane(by: FrameSource | "clients"): Lane<Outcome> {
    let lane = this.#lanes.get(by);
    if (!lane) {
      const { timer } = this.#options;
      lane = new Lane(this.#boundsOf(by), () => timer.monotonic());
      this.#lanes.set(by, lane);
    }
    return lane;
  }

  #boundsOf(by: FrameSource | "clients"): LaneBounds {
    const { limits, n } = this.#options;
    switch (by) {
      case "host":
        return { limits, usPerTurn: Infinity };
      case "clients":
        return { limits, usPerTurn: CLIENTS_US_PER_TURN };
      case "strangers":
        return { limits: STRANGERS_LIMITS, usPerTurn: STRANGERS_US_PER_TURN, usPerMs: STRANGERS_US_PER_MS };
      default:
        return { limits, usPerTurn: MEMBERS_US_PER_TURN / Math.max(1, n - 1) };
    }
  }

  /** Wakes up when a lane may work again. */
  #rest(ms: number): void {
    const { timer, wake } = this.#options;
    this.#cancelRest ??= timer.schedule(millis(timer.now() + ms), () => {
      this.#cancelRest = null;
      wake();
    });
  }

  #pass(lane: Lane<Outcome>, entry: Entry, passed: Passed, tasks: Task[]): void {
    const { observers, onReply, onFetch, onHeard } = this.#options;
    observers.tell((o) => o.onMessage?.("in", passed.kind, entry.frame.length));
    // A pre-prepare or a request may be passed on by somebody else.
    const isFromSender = passed.kind !== "pre-prepare" && passed.kind !== "gateway-request";
    if (passed.from !== null && isFromSender) onHeard(passed.from, passed.to === "core" ? passed.input : null);
    switch (passed.to) {
      case "gateway":
        onReply(passed.reply.message);
        return lane.settle(entry, null);
      case "blobs":
        onFetch(passed.fetch.message);
        return lane.settle(entry, null);
      case "queries":
        // The gate lets a query pass only where somebody waits for it.
        entry.onVerified?.(passed.query);
        return lane.settle(entry, null);
      case "core": {
        const { input } = passed;
        if (entry.onVerified && input.kind === "request") {
          entry.onVerified(input.request);
          return lane.settle(entry, null);
        }
        tasks.push({ input, settle: (outcome) => this.#settle(lane, entry, this.#refusal(passed.kind, outcome)) });
      }
    }
  }

  #taskOf({ asked, refuse }: Verified): Task {
    return {
      input: isQuery(asked) ? { kind: "query", query: asked } : { kind: "request", request: asked },
      settle: (outcome) => {
        const rejection = this.#refusal(asked.message.kind, outcome);
        if (!rejection) return;
        this.#tellRejected(rejection);
        refuse(rejection);
      },
    };
  }

  #refusal(kind: Rejection["kind"], outcome: "taken" | "full" | "stopped"): Rejection | null {
    switch (outcome) {
      case "taken":
        return null;
      case "full":
        return { reason: "overloaded", kind, detail: "too many requests wait to be ordered" };
      case "stopped":
        return this.#options.unavailable() ?? { reason: "unavailable", kind, detail: "the replica has stopped" };
    }
  }

  #settle(lane: Lane<Outcome>, entry: Entry, rejection: Rejection | null): void {
    if (rejection) this.#reject(lane, entry, rejection);
    else lane.settle(entry, null);
  }

  #reject(lane: Lane<Outcome>, entry: Entry, rejection: Rejection): void {
    const { bundle } = entry;
    // What is not looked at any more is told to its sender, and not once more to everybody else.
    if (!bundle || bundle.over !== rejection) this.#tellRejected(rejection);
    if (bundle && isFault(rejection) && bundle.faultsLeft-- <= 0) bundle.over ??= rejection;
    lane.settle(entry, rejection);
  }

  #tellRejected(rejection: Rejection): void {
    this.#options.observers.tell((o) => o.onRejected?.(rejection));
  }
}

/** Whether it was the sender's. */
function isFault({ reason }: Rejection): boolean {
  return reason !== "overloaded" && reason !== "unavailable";
}

function isQuery(asked: Asked): asked is Extract<Asked, { readonly message: Query }> {
  return asked.message.kind === "query";
}
