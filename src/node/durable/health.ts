/**
 * How a durable replica has fared since the start.
 * @module
 */
import { describeThrown, StateMachineError } from "../../core/ordering/machine_guard.ts";
import type { DurableReplicaOptions } from "./options.ts";
import type { InputFaults } from "./input_faults.ts";
import type { NodeStatus } from "../status.ts";
import type { StoreGoneError } from "../storage/store_errors.ts";
import { StoreWatch } from "../storage/store_watch.ts";

/** What tells of it. */
export interface HealthOptions
  extends Pick<DurableReplicaOptions, "store" | "timer" | "onMachineError" | "onStoreFailure"> {
  /** The store's file was removed or replaced. */
  readonly onGone: (error: StoreGoneError) => void;
}

/** Counts, and what is wrong now. */
export class Health {
  /** Store commits. */
  commits = 0;
  /** Times that it was thrown away and read anew. */
  reloads = 0;
  /** Why the store takes no commits, or the state machine no state, now; `null`: they do. */
  storeError: string | null = null;
  #halted: string | null = null;
  #isClosed = false;
  /** It is being read from its store. */
  isReloading = false;
  readonly #faults: InputFaults;
  readonly #onMachineError: (error: Error) => void;
  readonly #onStoreFailure: (error: string) => void;
  readonly #watch: StoreWatch;
  #isMachineAtFault = false;

  /** `onMachineError`: hears of each time that the state machine could not take up its state; `onStoreFailure`: that the store failed. */
  constructor(faults: InputFaults, { store, timer, onMachineError, onStoreFailure, onGone }: HealthOptions) {
    this.#faults = faults;
    this.#onMachineError = onMachineError;
    this.#onStoreFailure = onStoreFailure;
    this.#watch = new StoreWatch(store, timer, onGone);
  }

  /** The replica is to be read anew, for this. Where the machine is at fault nothing in the store is wrong, and a mended one goes on. */
  failed(error: unknown): void {
    this.storeError = describeThrown(error).error;
    this.#isMachineAtFault = error instanceof StateMachineError;
    if (error instanceof StateMachineError) this.#onMachineError(error);
    else this.#onStoreFailure(this.storeError);
  }

  /** The replica runs: the state machine has taken up its state. */
  started(): void {
    this.#watch.start();
    if (this.#isMachineAtFault) this.storeError = null;
    this.#isMachineAtFault = false;
    this.isReloading = false;
  }

  /** It stopped for good, for this. */
  halt(reason: string): void {
    this.#halted = reason;
    this.#watch.stop();
  }

  /** Why it stopped for good; `null`: it has not. */
  get halted(): string | null {
    return this.#halted;
  }

  /** It was closed. */
  close(): void {
    this.#isClosed = true;
    this.#watch.stop();
  }

  /** Whether it was closed. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Why it takes nothing more. */
  get stopped(): string | null {
    if (this.#halted !== null) return `the replica has halted: ${this.#halted}`;
    return this.#isClosed ? "the node is closed" : null;
  }

  /** For the node's status. */
  get record(): Omit<NodeStatus, "name" | "self" | "replica" | "outboxes" | "inReach" | "inbox"> {
    const { count, last } = this.#faults;
    return {
      commits: this.commits,
      reloads: this.reloads,
      inputFaults: count,
      ...(last !== null && { lastInputFault: last }),
      ...(this.isReloading && this.stopped === null && { isReloading: true }),
      ...(this.storeError !== null && { storeError: this.storeError }),
      ...(this.#halted !== null && { halted: this.#halted }),
    };
  }
}
