/**
 * A replica's timers over a restart: a host that stops it between any two inputs keeps them, so that patience ends and
 * status messages are spaced out all the same.
 * @module
 */
import type { Millis, SequenceNumber } from "../messages/ids.ts";
import { lastAnswerDueAt } from "../checkpoints/sources.ts";
import type { ReplicaState } from "../state.ts";

/** The timers of a replica, for hosts that stop it between any two inputs. */
export interface Timers {
  /** The clock at the last step. */
  readonly steppedAt: Millis;
  /** How long the replica has been awake. */
  readonly awakeMs: number;
  /** When it leaves the view, in time awake; `null`: it waits for nothing. */
  readonly suspectAt: number | null;
  /** How far signs of life of its primary may put that off; `null`: there was none. */
  readonly suspectAtLatest: number | null;
  readonly suspectTimeoutMs: number;
  /** How long a round takes, mean and deviation; `null`: nothing was measured yet. */
  readonly roundMs: number | null;
  readonly deviationMs: number;
  /** What had been executed when it last began to wait. */
  readonly suspectExecuted: SequenceNumber;
  /** When the next status message is due. */
  readonly statusAt: Millis;
  readonly statusDelayMs: number;
  /** What had been executed when the last one was due. */
  readonly statusExecuted: SequenceNumber;
  /** Whether something was outstanding. */
  readonly busy: boolean;
  /** Until when it waits for what it has asked others for; 0: it has asked for nothing. */
  readonly askedUntil: Millis;
}

/** The timers as they are. */
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

/** Sets them as they were. */
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
