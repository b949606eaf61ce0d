/**
 * The timers that a host can store, if it stops the replica between any two inputs. With them timeouts end and statuses
 * are spaced across restarts as they would be without.
 * @module
 */
import type { Millis, SequenceNumber } from "../messages/ids.ts";
import { lastAnswerDueAt } from "../checkpoints/sources.ts";
import type { ReplicaState } from "../state.ts";

/** The timers of a replica. */
export interface Timers {
  /** The clock at the last step. */
  readonly steppedAt: Millis;
  /** How long the replica has been awake, ms. */
  readonly awakeMs: number;
  /** When it suspects the primary, in time awake; `null` if the timer is stopped. */
  readonly suspectAt: number | null;
  /** The latest time to which hearing from the primary can put that off; `null` if it was not heard. */
  readonly suspectAtLatest: number | null;
  readonly suspectTimeoutMs: number;
  /** How long a round takes, mean and deviation, ms; `null` if nothing was measured yet. */
  readonly roundMs: number | null;
  readonly deviationMs: number;
  /** lastExecuted when progress was last checked. */
  readonly suspectExecuted: SequenceNumber;
  /** When the next status message is due. */
  readonly statusAt: Millis;
  readonly statusDelayMs: number;
  /** lastExecuted when the last status was due. */
  readonly statusExecuted: SequenceNumber;
  /** Whether something was outstanding. */
  readonly busy: boolean;
  /** Until when it waits for answers of its peers; 0 if it has asked none. */
  readonly askedUntil: Millis;
}

/** The present timers. */
export function timersOf({ suspicion, status, fetches, logRequests }: ReplicaState): Timers {
  return {
    steppedAt: suspicion.steppedAt ?? status.dueAt,
    awakeMs: suspicion.awakeMs,
    suspectAt: suspicion.dueAt,
    suspectAtLatest: suspicion.dueAtLatest,
    suspectTimeoutMs: suspicion.timeoutMs,
    roundMs: suspicion.roundMs,
    deviationMs: suspicion.deviationMs,
    suspectExecuted: suspicion.executed,
    statusAt: status.dueAt,
    statusDelayMs: status.delayMs,
    statusExecuted: status.executed,
    busy: status.busy,
    askedUntil: Math.max(0, ...[fetches, logRequests].map(lastAnswerDueAt)) as Millis,
  };
}

/** Sets the timers to stored values. */
export function restoreTimers({ suspicion, status }: ReplicaState, timers: Timers): void {
  suspicion.steppedAt = timers.steppedAt;
  suspicion.awakeMs = timers.awakeMs;
  suspicion.dueAt = timers.suspectAt;
  suspicion.dueAtLatest = timers.suspectAtLatest;
  suspicion.timeoutMs = timers.suspectTimeoutMs;
  suspicion.roundMs = timers.roundMs;
  suspicion.deviationMs = timers.deviationMs;
  suspicion.executed = timers.suspectExecuted;
  status.dueAt = timers.statusAt;
  status.delayMs = timers.statusDelayMs;
  status.executed = timers.statusExecuted;
  status.busy = timers.busy;
}
