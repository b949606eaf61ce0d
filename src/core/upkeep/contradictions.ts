/**
 * Finds replicas that contradict themselves: compares each signed statement that arrives with what its sender has
 * signed before.
 * @module
 */
import type { NewView, PreparedCertificate, PrePrepare, Signed, Verified, ViewChange } from "../messages/messages.ts";
import { isContradiction, type Statement } from "../messages/evidence.ts";
import type { Step } from "../step.ts";

/** Whether an arriving statement contradicts a known one of the same sender. If so, both are kept as evidence. */
export function compare<S extends Statement>(
  step: Step,
  known: Verified<Signed<S>> | null | undefined,
  coming: Verified<Signed<S>>,
): boolean {
  return compareNested(step, known, coming);
}

/** Compares a view-change, and the certificates in it, with the other statements of their signers. */
export function compareViewChange(step: Step, coming: Verified<Signed<ViewChange>>): void {
  compareNestedViewChange(step, coming);
  for (const certificate of coming.message.prepared) compareCertificate(step, certificate);
}

/**
 * Compares the view-changes and pre-prepares in a new-view with those known here: its primary may have sent others
 * another new-view.
 */
export function compareNewView(step: Step, { message: { viewChanges, prePrepares } }: Verified<Signed<NewView>>): void {
  for (const viewChange of viewChanges) compareNestedViewChange(step, viewChange);
  for (const prePrepare of prePrepares) comparePrePrepare(step, prePrepare);
}

/** Both statements were verified, by themselves or as a part of another message. */
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

/** This convicts a primary that proposed different batches to two halves of the backups. */
function compareCertificate(step: Step, { prePrepare, prepares }: PreparedCertificate): void {
  comparePrePrepare(step, prePrepare);
  const slot = step.state.log.find(prePrepare.message.sequence);
  for (const prepare of prepares) compareNested(step, slot?.prepares.get(prepare.message.replica), prepare);
}

function comparePrePrepare(step: Step, prePrepare: Signed<PrePrepare>): void {
  const slot = step.state.log.find(prePrepare.message.sequence);
  for (const known of [slot?.prePrepare, slot?.waiting?.prePrepare, slot?.prepared?.prePrepare]) {
    compareNested(step, known, prePrepare);
  }
}
