/**
 * Finds replicas that contradict themselves: each signed statement that comes is compared with what its sender has said before.
 * @module
 */
import type { NewView, PreparedCertificate, PrePrepare, Signed, Verified, ViewChange } from "../messages/messages.ts";
import { isContradiction, type Statement } from "../messages/evidence.ts";
import type { Step } from "../step.ts";

/** Whether what comes contradicts what is known of its sender; then both are kept. */
export function compare<S extends Statement>(
  step: Step,
  known: Verified<Signed<S>> | null | undefined,
  coming: Verified<Signed<S>>,
): boolean {
  return compareNested(step, known, coming);
}

/** Compares a view-change with what else its sender has said when it left for that view. */
export function compareViewChange(step: Step, coming: Verified<Signed<ViewChange>>): void {
  compareNestedViewChange(step, coming);
  for (const certificate of coming.message.prepared) compareCertificate(step, certificate);
}

/** Compares what a new-view carries with what is known here: its primary may have told others of another one. */
export function compareNewView(step: Step, { message: { viewChanges, prePrepares } }: Verified<Signed<NewView>>): void {
  for (const viewChange of viewChanges) compareNestedViewChange(step, viewChange);
  for (const prePrepare of prePrepares) comparePrePrepare(step, prePrepare);
}

/** Both were verified, if only as a part of what carries them. */
function compareNested(step: Step, known: Signed<Statement> | null | undefined, coming: Signed<Statement>): boolean {
  if (!known || !isContradiction(known, coming)) return false;
  const contradiction = { first: known, second: coming };
  if (step.state.evidence.add(contradiction)) {
    const { message } = coming;
    const sequence = message.kind === "view-change" ? null : message.sequence;
    step.persist({ kind: "contradiction", contradiction });
    step.event({ kind: "contradiction", message: message.kind, accused: message.replica, sequence });
  }
  return true;
}

function compareNestedViewChange(step: Step, coming: Signed<ViewChange>): void {
  const { viewChanges, newView } = step.state;
  const { replica, view } = coming.message;
  compareNested(step, viewChanges.get(replica), coming);
  if (newView?.message.view !== view) return;
  compareNested(step, newView.message.viewChanges.find(({ message }) => message.replica === replica), coming);
}

/** This is where a primary that told two halves two things is found out. */
function compareCertificate(step: Step, { prePrepare, prepares }: PreparedCertificate): void {
  comparePrePrepare(step, prePrepare);
  const slot = step.state.log.find(prePrepare.message.sequence);
  for (const prepare of prepares) compareNested(step, slot?.prepares.get(prepare.message.replica), prepare);
}

function comparePrePrepare(step: Step, prePrepare: Signed<PrePrepare>): void {
  const slot = step.state.log.find(prePrepare.message.sequence);
  for (const known of [slot?.prePrepare, slot?.prepared?.prePrepare]) compareNested(step, known, prePrepare);
}
