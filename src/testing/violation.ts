/**
 * What can go wrong in a simulation, by name.
 * @module
 */

/** The invariants that are checked. */
export type Invariant =
  /** Correct replicas never execute different batches at one number. */
  | "agreement"
  /** Numbers are executed one after another, without a gap. */
  | "order"
  /** Only what a client, or the gateway that vouches for it, signed is executed. */
  | "validity"
  /** A request is executed at one number only, and always with the same result. */
  | "exactly-once"
  /** Equal operations in equal order give equal results. */
  | "determinism"
  /** What a correct replica calls prepared, committed, stable or a new view has a quorum of distinct replicas behind it. */
  | "certificates"
  /** What prepared is in each view-change, and a new view orders what follows from its view-changes. */
  | "carry-over"
  /** Views only grow: one by one, or further after f + 1 others. */
  | "view-changes"
  /** Votes are for numbers between the watermarks, which only grow. */
  | "watermarks"
  /** Nothing is said before it is durable with all that binds its sender. */
  | "write-ahead"
  /** Nobody takes for a correct replica's what that has never said. */
  | "authenticity"
  /** The body of what was accepted is kept for as long as a certificate for it can count. */
  | "bodies"
  /** A body has the digest that it is known by. */
  | "digests"
  /** Operations see the time that was agreed on, which never falls and is not far ahead of correct clocks. */
  | "agreed-time"
  /** Equal states at equal checkpoints. */
  | "integrity"
  /** What a client was told survives any crashes. */
  | "durability"
  /** Clients see one order, which agrees with real time. */
  | "linearizability"
  /** One replica never signs two different votes for one place, over all its restarts and isolates. */
  | "self-consistency"
  /** A store gives what was committed to it, all of it, and refuses who comes second. */
  | "store"
  /** A replica that is read from its store is where the one in memory was. */
  | "reload"
  /** What a replica keeps as evidence convicts its signer before anybody, and never a correct one. */
  | "evidence"
  /** What a correct replica says passes the others' gates. */
  | "well-formed"
  /** No buffer over its limit. */
  | "bounds"
  /** Once a quorum is healed, every request of a correct client is answered in time, and the healed catch up. */
  | "liveness"
  /** No view change while all are correct and up and delays are short. */
  | "calm"
  /** No correct replica stops by itself, throws on an input, or finds its own store unusable. */
  | "no-halt"
  /** A correct client is not refused. */
  | "service"
  /** Nothing throws where nothing may. */
  | "no-exception";

/** Reports that an invariant did not hold, with the replica and the fact. */
export type Report = (invariant: Invariant, detail: string) => void;

/** An invariant that did not hold. */
export interface Violation {
  /** Which one. */
  readonly invariant: Invariant;
  /** Who and what, for people. */
  readonly detail: string;
  /** Virtual ms since the start. */
  readonly atMs: number;
}
