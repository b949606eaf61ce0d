/**
 * How a durable replica has fared since the start.
 * @module
 */
import { describeThrown, StateMachineError } from "../core/machine_guard.ts";
import type { InputFaults } from "./input_faults.ts";
import type { NodeStatus } from "./status.ts";

/** Counts, and what is wrong now. */
export class Health {
  /** Store commits. */
  commits = 0;
  /** Times that it was thrown away and read anew. */
  reloads = 0;
  /** Why the store takes no commits, or the state machine no state, now; `null`: they do. */
  storeError: string | null = null;
  /** Why it stopped for good; `null`: it has not. */
  halted: string | null = null;
  /** It was closed. */
  isClosed = false;
  readonly #faults: InputFaults;
  readonly #onMachineError: (error: Error) => void;
  #isMachineAtFault = false;

  /** `onMachineError`: hears of each time that the state machine could not take up its state. */
  constructor(faults: InputFaults, onMachineError: (error: Error) => void) {
    this.#faults = faults;
    this.#onMachineError = onMachineError;
  }

  /** The replica is to be read anew, for this. Where the machine is at fault nothing in the store is wrong, and a mended one goes on. */
  failed(error: unknown): void {
    this.storeError = describeThrown(error).error;
    this.#isMachineAtFault = error instanceof StateMachineError;
    if (error instanceof StateMachineError) this.#onMachineError(error);
  }

  /** The state machine has taken up its state. */
  started(): void {
    if (this.#isMachineAtFault) this.storeError = null;
    this.#isMachineAtFault = false;
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
