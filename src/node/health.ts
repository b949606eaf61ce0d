/**
 * How a durable replica has fared since the start.
 * @module
 */
import type { InputFaults } from "./input_faults.ts";
import type { NodeStatus } from "./status.ts";

/** Counts, and what is wrong now. */
export class Health {
  /** Store commits. */
  commits = 0;
  /** Times that it was thrown away and read anew. */
  reloads = 0;
  /** Why the store takes no commits now; `null`: it does. */
  storeError: string | null = null;
  /** Why it stopped for good; `null`: it has not. */
  halted: string | null = null;
  /** It was closed. */
  isClosed = false;
  readonly #faults: InputFaults;

  constructor(faults: InputFaults) {
    this.#faults = faults;
  }

  /** Why it takes nothing more. */
  get stopped(): string | null {
    if (this.halted !== null) return `the replica has halted: ${this.halted}`;
    return this.isClosed ? "the node is closed" : null;
  }

  /** For the node's status. */
  get record(): Pick<NodeStatus, "commits" | "reloads" | "inputFaults" | "lastInputFault" | "storeError" | "halted"> {
    const { count, last } = this.#faults;
    return {
      commits: this.commits,
      reloads: this.reloads,
      inputFaults: count,
      ...(last !== null && { lastInputFault: last }),
      ...(this.storeError !== null && { storeError: this.storeError }),
      ...(this.halted !== null && { halted: this.halted }),
    };
  }
}
