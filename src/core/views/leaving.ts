/**
 * Nobody leaves a view alone. To leave a view ends a replica's votes in it for good, so it must not happen for its own troubles: its
 * links, its disk, its restart. A replica that suspects its primary says so, signed, and goes on voting; when things move it takes that
 * back. f + 1 suspicions, one of them of a correct replica, let everybody leave who sees them, and go into its view-change as the proof:
 * so who sees one view-change leaves as well. The f + 1 rule of PBFT §4.5.2 asks for as many; it only asks for them later.
 *
 * A suspicion is bound to the view and to how far its signer had executed, and counts together with others only within K numbers, so
 * that old ones can't be gathered over a long view.
 *
 * A *hand-over* blames nobody: the primary is about to stop, or a replica was left behind in a higher view, or has lost its disk and
 * may vote only above a view. It asks; who grants that says that it agrees; a quorum of these is a proof too, and leaving takes a round
 * trip instead of a timeout. Compare pre-vote and leadership transfer in Raft, "I hate the primary" in Zyzzyva.
 *
 * @module
 */
import type { Genesis } from "../config.ts";
import type { View } from "../messages/ids.ts";
import type { Signed, Standing, Suspicion } from "../messages/messages.ts";
import type { SaidSuspicion } from "../records.ts";
import { quorum, weakQuorum } from "../messages/quorum.ts";
import type { Leaving } from "../state.ts";
import type { Step } from "../step.ts";

/** Nothing is said yet, but what was said in an earlier life. */
export function newLeaving(said?: SaidSuspicion): Leaving {
  const own = said?.suspicion ?? null;
  return {
    own,
    furthest: said?.furthest ?? 0 as View,
    saidAt: 0,
    movedAt: 0,
    heard: new Map(own ? [[own.message.replica, own]] : []),
    views: new Map(),
    granted: new Map(),
  };
}

/** Whether these let a replica leave for `view`: f + 1 suspicions, or a quorum that agrees, all of them near each other. */
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

/** Whether it blames the primary. */
export function suspects({ standing }: Suspicion): boolean {
  return standing === "suspects";
}

/**
 * Whether a proof is about where this replica is, or ahead of it. One that everybody has left far behind was kept by somebody, who
 * shows it now. A correct replica that has left by it all the same is fetched by a hand-over.
 */
export function isRecent({ state }: Step, proof: readonly Signed<Suspicion>[]): boolean {
  return proof.every(({ message }) => message.executed + state.log.window >= state.lastExecuted);
}

/** Whether it suspects its primary. */
export function isSuspicious(step: Step): boolean {
  return isSaid(step, "suspects", step.state.view + 1);
}

export function isSaid({ state: { leaving: { own } } }: Step, standing: Standing, view: number): boolean {
  return own !== null && own.message.standing === standing && own.message.view === view;
}

/** Whether its last word is of near here, so that it counts together with what others say here. */
export function isSaidHere({ state: { leaving: { own }, lastExecuted }, env: { genesis } }: Step): boolean {
  return own !== null && lastExecuted - own.message.executed <= genesis.checkpointInterval / 2;
}

/** Its last word again, with each status, as long as it is about something: it may have been lost. */
export function repeatSuspicion(step: Step): void {
  const { leaving: { own }, view } = step.state;
  if (!own) return;
  const isAsking = own.message.standing === "agrees" && isAhead(step, own.message.view);
  if (own.message.view > view || isAsking) step.send("all", own);
}

/** Whether a view is one that this replica could still move to: above its own, or its own if that has not started. */
export function isAhead({ state, isActive }: Step, view: View): boolean {
  return view > state.view || (view === state.view && !isActive);
}

/** To a higher view, or to its own if it came there without a view-change, and that has not started. */
export function mayMoveTo(step: Step, view: View): boolean {
  const { state } = step;
  return view > state.view || (view === state.view && state.view > 0 && !step.isActive && state.viewChange === null);
}

/** A view is left, or starts: what was said of it and of those below is over. */
export function forgetSuspicions({ state }: Step): void {
  state.leaving.movedAt = state.suspicion.awakeMs;
  for (const [replica, { message }] of [...state.leaving.heard]) {
    if (message.view < state.view || (message.view === state.view && state.newView)) {
      state.leaving.heard.delete(replica);
    }
  }
}

/** Where a replica is, as far as what it can have let itself in for is concerned. */
export function furthestView({ state }: Step): View {
  return Math.max(state.view, state.leaving.furthest - 1) as View;
}
