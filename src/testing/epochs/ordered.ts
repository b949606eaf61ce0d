/**
 * What replicas accept and execute, for the check of configurations.
 * @module
 */
import type { ReplicaEvent } from "../../core/events.ts";
import type { Digest, SequenceNumber } from "../../core/messages/ids.ts";
import type { Batch } from "../../core/messages/messages.ts";
import type { Execution } from "../world/observed_core.ts";
import type { WorldBase } from "../world/world_base.ts";

/** A configuration that a replica has accepted. */
export type Configured = Extract<ReplicaEvent, { kind: "configured" }>;

/** An operation, and the number at which it was executed. */
export interface Ordered {
  readonly sequence: SequenceNumber;
  readonly operation: Uint8Array;
}

/** All operations of these batches. */
export function operationsIn(
  executions: readonly Execution[],
  batches: ReadonlyMap<Digest, Batch>,
): readonly Ordered[] {
  return executions.flatMap(({ sequence, digest }) =>
    batches.get(digest)!.requests.flatMap(({ message }) =>
      message.operations.map((one) => ({ sequence, operation: one instanceof Uint8Array ? one : one.operation }))
    )
  );
}

/**
 * Whether a state machine of the simulator's own did not take the state that its replica gave it, after a change of its version. Then the
 * replica can do nothing, and all else that is wrong follows from that.
 */
export function isStateRefused({ error }: { readonly error: string }, { versions, epoch }: WorldBase): boolean {
  return versions !== null && epoch.number > 0 &&
    /^StateMachineError: (restore|lazyLoading\.\w+)\(\) threw/.test(error);
}

/** What a replica tells of the end of its epoch. */
type ChangeEvent = Extract<
  ReplicaEvent,
  { kind: "configured" | "epoch-closed" | "migrated" | "migration-failed" | "version-missing" }
>;

/** Such an event, for people. */
export function wordsOfChange(event: ChangeEvent): string {
  switch (event.kind) {
    case "configured":
      return `accepts epoch ${event.epoch}, which begins after ${event.closesAt}`;
    case "epoch-closed":
      return `closes its epoch at ${event.sequence}`;
    case "migrated":
      return `makes the state of ${event.version}, after ${event.sequence}`;
    case "migration-failed":
      return `can't make the state of ${event.version}, after ${event.sequence}: ${event.error}`;
    case "version-missing":
      return `lacks ${event.version}, and signs no checkpoint`;
  }
}
