/**
 * Evidence: two signed messages of one replica that contradict each other. A correct replica never signs such a pair, so that it
 * convicts its signer before anybody who knows the genesis. The protocol goes on without it; people draw the conclusions.
 * @module
 */
import type { Checkpoint, Commit, Prepare, PreparedCertificate, PrePrepare, Signed, Verified } from "./messages.ts";
import type { Step } from "./state.ts";

/** What a replica says once only: for one view and number, or for one number. */
export type Statement = PrePrepare | Prepare | Commit | Checkpoint;

/** Two statements of one replica that can't both be true. */
export interface Contradiction<S = Signed<Statement>> {
  /** What it said first, as far as is known here. */
  readonly first: S;
  /** What it said in spite of that. */
  readonly second: S;
}

/** A replica that contradicts itself all the time is convicted by a few of them. */
const MAX_PER_REPLICA = 8;
const MAX_IN_ALL = 64;

/** Whether two statements contradict each other: one replica, one kind, one view and number, two digests. */
export function isContradiction(a: Statement, b: Statement): boolean {
  return a.digest !== b.digest && aboutOf(a) === aboutOf(b);
}

/** What a statement is about, its signer included: of two such statements one at most is true. */
export function aboutOf(statement: Statement): string {
  const view = statement.kind === "checkpoint" ? "" : statement.view;
  return [statement.replica, statement.kind, view, statement.sequence].join("/");
}

/** The contradictions that a replica has seen: the first about each matter, a bounded number. */
export class Evidence {
  readonly #kept = new Map<string, Contradiction>();

  constructor(contradictions: readonly Contradiction[] = []) {
    for (const contradiction of contradictions) this.add(contradiction);
  }

  /** False: it is known already, or there is no room for more. */
  add(contradiction: Contradiction): boolean {
    const about = aboutOf(contradiction.first.message);
    if (this.#kept.has(about) || this.#kept.size >= MAX_IN_ALL) return false;
    const { replica } = contradiction.first.message;
    const ofReplica = this.all().filter(({ first }) => first.message.replica === replica);
    if (ofReplica.length >= MAX_PER_REPLICA) return false;
    this.#kept.set(about, { first: ownCopy(contradiction.first), second: ownCopy(contradiction.second) });
    return true;
  }

  /** In the order in which they were seen. */
  all(): readonly Contradiction[] {
    return [...this.#kept.values()];
  }
}

/** Its bytes are views of what it came in, a large view-change perhaps, which is not to be kept for it. */
function ownCopy({ message, bytes, signature }: Signed<Statement>): Signed<Statement> {
  return { message, bytes: bytes.slice(), signature: signature.slice() };
}

/** Whether what comes contradicts what is known of its sender; then both are kept. */
export function compare<S extends Statement>(
  step: Step,
  known: Verified<Signed<S>> | null | undefined,
  coming: Verified<Signed<S>>,
): boolean {
  if (!known || !isContradiction(known.message, coming.message)) return false;
  const contradiction = { first: known, second: coming };
  if (step.state.evidence.add(contradiction)) {
    const { kind, replica, sequence } = coming.message;
    step.persist({ kind: "contradiction", contradiction });
    step.event({ kind: "contradiction", message: kind, accused: replica, sequence });
  }
  return true;
}

/** Compares what a view-change carries with what is known here: this is where a primary that told two halves two things is found out. */
export function compareCertificate(step: Step, { prePrepare, prepares }: PreparedCertificate): void {
  const slot = step.state.log.find(prePrepare.message.sequence);
  if (!slot) return;
  for (const known of [slot.prePrepare, slot.prepared?.prePrepare]) {
    compare(step, known as Verified<Signed<PrePrepare>>, prePrepare as Verified<Signed<PrePrepare>>);
  }
  for (const prepare of prepares) {
    compare(step, slot.prepares.get(prepare.message.replica), prepare as Verified<Signed<Prepare>>);
  }
}
