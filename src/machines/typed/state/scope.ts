/**
 * The operation or query that is running: its changes, its time, and whether it may write. The handles of the state
 * look here.
 * @module
 */
import type { Draft } from "./draft.ts";

/** The operation or query that is being run. */
export interface Running {
  readonly draft: Pick<Draft, "get" | "set" | "forward" | "backward">;
  readonly time: number;
  readonly mayWrite: boolean;
}

/** Holds the operation or query that is running. */
export class Scope {
  running: Running | null = null;

  /** @throws {Error} if nothing is being run: a handle was kept, or used after an `await`. */
  read(what: string): Running {
    if (this.running) return this.running;
    throw new Error(`${what}: expected to be used while an operation or a query is being run, got a use after its end`);
  }

  /** @throws {Error} if nothing is running, or a query is, which must not write. */
  write(what: string): Running {
    const running = this.read(what);
    if (!running.mayWrite) throw new Error(`${what}: expected an operation, got a query, which may not write`);
    return running;
  }
}
