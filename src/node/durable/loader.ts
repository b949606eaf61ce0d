/**
 * Reads blobs that the core asks for from the store, and returns them as an input.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";

/** Options of {@linkcode Loader}. */
export interface LoaderOptions {
  /** Whether the core still waits for a blob. The core may have removed a blob that it no longer waits for. */
  readonly isWanted: (digest: Digest) => boolean;
  /** Returns a blob of a change that is not committed yet. */
  readonly pending: (digest: Digest) => Uint8Array | null | undefined;
  /** Reads the other blobs from the store, and checks each against its digest. */
  readonly read: (digests: readonly Digest[]) => Promise<ReadonlyMap<Digest, Uint8Array>>;
  readonly onLoaded: (blobs: ReadonlyMap<Digest, Uint8Array>) => void;
  /** `digests`: the blobs that were read; one or more of them failed. */
  readonly onFailure: (error: unknown, digests: readonly Digest[]) => Promise<void>;
  /** Called when no read is running any more. */
  readonly onIdle: () => void;
}

/** The reads of one replica. */
export class Loader {
  readonly #options: LoaderOptions;
  readonly #running = new Set<Promise<void>>();
  /** Increases when the core that asked is discarded. */
  #life = 0;

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  /** Whether a read is running. */
  get isBusy(): boolean {
    return this.#running.size > 0;
  }

  /** Reads blobs. */
  load(digests: readonly Digest[]): void {
    if (digests.length === 0) return;
    const reading = this.#load(digests, this.#life).finally(() => {
      this.#running.delete(reading);
      if (!this.isBusy) this.#options.onIdle();
    });
    this.#running.add(reading);
  }

  /** The core was discarded: results of running reads are ignored. */
  reset(): void {
    this.#life++;
  }

  /** Resolves once no read is running. */
  async settled(): Promise<void> {
    while (this.isBusy) await Promise.all(this.#running);
  }

  async #load(asked: readonly Digest[], life: number): Promise<void> {
    const { isWanted, pending, read, onLoaded, onFailure } = this.#options;
    const digests = asked.filter(isWanted);
    if (digests.length === 0) return;
    try {
      const found = new Map<Digest, Uint8Array>();
      for (const digest of digests) {
        const bytes = pending(digest);
        if (bytes) found.set(digest, bytes);
      }
      for (const [digest, bytes] of await read(digests.filter((digest) => !found.has(digest)))) {
        found.set(digest, bytes);
      }
      if (life === this.#life) onLoaded(found);
    } catch (error) {
      if (life !== this.#life) return;
      if (!digests.every(isWanted)) return await this.#load(digests, life);
      await onFailure(error, digests);
    }
  }
}
