/**
 * Tasks: the inputs of the core, one at a time, and the backlog of those that wait while the replica is reloaded.
 * @module
 */
import type { Buffers } from "../../core/buffers.ts";
import type { StableCertificate } from "../../core/messages/certificates.ts";
import type { ClientId, Digest, Millis, View } from "../../core/messages/ids.ts";
import type { Input, PeerMemory, Ready, ReplicaStatus } from "../../core/io.ts";
import type { Commit, Decision, Prepare } from "../../core/messages/messages.ts";
import type { Bundle } from "../gateway/gateway.ts";
import type { Timers } from "../../core/records.ts";

/** The interface of the core: `Replica`, or a wrapper around it. */
export interface Core {
  /** Processes one input. Returns the resulting actions. */
  step(input: Input, now: Millis, passedMs?: number): Ready;
  /** The status of the replica. */
  status(): ReplicaStatus;
  /** Whether it still waits for this blob of {@linkcode Ready.loads}. */
  isLoading?(digest: Digest): boolean;
  /** Whether a vote, or a proof of a decision, which need not be verified yet, decides nothing any more. */
  isSurplus?(vote: Prepare | Commit | Decision): boolean;
  /** The digests of the batch bodies that it lacks. Other blobs need not be verified as batches. */
  missingBodies?(): ReadonlySet<Digest>;
  /** Its view, or the one that it is moving to. */
  readonly view?: View;
  /** Whether others have executed more than this replica can before it gets the state from them. */
  readonly isBehind?: boolean;
  /** The agreed time of the last batch executed here. */
  readonly agreedTime?: Millis;
  /** The highest timestamp known of an unsigned client's name; -1: none. */
  highestTimestampOf?(name: string): number;
  /** Whether a client has this session open. */
  hasSession?(client: ClientId, session: number): boolean;
  /** The certificate of the last stable checkpoint; empty before the first one. */
  readonly stable?: StableCertificate;
  /** The blobs that it needs of the state at which the epoch starts. */
  wantedState?(): readonly Digest[];
  /** How full its buffers are, for tests. */
  buffers?(): Buffers;
  /** What it knows of the other replicas, for the core that replaces it. */
  peers?(): PeerMemory;
  /** The state of its timers, to be persisted. */
  timers?(): Timers;
}

/**
 * Whether an input is internal to one core. A new core does not need it: it starts by itself, and asks for what it
 * lacks.
 */
export function isInternal({ kind }: Input): boolean {
  return kind === "start" || kind === "alarm" || kind === "store-pace" || kind === "hand-over" || kind === "loaded" ||
    kind === "damaged-blobs" || kind === "refused";
}

/** The inputs that are one signed message of a replica. */
type ReplicaMessageInput = Exclude<
  Input,
  {
    readonly kind:
      | "start"
      | "alarm"
      | "store-pace"
      | "refused"
      | "hand-over"
      | "loaded"
      | "damaged-blobs"
      | "blobs"
      | "query"
      | "request";
  }
>;

/** The signed message that a replica sent. */
export function signedOf(input: ReplicaMessageInput) {
  switch (input.kind) {
    case "pre-prepare":
      return input.prePrepare;
    case "prepare":
      return input.prepare;
    case "commit":
      return input.commit;
    case "decision":
      return input.decision;
    case "checkpoint":
      return input.checkpoint;
    case "stable-checkpoint":
      return input.stable;
    case "suspicion":
      return input.suspicion;
    case "view-change":
      return input.viewChange;
    case "new-view":
      return input.newView;
    case "status":
      return input.status;
  }
}

/** An input, with a callback for when its effects are durable. */
export interface Task {
  readonly input: Input;
  /** Called when the core has taken the input, again if that step was discarded. Nothing is durable yet. */
  onStepped?(ready: Ready): void;
  /** Called once. `stopped`: the replica halted or closed first, and the input may have had no effect. */
  onOutcome?(outcome: Ready["admission"] | "stopped"): void;
}

/** Tells tasks that are not stepped, or whose steps are discarded, that the replica has stopped. */
export function stopAll(tasks: readonly Task[]): void {
  for (const task of tasks) task.onOutcome?.("stopped");
}

/**
 * Tasks that come one at a time. Each is made when it is needed: a message is verified only after the core has taken
 * the one before, so that votes which have become surplus need not be verified.
 */
export class Coming {
  readonly #tasks: Iterator<Task>;
  /** Those that were made and not taken, at most a few. */
  readonly #made: Task[] = [];

  constructor(tasks: Iterable<Task>) {
    this.#tasks = tasks[Symbol.iterator]();
  }

  /** Whether there are no more. To know it, the next one is made. */
  get isEmpty(): boolean {
    if (this.#made.length > 0) return false;
    const { done, value } = this.#tasks.next();
    if (!done) this.#made.push(value);
    return done === true;
  }

  /** Puts tasks before all others. */
  putFirst(tasks: readonly Task[]): void {
    this.#made.unshift(...tasks);
  }

  /** The next one; `null` if there are no more. */
  take(): Task | null {
    return this.isEmpty ? null : this.#made.shift()!;
  }

  /** All that are left. */
  rest(): Task[] {
    const rest: Task[] = [];
    for (let task = this.take(); task; task = this.take()) rest.push(task);
    return rest;
  }
}

/** Makes the task of a gateway request. */
export function taskOf({ request, refuse }: Bundle): Task {
  return {
    input: { kind: "request", request },
    onOutcome(outcome) {
      if (outcome !== "full") return;
      refuse({
        reason: "overloaded",
        kind: "gateway-request",
        detail: "too many requests wait to be ordered; retry later, or at another replica",
      });
    },
  };
}
/**
 * Inputs are processed in order: all together, or in smaller parts after a commit of all of them was too large for the
 * store.
 */
export class Backlog {
  #tasks: Task[] = [];
  #maxAtOnce = Infinity;

  /** Whether the backlog is processed in parts. */
  get isSplit(): boolean {
    return this.#maxAtOnce < Infinity && this.#tasks.length > 0;
  }

  push(tasks: readonly Task[]): void {
    this.#tasks.push(...tasks);
  }

  /** Puts back tasks whose steps were discarded. Inputs internal to the old core are dropped. */
  putBack(tasks: readonly Task[]): void {
    this.#tasks.unshift(...tasks.filter(({ input }) => !isInternal(input)));
  }

  /** Removes and returns the next tasks. */
  take(): Task[] {
    const taken = this.#tasks.splice(0, this.#maxAtOnce);
    if (this.#tasks.length === 0) this.#maxAtOnce = Infinity;
    return taken;
  }

  /** Removes and returns all tasks. */
  drain(): Task[] {
    return this.#tasks.splice(0);
  }

  /**
   * A commit of these tasks was too large: the next part is half as large. If it was a single task, that one is removed
   * and returned.
   */
  split(tasks: readonly Task[]): Task | null {
    const count = tasks.filter(({ input }) => !isInternal(input)).length;
    if (count > 1) this.#maxAtOnce = Math.ceil(count / 2);
    return count === 1 ? this.#tasks.shift()! : null;
  }
}
