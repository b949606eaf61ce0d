/**
 * The mistakes of a state machine that a simulation reports.
 * @module
 */
/** The kinds of mistakes of a state machine. `SimulateOptions.allow` names those that are none for yours. */
export type MachineFault =
  /** An operation or a query ended by an error that is no `OperationError`, or gave no bytes or too many. */
  | "failure"
  /** A clock, chance, I/O, the locale or an object that all code shares was used. */
  | "not-deterministic"
  /** Equal operations or queries on equal states gave different results. */
  | "result"
  /** Equal operations on equal states left different states, or `restore` did not put the state in place. */
  | "state"
  /** An operation that threw, or a query, has changed the state; also a query that is executed, as clients have reads ordered at times. */
  | "change";

/** A mistake of a state machine. */
export interface MachineFinding {
  /** Its kind. */
  readonly fault: MachineFault;
  /** The fault, in one line. */
  readonly what: string;
  /** The operation or the query, as text. */
  readonly operation: string;
  /** Who called it, in which batch. */
  readonly caller: string;
  /** What two machines gave, or what one threw: who, and what. */
  readonly said: readonly (readonly [who: string, what: string])[];
  /** The first path at which they differ; `null`: they do not, or it is no matter of a difference. */
  readonly at: string | null;
  /** The likely reason, or the next step. */
  readonly advice: string | null;
}
