/**
 * The states of a durable replica, its last known status while it is reloaded, and how it stays halted.
 *
 * | from | to | when |
 * | --- | --- | --- |
 * | reading | running | the replica was loaded from its store |
 * | running | reading | a commit fails, the core throws, or another instance has committed |
 * | reading, running | halted | only an operator can help |
 * | any | closed | the host closes the node |
 *
 * @module
 */
import type { PeerMemory, ReplicaStatus } from "../../core/io.ts";
import { describeThrown } from "../../core/ordering/machine_guard.ts";
import type { Retry } from "../async/retry.ts";
import type { Store } from "../ports.ts";
import { markHalted } from "../storage/opening.ts";
import type { Core } from "./task.ts";

/** Why the replica is being loaded, as far as its start depends on it. */
export interface WhyReading {
  /** Another instance has committed. That one announces the replica's state to the others, so this one need not. */
  readonly isQuiet: boolean;
  /** The core threw at its start with persisted inputs, so these are dropped. */
  readonly distrustsKept: boolean;
}

/** The replica is being loaded from its store, or will be soon. New inputs wait. */
export interface Reading extends WhyReading {
  readonly kind: "reading";
}

/** The core is in memory and processes inputs. */
export interface Running {
  readonly kind: "running";
  readonly core: Core;
  /** Whether no external input was processed since the replica was loaded. */
  isUntouched: boolean;
}

/** The replica has stopped until an operator intervenes. */
export interface Halted {
  readonly kind: "halted";
  readonly reason: string;
}

/** The host has closed the replica. A running core finishes its commits. */
export interface Closed {
  readonly kind: "closed";
  readonly before: Running | Halted | Reading;
}

/** The state of a durable replica. */
export type Life = Reading | Running | Halted | Closed;

/** The state of a durable replica, with one method for each transition. */
export class LifeCycle {
  #life: Life = { kind: "reading", isQuiet: false, distrustsKept: false };

  /** The current state. */
  get now(): Life {
    return this.#life;
  }

  /** The core; `null` while the replica is being loaded, and when it has halted. */
  get core(): Core | null {
    const state = this.#current;
    return state.kind === "running" ? state.core : null;
  }

  /** Why it halted; `null` if it did not. */
  get halted(): string | null {
    const state = this.#current;
    return state.kind === "halted" ? state.reason : null;
  }

  /** Whether the host has closed it. */
  get isClosed(): boolean {
    return this.#life.kind === "closed";
  }

  /** Why it accepts nothing more; `null` if it does. */
  get stopped(): string | null {
    if (this.halted !== null) return `the replica has halted: ${this.halted}`;
    return this.isClosed ? "the node is closed" : null;
  }

  /** From reading to running. */
  run(core: Core, isUntouched: boolean): void {
    this.#life = { kind: "running", core, isUntouched };
  }

  /** From running to reading. In other states it does nothing. */
  reload(why: Partial<WhyReading>): void {
    const reading = { kind: "reading", isQuiet: false, distrustsKept: false, ...why } as const;
    if (this.#current.kind === "running") this.#become(reading);
  }

  /** To halted. */
  halt(reason: string): void {
    this.#become({ kind: "halted", reason });
  }

  /** To closed. */
  close(): void {
    this.#life = { kind: "closed", before: this.#current };
  }

  /** The current state; when closed, the state before, in which it finishes its commits. */
  get #current(): Closed["before"] {
    return this.#life.kind === "closed" ? this.#life.before : this.#life;
  }

  /** Changes the state. A closed replica stays closed. */
  #become(next: Closed["before"]): void {
    this.#life = this.isClosed ? { kind: "closed", before: next } : next;
  }
}

/** The last known status of the last core. */
export class LastKnown {
  /** Its status. */
  status: ReplicaStatus;
  /** What it knew of the other replicas; the store does not have this. */
  peers: PeerMemory | undefined;

  constructor(dormant: ReplicaStatus) {
    this.status = dormant;
  }

  /** Records the facts before the core is discarded. */
  note(core: Core | null): void {
    if (!core) return;
    try {
      this.status = core.status();
      this.peers = core.peers?.();
    } catch {
      // A broken core may throw here too; then the earlier facts remain.
    }
  }
}

/** Options of {@linkcode keepHalted}. */
export interface Halting {
  readonly store: Store;
  readonly health: { storeError: string | null; failed(error: unknown): void };
  readonly life: Pick<LifeCycle, "isClosed">;
  readonly retry: Retry;
}

/**
 * Writes the reason of the halt to the store; retries until that works, or the replica is closed. `after`: a running
 * commit to wait for.
 */
export async function keepHalted(halting: Halting, reason: string, after: Promise<void> | null): Promise<void> {
  const { store, health, retry, life } = halting;
  try {
    await after;
    await markHalted(store, reason);
    health.storeError = null;
  } catch (error) {
    if (life.isClosed) return;
    health.failed(error);
    retry.afterError(error, () => keepHalted(halting, reason, null));
  }
}

/** The text of an error, for people. */
export function describe(error: unknown): string {
  return describeThrown(error).error;
}
