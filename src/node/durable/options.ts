/**
 * What a durable replica is made of.
 * @module
 */
import type { Digest, Millis } from "../../core/messages/ids.ts";
import type { Input, Ready, ReplicaStatus } from "../../core/io.ts";
import type { Recovered } from "../../core/records.ts";
import type { Jitter } from "../async/backoff.ts";
import type { NodeLimits } from "../limits.ts";
import type { InputFault, Loaded, Store, Timer } from "../ports.ts";
import type { Restored } from "../storage/opening.ts";
import type { Core, Task } from "./task.ts";

/** What a durable replica needs. */
export interface DurableReplicaOptions {
  readonly store: Store;
  readonly timer: Timer;
  readonly jitter: Jitter;
  readonly limits: Pick<NodeLimits, "maxSoftRecords" | "maxSoftBytes">;
  /** The replica's status until it runs. */
  readonly dormant: ReplicaStatus;
  /** Reads the store again. */
  readonly restore: (known?: Loaded) => Promise<Restored>;
  /** Reads blobs from the store. @throws {CorruptStoreError} if one is not there, or is not what its digest says. */
  readonly read: (digests: readonly Digest[]) => Promise<ReadonlyMap<Digest, Uint8Array>>;
  readonly createCore: (recovered: Recovered) => Core;
  /** Lets out what a step wants said: its records are durable. */
  readonly release: (ready: Ready, now: Millis) => void;
  /** Inputs beyond those that were not committed that a reloaded replica must get: what is still waited for here. */
  readonly outstanding: () => readonly Input[];
  readonly onCommit: (durationMs: number, records: number, bytes: number) => void;
  /** The core threw on an input, which was dropped. */
  readonly onFault: (fault: InputFault) => void;
  /** The state machine could not take up a state, or a part of one. */
  readonly onMachineError: (error: Error) => void;
  /** The store failed, or did not answer in time. */
  readonly onStoreFailure: (error: string) => void;
  /** It takes nothing more; {@linkcode DurableReplica.health} says why. */
  readonly onStop: () => void;
}

/** A task that was stepped, when, and what the step wants. */
export interface Stepped {
  readonly task: Task;
  readonly ready: Ready;
  readonly now: Millis;
}
