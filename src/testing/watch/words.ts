/**
 * What a broken invariant means, in words.
 * @module
 */
import type { Invariant } from "../violation.ts";

const WORDS: { readonly [name in Invariant]: string } = {
  "agreement": "two correct replicas have executed different batches at one number",
  "order": "a number was executed before the one below it",
  "validity": "something was executed that no client has asked for",
  "exactly-once": "a request was executed twice, or with two results",
  "determinism": "equal operations in equal order gave different results",
  "certificates": "a quorum does not stand behind what a correct replica relies on",
  "carry-over": "what had prepared was lost in a view change",
  "view-changes": "a replica went to a view to which it must not go",
  "watermarks": "a replica voted outside of its window of numbers",
  "write-ahead": "a message left before its records were durable",
  "authenticity": "a replica accepted a message that its sender has never sent",
  "bodies": "a batch is gone that may still be needed",
  "digests": "a batch does not have the digest by which it is known",
  "agreed-time": "the agreed time went back, or far ahead",
  "integrity": "equal checkpoints have different states",
  "durability": "a result that a client was given is lost",
  "linearizability": "the clients' answers fit no single order of their operations",
  "self-consistency": "a correct replica has signed two different votes for one place",
  "store": "a store did not return what was committed to it",
  "reload": "a replica that is read from its store has another state than the one in memory",
  "evidence": "evidence accuses a correct replica, or proves nothing",
  "well-formed": "a correct replica says what the others cannot read",
  "bounds": "a buffer is larger than its limit",
  "liveness": "a healed quorum does not answer, or does not catch up",
  "calm": "a view changed although nothing was wrong",
  "no-halt": "a correct replica halted",
  "service": "a correct client was refused",
  "answers": "a caller believes a lie",
  "no-exception": "something threw where nothing may",
  "epochs": "members changed without agreement, or too late",
  "machine": "the state machine does not keep its contract",
};

/** What it means that this invariant does not hold. */
export function wordsFor(invariant: Invariant): string {
  return WORDS[invariant];
}
