/**
 * Wraps a correct core and observes it: what it executes, and what it sends once that is durable.
 * @module
 */
import type { Digest, Millis, SequenceNumber } from "../../core/messages/ids.ts";
import type { ReplicaEvent } from "../../core/events.ts";
import type { Input, Ready, ReplicaStatus } from "../../core/io.ts";
import { type LazyLoading, NotLoadedError, OperationError, type StateMachine } from "../../core/state_machine.ts";
import type { Commit, Prepare } from "../../core/messages/messages.ts";
import type { Core } from "../../node/durable/task.ts";
import { fromUtf8 } from "../../wire/mod.ts";
import type { Record } from "../../core/records.ts";
import type { UnreadVotes } from "../invariants/unread_votes.ts";

/** One operation given to a state machine, and its outcome. */
export interface Call {
  readonly sequence: SequenceNumber;
  readonly client: string;
  readonly operation: Uint8Array;
  /** The time that it was given. */
  readonly timestamp: Millis;
  /** The result, or why the operation was rejected, for people. */
  readonly outcome: string;
}

/** A batch that was executed. */
export interface Execution {
  readonly sequence: SequenceNumber;
  readonly digest: Digest;
  readonly calls: readonly Call[];
}

/** The first among the events of a step. When observers get it, the step's records are durable and its messages are about to leave. */
export class Released {
  /** No event of the protocol has this kind. */
  readonly kind = "released";
  /**
   * `now`: the time of the step. `after`: the store must have made this many commits before anybody may hear of the step. `stored`: when it
   * has made this many, all of the step is durable. A step with replies may be heard of before.
   */
  constructor(
    readonly ready: Ready,
    readonly executions: readonly Execution[],
    readonly step: number,
    readonly now: Millis,
    readonly after: number,
    readonly stored: number,
  ) {}
}

/** Records the calls of a state machine. */
export class ObservedStateMachine implements StateMachine {
  readonly version: string;
  /** The calls since this list was last emptied. */
  readonly calls: Call[] = [];
  readonly lazyLoading?: LazyLoading;
  readonly freezeChanges?: NonNullable<StateMachine["freezeChanges"]>;
  readonly #machine: StateMachine;

  constructor(machine: StateMachine) {
    this.#machine = machine;
    this.version = machine.version;
    const { lazyLoading } = machine;
    if (lazyLoading) this.lazyLoading = this.#observed(lazyLoading);
    if (machine.freezeChanges) this.freezeChanges = () => machine.freezeChanges!();
  }

  execute(...[operation, context]: Parameters<StateMachine["execute"]>): Uint8Array {
    const { sequence, client, timestamp } = context;
    const call = { sequence, client, timestamp, operation };
    try {
      const result: unknown = this.#machine.execute(operation, context);
      this.calls.push({ ...call, outcome: result instanceof Uint8Array ? shown(result) : "failed" });
      return result as Uint8Array;
    } catch (error) {
      if (error instanceof NotLoadedError) throw error;
      const outcome = error instanceof OperationError ? `rejected: ${error.message}` : "failed";
      this.calls.push({ ...call, outcome });
      throw error;
    }
  }

  query(...[operation, context]: Parameters<StateMachine["query"]>): Uint8Array {
    return this.#machine.query(operation, context);
  }

  takeChanges(): ReturnType<StateMachine["takeChanges"]> {
    return this.#machine.takeChanges();
  }

  restore(chunks: Parameters<StateMachine["restore"]>[0]): void {
    this.#machine.restore(chunks);
  }

  /** Calls of a batch that is undone were none. */
  #observed(lazyLoading: LazyLoading): LazyLoading {
    if (!lazyLoading.mark || !lazyLoading.undo) return lazyLoading;
    let marked = 0;
    return {
      ...lazyLoading,
      mark: () => {
        marked = this.calls.length;
        return lazyLoading.mark!();
      },
      undo: () => {
        this.calls.length = marked;
        lazyLoading.undo!();
      },
    };
  }
}

/** The records that bind a replica. They must be durable before it sends anything. */
const BINDING: readonly Record["kind"][] = ["view", "accepted", "prepared", "checkpoint", "stable", "lost-disk"];

/** The observers of a core. */
export interface Observers {
  /** Called for each step, before anything of it is durable. */
  readonly onStep: (input: Input, ready: Ready) => void;
  readonly unread: UnreadVotes;
  /** The number of the commit that will contain a step made now. */
  readonly nextCommit: () => number;
  /** Whether it goes on over several epochs: then the others are told of those that it hears. */
  readonly isMember?: boolean;
}

/** Adds a {@linkcode Released} to each step of a core. */
export class ObservedCore implements Core {
  readonly #core: Core;
  readonly #machine: ObservedStateMachine;
  readonly #observers: Observers;
  /** The number of the commit that contains the last binding record so far. */
  #after = 0;
  #steps = 0;
  readonly timers?: NonNullable<Core["timers"]>;
  readonly peers?: NonNullable<Core["peers"]>;

  constructor(core: Core, machine: ObservedStateMachine, observers: Observers) {
    this.#core = core;
    this.#machine = machine;
    this.#observers = observers;
    if (core.timers) this.timers = () => core.timers!();
    if (core.peers && observers.isMember) this.peers = () => core.peers!();
  }

  step(input: Input, now: Millis, passedMs?: number): Ready {
    const ready = this.#core.step(input, now, passedMs);
    this.#observers.onStep(input, ready);
    this.#observers.unread.stepped(ready);
    this.#steps++;
    const { records, messages, replies, answers, events } = ready;
    // The checker need not hear of an empty step.
    if (records.length + messages.length + replies.length + answers.length + events.length === 0) return ready;
    if (records.some(({ kind }) => BINDING.includes(kind))) this.#after = this.#observers.nextCommit();
    const calls = this.#machine.calls.splice(0);
    const executions: Execution[] = [];
    for (const record of records) {
      if (record.kind !== "committed") continue;
      const { sequence, digest } = record;
      executions.push({ sequence, digest, calls: calls.filter((call) => call.sequence === sequence) });
    }
    const stored = replies.length > 0 ? this.#observers.nextCommit() : this.#after;
    const released = new Released(ready, executions, this.#steps, now, this.#after, stored) as unknown as ReplicaEvent;
    return { ...ready, events: [released, ...events] };
  }

  status(): ReplicaStatus {
    return this.#core.status();
  }

  isSurplus(vote: Prepare | Commit): boolean {
    const isSurplus = this.#core.isSurplus?.(vote) ?? false;
    if (isSurplus) this.#observers.unread.left(vote);
    return isSurplus;
  }

  isLoading(digest: Digest): boolean {
    return this.#core.isLoading?.(digest) ?? true;
  }

  wantedState(): readonly Digest[] {
    return this.#core.wantedState?.() ?? [];
  }

  get agreedTime(): Millis {
    return this.#core.agreedTime ?? this.status().agreedTime;
  }

  highestTimestampOf(name: string): number {
    return this.#core.highestTimestampOf?.(name) ?? -1;
  }
}

/** Bytes for people: text where they are UTF-8, hex otherwise. */
export function shown(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch {
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
}
