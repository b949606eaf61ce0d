/**
 * A replica's timers over a restart: a host that stops it between any two inputs keeps them, so that patience ends and
 * status messages are spaced out all the same.
 * @module
 */
import type { Timers } from "./io.ts";
import type { ReplicaState } from "./state.ts";

/** The timers as they are. */
export function timersOf({ suspicion, status }: ReplicaState): Timers {
  return {
    steppedAt: suspicion.steppedAt ?? status.dueAt,
    awakeMs: suspicion.awakeMs,
    suspectAt: suspicion.dueAt,
    suspectTimeoutMs: suspicion.timeoutMs,
    statusAt: status.dueAt,
    statusDelayMs: status.delayMs,
    statusExecuted: status.executed,
    busy: status.busy,
  };
}

/** Sets them as they were. What was executed since the last checkpoint is executed again at the start, and is no progress. */
export function restoreTimers({ suspicion, status }: ReplicaState, timers: Timers): void {
  suspicion.steppedAt = timers.steppedAt;
  suspicion.awakeMs = timers.awakeMs;
  suspicion.dueAt = timers.suspectAt;
  suspicion.timeoutMs = timers.suspectTimeoutMs;
  suspicion.executed = timers.statusExecuted;
  status.dueAt = timers.statusAt;
  status.delayMs = timers.statusDelayMs;
  status.executed = timers.statusExecuted;
  status.busy = timers.busy;
}
