/**
 * The timers that a host can store, if it stops the replica between any two inputs. With them timeouts end and statuses
 * are spaced across restarts as they would be without.
 * @module
 */
import type { Millis } from "../messages/ids.ts";
import type { ReplicaState } from "../state.ts";
import type { Timers } from "../records.ts";
import { agreedHandOvers, restoreHandOvers } from "../views/agreed_hand_overs.ts";
import { lastAnswerDueAt } from "../checkpoints/peer_requests.ts";
import type { Step } from "../step.ts";

/** The present timers. */
export function timersOf({ suspicion, status, fetches, logRequests, leaving, clock }: ReplicaState): Timers {
  const steppedAt = suspicion.steppedAt ?? status.dueAt;
  return {
    steppedAt,
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
    handOvers: agreedHandOvers(leaving, steppedAt - clock.elapsedMs),
  };
}

/** Sets the timers to stored values. */
export function restoreTimers({ suspicion, status, leaving }: ReplicaState, timers: Timers): void {
  restoreHandOvers(leaving, timers.handOvers, timers.steppedAt);
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
/** Returns the status timer to its short interval, because others may wait for news of this replica. */
export function resetStatusPace({ state: { status }, env: { settings }, now }: Step): void {
  status.delayMs = settings.statusIntervalMs;
  status.dueAt = Math.min(status.dueAt, now + status.delayMs) as Millis;
}
