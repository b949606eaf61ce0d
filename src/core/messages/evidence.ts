/**
 * Evidence of misconduct: two signed messages of one replica that contradict each other. A correct replica never signs
 * such a pair. So the pair convicts its signer to anybody who knows the genesis. The protocol does not act on evidence;
 * operators do.
 * @module
 */
import { equalBytes } from "../tree/bytes.ts";
import type { Signed, ViewChange } from "./messages.ts";
import type { Checkpoint, Commit, Prepare, PrePrepare } from "./agreement.ts";

/**
 * A message that a correct replica signs only once: per view and number (pre-prepare, prepare, commit), per number
 * (checkpoint), or per view (view-change).
 */
export type Statement = PrePrepare | Prepare | Commit | Checkpoint | ViewChange;

/** Two statements of one replica of which only one can be honest. */
export interface Contradiction<S = Signed<Statement>> {
  /** The statement that arrived here first. */
  readonly first: S;
  /** The statement that contradicts it. */
  readonly second: S;
}

/** A few contradictions are enough to convict a replica that contradicts itself all the time. */
const MAX_PER_REPLICA = 8;
const MAX_IN_ALL = 64;
/**
 * View-changes are kept with their certificates, without which their signatures prove nothing. All other statements
 * have a few hundred bytes.
 */
const MAX_BYTES = 4 * 2 ** 20;

/**
 * Whether two statements contradict each other: same replica, kind, view and number, but different digests; or
 * different view-changes for one view.
 */
export function isContradiction(a: Signed<Statement>, b: Signed<Statement>): boolean {
  const [one, other] = [a.message, b.message];
  const differ = one.kind === "view-change" || other.kind === "view-change"
    ? !equalBytes(a.bytes, b.bytes)
    : one.digest !== other.digest;
  return differ && aboutOf(one) === aboutOf(other);
}

/** The subject of a statement, with its signer: a correct replica signs one statement per subject. */
export function aboutOf(statement: Statement): string {
  const { replica, kind } = statement;
  const view = kind === "checkpoint" ? "" : statement.view;
  return [replica, kind, view, ...(kind === "view-change" ? [] : [statement.sequence])].join("/");
}

/** The contradictions that a replica has seen: the first one per subject, up to a bound. */
export class Evidence {
  readonly #kept = new Map<string, Contradiction>();
  #bytes = 0;

  constructor(contradictions: readonly Contradiction[] = []) {
    for (const contradiction of contradictions) this.add(contradiction);
  }

  /** Adds a contradiction. Returns false if its subject is known already, or if there is no room. */
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

  /** All contradictions, in the order in which they were seen. */
  all(): readonly Contradiction[] {
    return [...this.#kept.values()];
  }
}

/**
 * Copies a statement's bytes. They are views into the message that carried it, perhaps a large view-change, which must
 * not stay in memory for it.
 */
function ownCopy({ message, bytes, signature }: Signed<Statement>): Signed<Statement> {
  return { message, bytes: bytes.slice(), signature: signature.slice() };
}
