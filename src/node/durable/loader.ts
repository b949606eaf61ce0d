/**
 * Reads from the store what a replica asks for, and gives it back as an input.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";

/** What a loader needs. */
export interface LoaderOptions {
  /** Whether the replica still waits for a blob. What it waits for no longer it may have removed itself. */
  readonly isWanted: (digest: Digest) => boolean;
  /** Blobs that are not in the store yet, of changes that are still to be committed. */
  readonly pending: (digest: Digest) => Uint8Array | null | undefined;
  /** Reads the others, each checked against its digest. */
  readonly read: (digests: readonly Digest[]) => Promise<ReadonlyMap<Digest, Uint8Array>>;
  readonly onLoaded: (blobs: ReadonlyMap<Digest, Uint8Array>) => void;
  readonly onFailure: (error: unknown) => Promise<void>;
  /** Nothing is being read any more. */
  readonly onIdle: () => void;
}

/** The reads of one replica. */
export class Loader {
  readonly #options: LoaderOptions;
  readonly #underWay = new Set<Promise<void>>();
  /** Grows when the replica goes that has asked. */
  #life = 0;

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  /** Whether something is being read. */
  get isBusy(): boolean {
    return this.#underWay.size > 0;
  }

  /** Reads these. */
  load(digests: readonly Digest[]): void {
    if (digests.length === 0) return;
    const reading = this.#load(digests, this.#life).finally(() => {
      this.#underWay.delete(reading);
      if (!this.isBusy) this.#options.onIdle();
    });
    this.#underWay.add(reading);
  }

  /** Whoever has asked is gone: what is being read is for nobody. */
  reset(): void {
    this.#life++;
  }

  /** Resolves once nothing is being read. */
  async settled(): Promise<void> {
    while (this.isBusy) await Promise.all(this.#underWay);
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
      await onFailure(error);
    }
  }
}
