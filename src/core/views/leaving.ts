/**
 * Suspicions, by which replicas agree to leave a view before any of them does. When a replica leaves a view, it can
 * never vote in that view again. So it must not leave for troubles of its own, such as its links, its disk or its
 * restart.
 *
 * A replica that suspects its primary announces a signed suspicion and goes on voting. It withdraws the suspicion when
 * requests are executed again. f + 1 suspicions come from at least one correct replica; every replica that has them
 * leaves, and its view-change carries them as proof. So a replica that receives one such view-change leaves too. The
 * rule of PBFT §4.5.2 asks for f + 1 as well, only later.
 *
 * A suspicion is bound to a view and to the signer's last executed number. Suspicions count together only within K
 * numbers, so that old ones can't be collected over a long view.
 *
 * A *hand-over* accuses nobody. A replica asks for one if it is the primary and about to stop, or was left behind in a
 * higher view, or has lost its disk and may vote only above a view. Replicas that grant it announce that they agree. A
 * quorum of these is a proof as well, and the view change takes a round trip instead of a timeout. Compare pre-vote and
 * leadership transfer in Raft, and "I hate the primary" in Zyzzyva.
 *
 * @module
 */
import type { Genesis } from "../config.ts";
import type { View } from "../messages/ids.ts";
import type { Signed, Standing, Suspicion } from "../messages/messages.ts";
import type { OwnSuspicion } from "../records.ts";
import { quorum, weakQuorum } from "../messages/quorum.ts";
import type { Leaving } from "../state.ts";
import type { Step } from "../step.ts";

/** The state at a start. `said`: this replica's last suspicion of an earlier run. */
export function createLeaving(said?: OwnSuspicion): Leaving {
  const own = said?.suspicion ?? null;
  return {
    own,
    furthest: said?.furthest ?? 0 as View,
    announcedAt: 0,
    changedAt: 0,
    heard: new Map(own ? [[own.message.replica, own]] : []),
    views: new Map(),
    granted: new Map(),
    joined: null,
  };
}

/**
 * Whether these suspicions prove that a replica may leave for `view`: f + 1 that suspect, or a quorum that agree, all
 * near each other.
 */
export function isProofOfLeaving(
  suspicions: readonly Signed<Suspicion>[],
  view: View,
  { replicas: { length: n }, checkpointInterval: K }: Pick<Genesis, "replicas" | "checkpointInterval">,
): boolean {
  const messages = suspicions.map(({ message }) => message);
  if (messages.some((one) => one.view !== view || one.standing === "withdrawn")) return false;
  if (new Set(messages.map(({ replica }) => replica)).size !== messages.length) return false;
  const executed = messages.map((one) => one.executed);
  if (Math.max(...executed) - Math.min(...executed) > K) return false;
  return messages.filter(suspects).length >= weakQuorum(n) || messages.length >= quorum(n);
}

/** Whether this suspicion accuses the primary. */
export function suspects({ standing }: Suspicion): boolean {
  return standing === "suspects";
}

/**
 * Whether a proof is from where this replica is in the order, or from further on. A proof from far back may have been
 * kept by a liar, who shows it now. A correct replica that has left by such a proof is brought back by a hand-over.
 */
export function isRecent({ state }: Step, proof: readonly Signed<Suspicion>[]): boolean {
  return proof.every(({ message }) => message.executed + state.log.window >= state.lastExecuted);
}

/** Whether this replica suspects its primary. */
export function suspectsPrimary(step: Step): boolean {
  return hasAnnounced(step, "suspects", step.state.view + 1);
}

export function hasAnnounced({ state: { leaving: { own } } }: Step, standing: Standing, view: number): boolean {
  return own !== null && own.message.standing === standing && own.message.view === view;
}

/** Whether this replica's last suspicion is recent enough to count together with those that others announce now. */
export function isAnnouncementRecent({ state: { leaving: { own }, lastExecuted }, env: { genesis } }: Step): boolean {
  return own !== null && lastExecuted - own.message.executed <= genesis.checkpointInterval / 2;
}

/** With each status: sends the last suspicion again while it matters, as it may have been lost. */
export function repeatSuspicion(step: Step): void {
  const { leaving: { own }, view } = step.state;
  if (!own) return;
  const isAsking = own.message.standing === "agrees" && isAhead(step, own.message.view);
  if (own.message.view > view || isAsking) step.send("all", own);
}

/** Whether this replica can still move to a view: it is above its own, or is its own and has not started. */
export function isAhead({ state, isActive }: Step, view: View): boolean {
  return view > state.view || (view === state.view && !isActive);
}

/**
 * Whether this replica may leave for a view: a higher one; or its present one, if that has not started and the replica
 * came there without a view-change.
 */
export function mayMoveTo(step: Step, view: View): boolean {
  const { state } = step;
  return view > state.view || (view === state.view && state.view > 0 && !step.isActive && state.viewChange === null);
}

/** The interval of the hand-overs of one replica doubles at most so often. */
const MOST_DOUBLINGS = 5;

/**
 * The present view has failed: f + 1 suspect its primary. Whoever had asked for a hand-over to it waits twice as long
 * for the next one. Otherwise a liar would have itself made primary every half minute, and order nothing.
 */
export function noteFailedGrants({ state: { view, leaving: { granted } } }: Step): void {
  for (const [replica, grant] of granted) {
    if (grant.view === view) granted.set(replica, { ...grant, failed: Math.min(grant.failed + 1, MOST_DOUBLINGS) });
  }
}

/** A view was left or has started: drops the suspicions about it and about lower views. */
export function forgetSuspicions({ state }: Step): void {
  state.leaving.changedAt = state.suspicion.awakeMs;
  for (const [replica, { message }] of [...state.leaving.heard]) {
    if (message.view < state.view || (message.view === state.view && state.newView)) {
      state.leaving.heard.delete(replica);
    }
  }
}

/**
 * The view that this replica reports to one that recovers from a lost disk. A suspicion for view v helps others to leave
 * for v, so it counts like being in v - 1.
 */
export function furthestView({ state }: Step): View {
  return Math.max(state.view, state.leaving.furthest - 1) as View;
}
