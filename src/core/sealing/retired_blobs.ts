/**
 * State blobs that the newest checkpoint no longer names. They are kept for a while, for replicas that are fetching an
 * older checkpoint, and then dropped, a few at a time.
 * @module
 */
import type { Digest, SequenceNumber } from "../messages/ids.ts";

/** The digests that the checkpoint at `sequence` no longer names. */
export interface Retired {
  readonly sequence: SequenceNumber;
  readonly digests: readonly Digest[];
}

/** Blobs to drop, and the checkpoints whose lists are done with. */
export interface Dropped {
  readonly digests: readonly Digest[];
  readonly checkpoints: readonly SequenceNumber[];
}

/** The retired blobs, oldest checkpoint first. */
export class RetiredBlobs {
  readonly #lists = new Map<SequenceNumber, Set<Digest>>();
  /** The newest list of each digest. */
  readonly #newest = new Map<Digest, SequenceNumber>();
  /** The lists that differ from their records. */
  readonly #changed = new Set<SequenceNumber>();
  /** What was dropped of lists that are not done with: their records still have it. */
  readonly #dropped = new Map<SequenceNumber, Set<Digest>>();
  /** The lists up to this one are being dropped. */
  #through = -1;

  constructor(lists: readonly Retired[] = []) {
    for (const { sequence, digests } of [...lists].sort((a, b) => a.sequence - b.sequence)) {
      this.add(sequence, digests);
    }
  }

  /** A checkpoint was taken that no longer names `digests`. */
  add(sequence: SequenceNumber, digests: readonly Digest[]): void {
    this.#lists.set(sequence, new Set(digests));
    for (const digest of digests) this.#newest.set(digest, sequence);
  }

  /**
   * These digests are named again, or will be: they must stay. Those that were dropped are stored anew by now. Their
   * lists must not be read with them after a restart, or by another instance.
   */
  revive(named: Iterable<Digest>): void {
    for (const digest of named) {
      for (const [sequence, dropped] of this.#dropped) if (dropped.delete(digest)) this.#changed.add(sequence);
      if (!this.#newest.delete(digest)) continue;
      for (const [sequence, digests] of this.#lists) if (digests.delete(digest)) this.#changed.add(sequence);
    }
  }

  /** The lists that {@linkcode revive} has changed since the last call. */
  takeChanged(): readonly Retired[] {
    const changed = [...this.#changed].sort((a, b) => a - b);
    this.#changed.clear();
    for (const sequence of changed) this.#dropped.delete(sequence);
    return changed.map((sequence) => ({ sequence, digests: [...this.#lists.get(sequence)!] }));
  }

  /** The lists of checkpoints up to `through` can be dropped ({@linkcode drop}). Returns how many digests they have. */
  release(through: number): number {
    this.#through = Math.max(this.#through, through);
    return this.#released().reduce((sum, [, digests]) => sum + digests.size, 0);
  }

  /** Whether there are released lists. */
  get isDropping(): boolean {
    for (const sequence of this.#lists.keys()) if (sequence <= this.#through) return true;
    return false;
  }

  /**
   * Removes up to `most` digests from the released lists. Returns those that can be dropped: those on no later list,
   * because a later checkpoint has named the others for a while.
   */
  drop(most: number): Dropped {
    const digests: Digest[] = [];
    const checkpoints: SequenceNumber[] = [];
    let left = most;
    for (const [sequence, list] of this.#released()) {
      for (const digest of list) {
        if (left === 0) return { digests, checkpoints };
        left--;
        list.delete(digest);
        this.#noteDropped(sequence, digest);
        if (this.#newest.get(digest) !== sequence) continue;
        this.#newest.delete(digest);
        digests.push(digest);
      }
      this.#lists.delete(sequence);
      this.#dropped.delete(sequence);
      this.#changed.delete(sequence);
      checkpoints.push(sequence);
    }
    return { digests, checkpoints };
  }

  #noteDropped(sequence: SequenceNumber, digest: Digest): void {
    const dropped = this.#dropped.get(sequence) ?? new Set();
    this.#dropped.set(sequence, dropped.add(digest));
  }

  #released(): [SequenceNumber, Set<Digest>][] {
    return [...this.#lists].filter(([sequence]) => sequence <= this.#through);
  }
}
