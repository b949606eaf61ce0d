/**
 * The invariants that a simulation checks, by name.
 * @module
 */

import type { MachineFinding } from "./machine/fault.ts";

/** The invariants that are checked. */
export type Invariant =
  /** Correct replicas never execute different batches at one number. */
  | "agreement"
  /** Numbers are executed one after another, without a gap. */
  | "order"
  /** Every executed operation was signed by a client, or by the gateway that vouches for it. */
  | "validity"
  /** A request is executed at one sequence number only, and always with the same result. */
  | "exactly-once"
  /** Equal operations in equal order give equal results. */
  | "determinism"
  /**
   * A quorum of distinct replicas stands behind everything that a correct replica calls prepared, committed or stable,
   * and behind each new view.
   */
  | "certificates"
  /** Each view-change carries what prepared, and each new-view orders what follows from its view-changes. */
  | "carry-over"
  /** Views only grow: one by one, or by more after f + 1 others. */
  | "view-changes"
  /** Votes are for numbers between the watermarks, which only grow. */
  | "watermarks"
  /** A message leaves only after the records that bind its sender are durable. */
  | "write-ahead"
  /** A correct replica never accepts a message as another correct replica's that this one never sent. */
  | "authenticity"
  /** The body of an accepted batch is kept for as long as a certificate for it can count. */
  | "bodies"
  /** A body has the digest by which it is known. */
  | "digests"
  /** Operations see the agreed time. It never falls, and it is not far ahead of correct clocks. */
  | "agreed-time"
  /**
   * An epoch ends where its configuration was accepted, with a configuration that a quorum of its members approved.
   * Nothing of a closed epoch counts in the next one, and all correct replicas and clients reach the last one.
   */
  | "epochs"
  /** Equal states at equal checkpoints. */
  | "integrity"
  /** A result that a client was given survives any crashes. */
  | "durability"
  /** Clients see one order of operations, and it agrees with real time. */
  | "linearizability"
  /** One replica never signs two different votes for one place, across all its restarts and isolates. */
  | "self-consistency"
  /** A store returns all that was committed to it, and refuses the second of two conflicting commits. */
  | "store"
  /** A replica that is reloaded from its store has the state that the one in memory had. */
  | "reload"
  /** The evidence that a replica keeps convicts its signer before anybody, and never a correct replica. */
  | "evidence"
  /** The messages of a correct replica pass the gates of the others. */
  | "well-formed"
  /** No buffer exceeds its limit. */
  | "bounds"
  /** Once a quorum is healed, every request of a correct client is answered in time, and the healed replicas catch up. */
  | "liveness"
  /** There is no view change while all replicas are correct and up and delays are short. */
  | "calm"
  /** No correct replica halts, throws on an input, or finds its own store unusable. */
  | "no-halt"
  /** A correct client is not refused. */
  | "service"
  /** What a caller believes over HTTP is what the replicas have executed, its receipt proves it, and errors tell the effect that there was. */
  | "answers"
  /** No exception where none is allowed. */
  | "no-exception"
  /** The state machine keeps its contract: it gives bytes, and what it rejects changes nothing. */
  | "machine";

/** Reports an invariant that did not hold, with the details. */
export type Report = (invariant: Invariant, detail: string, machine?: MachineFinding) => void;

/** An invariant that did not hold. */
export interface Violation {
  /** The invariant. */
  readonly invariant: Invariant;
  /** The replica and the fact, for people. */
  readonly detail: string;
  /** Virtual ms since the start. */
  readonly atMs: number;
  /** The mistake of the state machine, if it is one. */
  readonly machine?: MachineFinding;
}

/**
 * The invariant that is broken when a replica halts or throws on an input. A replica may notice itself that its state
 * differs from a quorum's.
 */
export function invariantOf(trouble: string): Invariant {
  if (trouble.includes("has diverged")) return "integrity";
  return trouble.includes("is committed as") ? "agreement" : "no-halt";
}
