/**
 * Counters and errors of a durable replica since its start.
 * @module
 */
import { describeThrown, StateMachineError } from "../../core/ordering/machine_guard.ts";
import type { DurableReplicaOptions } from "./options.ts";
import type { InputFaults } from "./input_faults.ts";
import type { LifeCycle } from "./life.ts";
import type { NodeStatus } from "../status.ts";
import type { StoreGoneError } from "../storage/store_errors.ts";
import { StoreWatch } from "../storage/store_watch.ts";

/** Options of {@linkcode Health}. */
export interface HealthOptions
  extends Pick<DurableReplicaOptions, "store" | "timer" | "onMachineError" | "onStoreFailure" | "onStoreWorks"> {
  /** Called when the store's file was removed or replaced. */
  readonly onGone: (error: StoreGoneError) => void;
}

/** Counters, and the current error. */
export class Health {
  /** Number of commits to the store. */
  commits = 0;
  /** Number of reloads. */
  reloads = 0;
  /** Why commits to the store, or loading the state machine's state, fail now; `null` if they work. */
  storeError: string | null = null;
  readonly #faults: InputFaults;
  readonly #onMachineError: (error: Error) => void;
  readonly #onStoreFailure: (error: string) => void;
  readonly #onStoreWorks: () => void;
  readonly #watch: StoreWatch;
  #isMachineAtFault = false;

  /**
   * `onMachineError`: called each time the state machine fails to load its state; `onStoreFailure`: called when the
   * store fails; `onStoreWorks`: called at the first commit after that.
   */
  constructor(
    faults: InputFaults,
    { store, timer, onMachineError, onStoreFailure, onStoreWorks, onGone }: HealthOptions,
  ) {
    this.#faults = faults;
    this.#onMachineError = onMachineError;
    this.#onStoreFailure = onStoreFailure;
    this.#onStoreWorks = onStoreWorks;
    this.#watch = new StoreWatch(store, timer, onGone);
  }

  /**
   * Records why the replica must be reloaded. If the state machine is the cause, the store is sound, and a fixed state
   * machine will work.
   */
  failed(error: unknown): void {
    this.storeError = describeThrown(error).error;
    this.#isMachineAtFault = error instanceof StateMachineError;
    if (error instanceof StateMachineError) this.#onMachineError(error);
    else this.#onStoreFailure(this.storeError);
  }

  /** A commit has succeeded. */
  committed(): void {
    const hadFailed = this.storeError !== null && !this.#isMachineAtFault;
    this.storeError = null;
    if (hadFailed) this.#onStoreWorks();
  }

  /** The core runs: the state machine has loaded its state. */
  started(): void {
    this.#watch.start();
    if (this.#isMachineAtFault) this.storeError = null;
    this.#isMachineAtFault = false;
  }

  /** The replica has stopped: stops watching the store's file. */
  stopWatching(): void {
    this.#watch.stop();
  }

  /** The fields of the node's status. */
  record({ now, halted }: LifeCycle): Omit<NodeStatus, "name" | "self" | "replica" | "outboxes" | "inReach" | "inbox"> {
    const { count, last } = this.#faults;
    return {
      commits: this.commits,
      reloads: this.reloads,
      inputFaults: count,
      ...(last !== null && { lastInputFault: last }),
      ...(now.kind === "reading" && { isReloading: true }),
      ...(this.storeError !== null && { storeError: this.storeError }),
      ...(halted !== null && { halted }),
    };
  }
}
