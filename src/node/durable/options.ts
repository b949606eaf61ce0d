/**
 * Options of a durable replica.
 * @module
 */
import type { Digest, Millis } from "../../core/messages/ids.ts";
import type { Input, Ready, ReplicaStatus } from "../../core/io.ts";
import { isBinding, type StoredState } from "../../core/records.ts";
import type { Jitter } from "../async/backoff.ts";
import type { NodeLimits } from "../limits.ts";
import type { InputFault, Loaded, Store, Timer } from "../ports.ts";
import type { Restored } from "../storage/opening.ts";
import { type Core, isInternal, type Task } from "./task.ts";

/** Options of `DurableReplica`. */
export interface DurableReplicaOptions {
  readonly store: Store;
  readonly timer: Timer;
  readonly jitter: Jitter;
  readonly limits: Pick<NodeLimits, "maxSoftRecords" | "maxSoftBytes">;
  /** The status to report until the core runs. */
  readonly dormant: ReplicaStatus;
  /** Restores the replica from its store. */
  readonly restore: (known?: Loaded) => Promise<Restored>;
  /** Reads blobs from the store. @throws {CorruptStoreError} if a blob is missing or does not match its digest. */
  readonly read: (digests: readonly Digest[]) => Promise<ReadonlyMap<Digest, Uint8Array>>;
  readonly createCore: (storedState: StoredState) => Core;
  /** Sends the messages of a step, after its records are durable. */
  readonly release: (ready: Ready, now: Millis) => void;
  /**
   * Further inputs for a reloaded replica, beside the uncommitted ones: requests and queries that callers still wait
   * for.
   */
  readonly outstanding: () => readonly Input[];
  readonly onCommit: (durationMs: number, records: number, bytes: number) => void;
  /** The core threw on an input, which was dropped. */
  /** Whether there are other members, from whom blobs that are damaged in the store can be fetched. */
  readonly canRepair: boolean;
  readonly onFault: (fault: InputFault) => void;
  /** The state machine threw when it loaded its state or a part of it. */
  readonly onMachineError: (error: Error) => void;
  /** A call of the store failed or timed out. */
  readonly onStoreFailure: (error: string) => void;
  /** Called when a commit succeeds again. */
  readonly onStoreWorks: () => void;
  /** The replica accepts nothing more; {@linkcode DurableReplica.life} says why. */
  readonly onStop: () => void;
}

/** A task that was stepped, with the time and the result of the step. */
export interface Stepped {
  readonly task: Task;
  readonly ready: Ready;
  readonly now: Millis;
  readonly urgency: Urgency;
}

/**
 * How soon what a step gives must be durable, while other instances of this replica are at work.
 *
 * - `now`: others wait for it: a vote, a result, an answer.
 * - `soon`: what other instances may need or make superfluous: a kept vote, a status, a question.
 * - `late`: what only a stop of this instance would lose, and its sender still has: a waiting request, timers.
 */
export type Urgency = "now" | "soon" | "late";

/** How soon what this step gives must be durable. */
export function urgencyOf(input: Input, { records, messages, answers, replies, events }: Ready): Urgency {
  const isVote = messages.some(({ message: { message: { kind } } }) => kind !== "status" && kind !== "fetch");
  const isBound = records.some((record) => record.kind !== "numbers" && isBinding(record));
  // The caller may wait at another instance for what was executed here.
  const isResult = records.some(({ kind }) => kind === "committed") || replies.length + answers.length > 0;
  if (isVote || isBound || isResult) return "now";
  if (records.length + messages.length > 0) return "soon";
  const isRefused = events.some(({ kind }) => kind === "discarded");
  return input.kind === "request" || isInternal(input) || isRefused ? "late" : "soon";
}
