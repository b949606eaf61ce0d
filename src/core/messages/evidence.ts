/**
 * Evidence: two signed messages of one replica that contradict each other. A correct replica never signs such a pair, so that it
 * convicts its signer before anybody who knows the genesis. The protocol goes on without it; people draw the conclusions.
 * @module
 */
import { equalBytes } from "../tree/bytes.ts";
import type { Signed, ViewChange } from "./messages.ts";
import type { Checkpoint, Commit, Prepare, PrePrepare } from "./agreement.ts";

/** What a replica says once only: for one view and number, for one number, or, a view-change, for one view. */
export type Statement = PrePrepare | Prepare | Commit | Checkpoint | ViewChange;

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
/** View-changes carry their certificates, and without these their signatures prove nothing; all else is a few hundred bytes. */
const MAX_BYTES = 4 * 2 ** 20;

/** Whether two statements contradict each other: one replica, one kind, one view and number, two digests or two view-changes. */
export function isContradiction(a: Signed<Statement>, b: Signed<Statement>): boolean {
  const [one, other] = [a.message, b.message];
  const differ = one.kind === "view-change" || other.kind === "view-change"
    ? !equalBytes(a.bytes, b.bytes)
    : one.digest !== other.digest;
  return differ && aboutOf(one) === aboutOf(other);
}

/** What a statement is about, its signer included: of two such statements one at most is true. */
export function aboutOf(statement: Statement): string {
  const { replica, kind } = statement;
  const view = kind === "checkpoint" ? "" : statement.view;
  return [replica, kind, view, ...(kind === "view-change" ? [] : [statement.sequence])].join("/");
}

/** The contradictions that a replica has seen: the first about each matter, a bounded number. */
export class Evidence {
  readonly #kept = new Map<string, Contradiction>();
  #bytes = 0;

  constructor(contradictions: readonly Contradiction[] = []) {
    for (const contradiction of contradictions) this.add(contradiction);
  }

  /** False: it is known already, or there is no room for more. */
  add({ first, second }: Contradiction): boolean {
    const about = aboutOf(first.message);
    const bytes = this.#bytes + first.bytes.length + second.bytes.length;
    if (this.#kept.has(about) || this.#kept.size >= MAX_IN_ALL || bytes > MAX_BYTES) return false;
    const ofReplica = this.all().filter((other) => other.first.message.replica === first.message.replica);
    if (ofReplica.length >= MAX_PER_REPLICA) return false;
    this.#kept.set(about, { first: ownCopy(first), second: ownCopy(second) });
    this.#bytes = bytes;
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
