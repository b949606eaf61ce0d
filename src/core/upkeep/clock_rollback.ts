/**
 * Protection against a host clock that is set back, by a second or by an hour. All noted times move back by as much.
 * Otherwise the replica would send no status, answer nobody and ask nobody until the clock had caught up. A clock that
 * is set forward needs no care: things only fall due early.
 * @module
 */
import { setBackFetches } from "../checkpoints/fetches.ts";
import type { Millis } from "../messages/ids.ts";
import { setBackRequests } from "../checkpoints/peer_requests.ts";
import type { Step } from "../step.ts";

/**
 * At the beginning of each step: if the clock was set back since the last step, moves every noted time back by the same
 * amount.
 */
export function followClockRollback({ state, now }: Step): void {
  const { status, suspicion, filling, fetches, logRequests, pending, queries } = state;
  const by = (suspicion.steppedAt ?? now) - now;
  if (by <= 0) return;
  const back = (at: Millis) => at - by as Millis;
  // 0 means that the timer was not started yet.
  if (status.dueAt > 0) status.dueAt = Math.max(1, back(status.dueAt)) as Millis;
  for (const times of [status.heardAt, status.newViewSentAt, status.remindedAt, filling.askedAt]) {
    for (const [replica, at] of times) times.set(replica, back(at));
  }
  filling.since = back(filling.since);
  state.askedUntil = back(state.askedUntil);
  state.sliceAt = back(state.sliceAt);
  for (const allowance of status.allowances.values()) allowance.at = back(allowance.at);
  setBackFetches(fetches, back);
  setBackRequests(logRequests, back);
  for (const entry of pending.entries()) entry.relayAt = back(entry.relayAt);
  queries.splice(0, queries.length, ...queries.map((query) => ({ ...query, until: back(query.until) })));
}
