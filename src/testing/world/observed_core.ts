/**
 * Wraps a correct core and observes it: what it executes, and what it sends once that is durable.
 * @module
 */
import type { Digest, Millis, SequenceNumber } from "../../core/messages/ids.ts";
import type { ReplicaEvent } from "../../core/events.ts";
import type { Input, Ready } from "../../core/io.ts";
import { type LazyLoading, NotLoadedError, OperationError, type StateMachine } from "../../core/state_machine.ts";
import { wrap } from "../../core/wrap.ts";
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

/** The same state machine, whose calls are recorded in a list, from which they may be taken. */
export function observeMachine(machine: StateMachine, calls: Call[]): StateMachine {
  const { lazyLoading } = machine;
  return wrap(machine, {
    execute(operation, context) {
      const { sequence, client, timestamp } = context;
      const call = { sequence, client, timestamp, operation };
      try {
        const result: unknown = machine.execute(operation, context);
        calls.push({ ...call, outcome: result instanceof Uint8Array ? shownResult(result) : "failed" });
        return result as Uint8Array;
      } catch (error) {
        if (error instanceof NotLoadedError) throw error;
        const outcome = error instanceof OperationError ? `rejected: ${error.message}` : "failed";
        calls.push({ ...call, outcome });
        throw error;
      }
    },
    ...lazyLoading && { lazyLoading: withoutUndone(lazyLoading, calls) },
  });
}

/** Calls of a batch that is undone were none. */
function withoutUndone(lazyLoading: LazyLoading, calls: Call[]): LazyLoading {
  if (!lazyLoading.mark || !lazyLoading.undo) return lazyLoading;
  let marked = 0;
  return wrap(lazyLoading, {
    mark() {
      marked = calls.length;
      return lazyLoading.mark!();
    },
    undo() {
      calls.length = marked;
      lazyLoading.undo!();
    },
  });
}

/** The records that bind a replica. They must be durable before it sends anything. */
const BINDING: readonly Record["kind"][] = ["view", "accepted", "prepared", "checkpoint", "stable", "lost-disk"];

/** The observers of a core. */
export interface Observers {
  /** Called for each step, before anything of it is durable. */
  readonly onStep: (input: Input, ready: Ready) => void;
  readonly unread: UnreadVotes | undefined;
  /** The number of the commit that will contain a step made now. */
  readonly nextCommit: () => number;
  /** Whether it goes on over several epochs: then the others are told of those that it hears. */
  readonly isMember?: boolean;
}

/** The same core, with a {@linkcode Released} among the events of each step. `calls`: those of its state machine, by {@linkcode observeMachine}. */
export function observeCore(core: Core, calls: Call[], observers: Observers): Core {
  /** The number of the commit that contains the last binding record so far. */
  let after = 0;
  let steps = 0;
  return wrap(core, {
    step(input, now, passedMs) {
      const ready = core.step(input, now, passedMs);
      observers.onStep(input, ready);
      observers.unread?.stepped(ready);
      steps++;
      const { records, messages, replies, answers, events } = ready;
      // The checker need not hear of an empty step.
      if (records.length + messages.length + replies.length + answers.length + events.length === 0) return ready;
      if (records.some(({ kind }) => BINDING.includes(kind))) after = observers.nextCommit();
      const executions = executionsOf(records, calls.splice(0));
      const stored = replies.length > 0 ? observers.nextCommit() : after;
      const released = new Released(ready, executions, steps, now, after, stored) as unknown as ReplicaEvent;
      return { ...ready, events: [released, ...events] };
    },
    isSurplus(vote) {
      const isSurplus = core.isSurplus?.(vote) ?? false;
      if (isSurplus) observers.unread?.left(vote);
      return isSurplus;
    },
    ...!observers.isMember && { peers: undefined },
  });
}

function executionsOf(records: readonly Record[], calls: readonly Call[]): readonly Execution[] {
  return records.flatMap((record) => {
    if (record.kind !== "committed") return [];
    const { sequence, digest } = record;
    return [{ sequence, digest, calls: calls.filter((call) => call.sequence === sequence) }];
  });
}

/** A result for people. No cluster allows one that is larger. */
export function shownResult(result: Uint8Array): string {
  return result.length > MAX_SHOWN ? `${result.length} bytes` : shown(result);
}

const MAX_SHOWN = 2 ** 20;

/** Bytes for people: text where they are UTF-8 and can be printed, hex otherwise. */
export function shown(bytes: Uint8Array): string {
  try {
    const text = fromUtf8(bytes);
    // deno-lint-ignore no-control-regex
    if (!/[\0-\x08\x0e-\x1f\x7f]/.test(text)) return text;
  } catch { /* It is no text. */ }
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
