/**
 * What somebody does to a simulated cluster, as data: the same actions on the same plan give the same run.
 * @module
 */

/** What can be done to one replica. */
export type ReplicaAction = "stop" | "start" | "pause" | "resume" | "cut" | "join" | "lie";

/** Something that is done at a time. */
export type TimedAction =
  & {
    /** Virtual ms since the start. */
    readonly atMs: number;
  }
  & (
    | { readonly action: ReplicaAction; readonly replica: number }
    /** A client asks for an operation, as text. */
    | { readonly action: "request"; readonly operation: string }
  );

/** How a run goes on besides its plan. */
export interface Direction {
  readonly actions: readonly TimedAction[];
  /** The client of these actions opens its session at the start, and not with its first request. */
  readonly opensEarly?: boolean;
  /** The run ends then, and no quorum is healed. Left out: it ends as `run` says. */
  readonly untilMs?: number;
}
