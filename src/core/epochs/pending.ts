/**
 * The accepted configuration as a chunk of the replicated state. The root of every checkpoint binds it.
 *
 * The chunk stays when its epoch begins, until the next `configure` replaces it. So in epoch e it holds the
 * configuration of epoch e, or that of epoch e + 1, which is pending. A cluster that was never configured has no such
 * chunk.
 * @module
 */
import type { SequenceNumber } from "../messages/ids.ts";
import type { Plain } from "../io.ts";

/** The id of the chunk. It lies between those of names (`n`) and sessions (`s`), so that it shares a page with them. */
export const CONFIGURATION_CHUNK = "p";

/** An accepted configuration, as the state has it. */
export interface StoredPending {
  /** The epoch that it is for. */
  readonly epoch: number;
  /** The checkpoint that closes the epoch before: the last number that is ordered in it. */
  readonly closesAt: SequenceNumber;
  /** The canonical bytes of the configuration. */
  readonly configuration: Uint8Array;
  /** The approvals of a quorum of members of the epoch before. */
  readonly approvals: Plain;
  /** Whether the migration to its version of the state machine has failed, so that the former version stays. */
  readonly hasFailed?: boolean;
}

/** An accepted configuration that is not in force yet. */
export interface Pending extends StoredPending {
  /** Its version of the state machine. */
  readonly stateMachine: string;
}

/** In place of the fifth item: the migration has failed. */
const FAILED = 1;

/** The content of the chunk. */
export function plainOf({ epoch, closesAt, configuration, approvals, hasFailed }: StoredPending): Plain {
  return [epoch, closesAt, configuration, approvals, ...(hasFailed ? [FAILED] : [])];
}

/** The inverse of {@linkcode plainOf}. @throws {TypeError} if the value is another one. */
export function pendingOf(plain: Plain): StoredPending {
  const [epoch, closesAt, configuration, approvals, failed] = Array.isArray(plain) ? plain as readonly Plain[] : [];
  if (typeof epoch === "number" && typeof closesAt === "number" && configuration instanceof Uint8Array && approvals) {
    const hasFailed = failed === FAILED;
    return { epoch, closesAt: closesAt as SequenceNumber, configuration, approvals, hasFailed };
  }
  throw new TypeError("pending configuration: expected an epoch, a number, a configuration and approvals");
}

/** The epochs, as far as one replica's state knows of them. */
export interface EpochState {
  /** The configuration of the next epoch; `null` if none was accepted. */
  pending: Pending | null;
  /** Whether it is not in a checkpoint yet. */
  isChanged: boolean;
  /** Whether the host was told that the epoch is over. */
  isReported: boolean;
  /** The version of the state machine that this replica lacks to close the epoch; `null` if it lacks none. */
  lacks: string | null;
}

/** The state of a replica that knows of no other epoch. */
export function createEpochState(): EpochState {
  return { pending: null, isChanged: false, isReported: false, lacks: null };
}
