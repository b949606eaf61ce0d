/**
 * The hand-overs to which a replica agreed, over its restarts. A host that may stop the replica between any two inputs stores them with its
 * timers: otherwise each start would agree anew, as often as liars ask.
 * @module
 */
import type { Millis } from "../messages/ids.ts";
import type { AgreedHandOver } from "../records.ts";
import type { Leaving } from "../state.ts";
import type { Step } from "../step.ts";

const SECOND_MS = 1_000;

/** A time in whole seconds, so that what is stored changes with an agreement only. */
export function inSeconds(at: number): Millis {
  return Math.max(0, SECOND_MS * Math.round(at / SECOND_MS)) as Millis;
}

/** What must survive a restart of a host that may stop this replica at any time. `startedAt`: the clock when elapsed time was 0. */
export function agreedHandOvers({ granted, joined }: Leaving, startedAt: number): readonly AgreedHandOver[] {
  return [
    ...joined ? [{ replica: null, view: joined.view, at: inSeconds(startedAt + joined.at), failed: 0 }] : [],
    ...[...granted].map(([replica, { view, at, failed }]) => ({
      replica,
      view,
      at: inSeconds(startedAt + at),
      failed,
    })),
  ];
}

/** Remembers hand-overs to which it agreed before it was started. `steppedAt`: the clock at its last step. */
export function restoreHandOvers(leaving: Leaving, agreed: readonly AgreedHandOver[], steppedAt: Millis): void {
  for (const { replica, view, at, failed } of agreed) {
    const before = { view, at: Math.min(0, at - steppedAt) };
    if (replica === null) leaving.joined = before;
    else leaving.granted.set(replica, { ...before, failed });
  }
}

/** At the start: the time since the last step before counts too. */
export function resumeHandOvers({ state: { leaving, suspicion: { steppedAt } }, now }: Step): void {
  const passed = Math.max(0, now - (steppedAt ?? now));
  if (leaving.joined) leaving.joined = { ...leaving.joined, at: leaving.joined.at - passed };
  for (const [replica, grant] of leaving.granted) leaving.granted.set(replica, { ...grant, at: grant.at - passed });
}
