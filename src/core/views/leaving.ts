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
import type { SuspicionReason } from "../events.ts";
import { grantHandOver } from "./hand_over.ts";
import type { ReplicaId, View } from "../messages/ids.ts";
import type { Signed, Standing, Suspicion, Verified } from "../messages/messages.ts";
import type { SaidSuspicion } from "../records.ts";
import { quorum, weakQuorum } from "../messages/quorum.ts";
import type { Step } from "../state.ts";
import { leaveFor, onQuorum, tellNewView } from "./view_change.ts";

/** What is said of leaving. */
export interface Leaving {
  /** This replica's own last word, and the furthest view of all its words. Durable before it is sent. */
  own: Verified<Signed<Suspicion>> | null;
  furthest: View;
  /** When it said that, in time awake. */
  saidAt: number;
  /** When it last left a view, in time awake. */
  movedAt: number;
  /** The last word of each replica that is about a view to come. */
  readonly heard: Map<ReplicaId, Verified<Signed<Suspicion>>>;
  /** The highest view that each of the others has shown to be in, or on its way to, by what it signed. */
  readonly views: Map<ReplicaId, View>;
  /** To which view each of the others was granted a hand-over last, and when that was, in the time that has passed here. */
  readonly granted: Map<ReplicaId, { readonly view: View; readonly at: number }>;
}

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

function suspects({ standing }: Suspicion): boolean {
  return standing === "suspects";
}

/** The proof that is made of what was heard; `null`: there is none. Of the latest words, if there is a choice. */
function proofFor(step: Step, view: View): readonly Verified<Signed<Suspicion>>[] | null {
  const said = [...step.state.leaving.heard.values()]
    .filter(({ message }) => message.view === view && message.standing !== "withdrawn")
    .sort((a, b) => b.message.executed - a.message.executed || a.message.replica - b.message.replica);
  const blaming = said.filter(({ message }) => suspects(message));
  for (const [some, size] of [[blaming, weakQuorum(step.n)], [said, step.quorum]] as const) {
    for (let i = 0; i + size <= some.length; i++) {
      const proof = some.slice(i, i + size);
      if (!isProofOfLeaving(proof, view, step.env.genesis)) continue;
      return proof.sort((a, b) => a.message.replica - b.message.replica);
    }
  }
  return null;
}

/**
 * Whether a proof is about where this replica is, or ahead of it. One that everybody has left far behind was kept by somebody, who
 * shows it now. A correct replica that has left by it all the same is fetched by a hand-over.
 */
export function isRecent({ state }: Step, proof: readonly Signed<Suspicion>[]): boolean {
  return proof.every(({ message }) => message.executed + state.log.window >= state.lastExecuted);
}

/** This replica suspects its primary, or still does so further on. */
export function suspect(step: Step, why: SuspicionReason): void {
  const view = step.state.view + 1 as View;
  const isNew = !isSaid(step, "suspects", view);
  if (!isNew && isSaidHere(step)) return;
  if (isNew) step.event({ kind: "suspicion", view, why });
  say(step, view, "suspects");
}

/** Whether it suspects its primary. */
export function isSuspicious(step: Step): boolean {
  return isSaid(step, "suspects", step.state.view + 1);
}

/** It suspects nobody any more. */
export function trust(step: Step): void {
  if (isSuspicious(step)) withdraw(step);
}

/** Takes back what it said last. */
export function withdraw(step: Step): void {
  const { view } = step.state.leaving.own!.message;
  step.event({ kind: "suspicion", view, why: "withdrawn" });
  say(step, view, "withdrawn");
}

export function isSaid({ state: { leaving: { own } } }: Step, standing: Standing, view: number): boolean {
  return own !== null && own.message.standing === standing && own.message.view === view;
}

/** Whether its last word is of near here, so that it counts together with what others say here. */
export function isSaidHere({ state: { leaving: { own }, lastExecuted }, env: { genesis } }: Step): boolean {
  return own !== null && lastExecuted - own.message.executed <= genesis.checkpointInterval / 2;
}

