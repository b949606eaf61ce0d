/**
 * What the core is given to do, one input at a time.
 * @module
 */
import type { Buffers } from "../../core/buffers.ts";
import type { Digest, Millis } from "../../core/messages/ids.ts";
import type { Input, PeerMemory, Ready, ReplicaStatus } from "../../core/io.ts";
import type { Bundle } from "../gateway/gateway.ts";
import type { Timers } from "../../core/records.ts";

/** The protocol, as it is driven here: `Replica`, or something around it. */
export interface Core {
  /** Takes one input in and says what is to be done about it. */
  step(input: Input, now: Millis, passedMs?: number): Ready;
  /** Where it is. */
  status(): ReplicaStatus;
  /** Whether it still waits for this blob of {@linkcode Ready.loads}. */
  isLoading?(digest: Digest): boolean;
  /** The batch bodies that it lacks: what else comes as one is not worth being verified. */
  missingBodies?(): ReadonlySet<Digest>;
  /** The agreed time as of the last batch that was executed here. */
  readonly agreedTime?: Millis;
  /** The highest timestamp that an unsigned client's name is known to have used; -1: none. */
  highestTimestampOf?(name: string): number;
  /** How full its buffers are, for whoever tests it. */
  buffers?(): Buffers;
  /** What it knows of the others' last words, for another core that takes its place. */
  peers?(): PeerMemory;
  /** How long it has waited, to be kept. */
  timers?(): Timers;
}

/** Whether an input says nothing to another core, which starts by itself and asks for what it lacks. */
export function isOfOneLife({ kind }: Input): boolean {
  return kind === "start" || kind === "alarm" || kind === "store-pace" || kind === "hand-over" || kind === "loaded";
}

/** An input, and who wants to know when what it caused is durable. */
export interface Task {
  readonly input: Input;
  /** Called once. `stopped`: the replica was halted or closed first, and the input may have changed nothing. */
  settle?(outcome: Ready["admission"] | "stopped"): void;
}

/** Settles many tasks that won't be stepped, or whose steps are void. */
export function settleAll(tasks: readonly Task[], outcome: "stopped"): void {
  for (const task of tasks) task.settle?.(outcome);
}

/** The task of a bundle of operations that this member vouches for. */
export function taskOf({ request, refuse }: Bundle): Task {
  return {
    input: { kind: "request", request },
    settle(outcome) {
      if (outcome !== "full") return;
      refuse({ reason: "overloaded", kind: "gateway-request", detail: "too many requests wait to be ordered" });
    },
  };
}
