/**
 * Reloads a replica from its store; retries until that works.
 * @module
 */
import type { Retry } from "../async/retry.ts";
import { type Loaded, StoreConflictError } from "../ports.ts";
import type { Restored } from "../storage/opening.ts";
import { isLasting } from "../storage/store_errors.ts";
import type { GroupCommit } from "./commit/group_commit.ts";
import type { Health } from "./health.ts";
import type { LifeCycle } from "./life.ts";

/** Options of {@linkcode Reloading}. */
export interface ReloadingOptions {
  readonly restore: (known?: Loaded) => Promise<Restored>;
  readonly commits: GroupCommit;
  readonly health: Health;
  readonly retry: Retry;
  readonly life: LifeCycle;
  readonly onRestored: (restored: Restored) => void;
  /** Called for an error that a retry can't fix. */
  readonly onLastingError: (error: unknown) => void;
}

/** The reloads of one replica; one at a time. */
export class Reloading {
  readonly #options: ReloadingOptions;

  constructor(options: ReloadingOptions) {
    this.#options = options;
  }

  /** Reloads after this delay, ms. */
  after(delayMs: number): void {
    this.#options.retry.after(delayMs, () => this.#reload());
  }

  /**
   * Reloads after a delay that depends on the error. A lasting error of the store stops the replica, but does not halt
   * it: the store may be repaired.
   */
  afterError(error: unknown): void {
    const { health, retry, onLastingError } = this.#options;
    if (isLasting(error)) return onLastingError(error);
    if (!(error instanceof StoreConflictError)) health.failed(error);
    const known = error instanceof StoreConflictError ? error.loaded : undefined;
    retry.afterError(error, () => this.#reload(known));
  }

  /** Reloads at once, with `known` if that was just read. Resolves when that has worked or failed; after a failure the next attempt is scheduled. */
  now(known?: Loaded): Promise<void> {
    return this.#options.retry.running = this.#reload(known);
  }

  async #reload(known?: Loaded): Promise<void> {
    const { restore, commits, health, life, onRestored } = this.#options;
    try {
      await commits.running;
      const restored = await restore(known);
      if (life.now.kind !== "reading") return;
      health.reloads++;
      onRestored(restored);
    } catch (error) {
      if (life.stopped === null) this.afterError(error);
    }
  }
}