/** Has this replica say what it thinks of leaving for a view; durable before it is sent. */
export function say(step: Step, view: View, standing: Standing): void {
  const { state: { leaving, lastExecuted, suspicion }, self } = step;
  const number = (leaving.own?.message.number ?? 0) + 1;
  const message: Suspicion = { kind: "suspicion", replica: self, view, executed: lastExecuted, number, standing };
  leaving.own = step.env.sign(message);
  leaving.furthest = Math.max(leaving.furthest, view) as View;
  leaving.saidAt = suspicion.awakeMs;
  leaving.heard.set(self, leaving.own);
  step.persist({ kind: "suspicion", suspicion: leaving.own, furthest: leaving.furthest });
  step.send("all", leaving.own);
  leaveTogether(step);
}

/** Its last word again, with each status, as long as it is about something: it may have been lost. */
export function repeatSuspicion(step: Step): void {
  const { leaving: { own }, view } = step.state;
  if (!own) return;
  const isAsking = own.message.standing === "agrees" && isAhead(step, own.message.view);
  if (own.message.view > view || isAsking) step.send("all", own);
}

function isAhead({ state, isActive }: Step, view: View): boolean {
  return view > state.view || (view === state.view && !isActive);
}

/** Another one says what it thinks of its primary, or that it agrees to a hand-over. */
export function onSuspicion(step: Step, suspicion: Verified<Signed<Suspicion>>): void {
  const { leaving } = step.state;
  const { replica, view, number } = suspicion.message;
  if (replica === step.self) return onOwnSuspicion(step, suspicion);
  const known = leaving.heard.get(replica);
  if (known && known.message.number >= number) {
    if (known.message.number === number) {
      grantHandOver(step, known.message);
      return step.discard("suspicion", replica, "duplicate");
    }
    // It may have lost its disk, and counts anew. Whoever repeats an old word of its own draws a word of its own.
    step.send(replica, known);
    return step.discard("suspicion", replica, "superseded");
  }
  if (!isAhead(step, view)) {
    tellNewView(step, replica, view);
    return step.discard("suspicion", replica, "other-view");
  }
  leaving.heard.set(replica, suspicion);
  if (suspects(suspicion.message)) noteView(step, replica, view - 1 as View);
  leaveTogether(step);
  grantHandOver(step, suspicion.message);
}

/** Another one is in this view, or on its way there: a quorum of these is worth waiting for. */
export function noteView(step: Step, replica: ReplicaId, view: View): void {
  const { views } = step.state.leaving;
  if (view <= (views.get(replica) ?? -1)) return;
  views.set(replica, view);
  onQuorum(step);
}

/**
 * Somebody gives back what this replica said before it lost its disk, or was given an old copy of it: it goes on from there. While it
 * may not vote it says nothing new; if it still suspects its primary when it may, it says so then.
 */
function onOwnSuspicion(step: Step, suspicion: Verified<Signed<Suspicion>>): void {
  const { leaving } = step.state;
  const { number, view } = suspicion.message;
  if (number <= (leaving.own?.message.number ?? 0)) return step.discard("suspicion", step.self, "duplicate");
  const again = leaving.own?.message;
  leaving.own = suspicion;
  leaving.furthest = Math.max(leaving.furthest, view) as View;
  step.persist({ kind: "suspicion", suspicion, furthest: leaving.furthest });
  if (again && step.mayVote && isAhead(step, again.view)) say(step, again.view, again.standing);
}

/** Leaves as soon as what was heard allows it. */
export function leaveTogether(step: Step): void {
  const { state } = step;
  if (!step.mayVote) return;
  const views = new Set([...state.leaving.heard.values()].map(({ message }) => message.view));
  for (const view of [...views].sort((a, b) => b - a)) {
    const proof = mayMoveTo(step, view) ? proofFor(step, view) : null;
    if (!proof || !isRecent(step, proof)) continue;
    const isBlamed = proof.filter(({ message }) => suspects(message)).length >= weakQuorum(step.n);
    return leaveFor(step, view, { proof, why: isBlamed ? "suspected" : "handed-over" });
  }
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
