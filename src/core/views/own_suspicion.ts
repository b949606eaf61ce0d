/**
 * This replica's own suspicions, and leaving the view once enough replicas have announced theirs (see leaving.ts).
 * @module
 */
import type { SuspicionReason } from "../events.ts";
import type { View } from "../messages/ids.ts";
import type { Signed, Standing, Suspicion, Verified } from "../messages/messages.ts";
import { weakQuorum } from "../messages/quorum.ts";
import { leaveFor } from "./view_change.ts";
import type { Step } from "../step.ts";
import {
  hasAnnounced,
  isAnnouncementRecent,
  isProofOfLeaving,
  isRecent,
  mayMoveTo,
  suspects,
  suspectsPrimary,
} from "./leaving.ts";

/**
 * Announces that this replica suspects its primary. Announces it again when it has executed too much since the last
 * time.
 */
export function suspect(step: Step, why: SuspicionReason): void {
  const view = step.state.view + 1 as View;
  const isNew = !hasAnnounced(step, "suspects", view);
  if (!isNew && isAnnouncementRecent(step)) return;
  if (isNew) step.event({ kind: "suspicion", view, why });
  announce(step, view, "suspects");
}

/** Withdraws the suspicion of the primary, if there is one. */
export function withdrawSuspicion(step: Step): void {
  if (suspectsPrimary(step)) withdraw(step);
}

/** Withdraws this replica's last suspicion or agreement. */
export function withdraw(step: Step): void {
  const { view } = step.state.leaving.own!.message;
  step.event({ kind: "suspicion", view, why: "withdrawn" });
  announce(step, view, "withdrawn");
}

/** Announces what this replica says about moving to a view. Durable before it is sent. */
export function announce(step: Step, view: View, standing: Standing): void {
  const { state: { leaving, lastExecuted, suspicion }, self } = step;
  const number = (leaving.own?.message.number ?? 0) + 1;
  const message: Suspicion = { kind: "suspicion", replica: self, view, executed: lastExecuted, number, standing };
  leaving.own = step.env.sign(message);
  leaving.furthest = Math.max(leaving.furthest, view) as View;
  leaving.announcedAt = suspicion.awakeMs;
  leaving.heard.set(self, leaving.own);
  step.persist({ kind: "suspicion", suspicion: leaving.own, furthest: leaving.furthest });
  step.send("all", leaving.own);
  leaveIfProven(step);
}

/**
 * The proof that the received suspicions make for this view; `null` if they make none. It prefers those with the
 * highest executed numbers.
 */
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

/** Leaves for the highest view for which the received suspicions are a proof. */
export function leaveIfProven(step: Step): void {
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
