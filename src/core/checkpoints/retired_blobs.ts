/**
 * State blobs that the newest checkpoint no longer names. They are kept for a while, for replicas that are fetching an
 * older checkpoint.
 * @module
 */
import type { Digest, SequenceNumber } from "../messages/ids.ts";

/** The digests that the checkpoint at `sequence` no longer names. */
export interface Retired {
  readonly sequence: SequenceNumber;
  readonly digests: readonly Digest[];
}

/** The retired blobs, oldest checkpoint first. */
export class RetiredBlobs {
  #lists: Retired[];

  constructor(lists: readonly Retired[] = []) {
    this.#lists = [...lists].sort((a, b) => a.sequence - b.sequence);
  }

  /** A checkpoint was taken that no longer names `digests`. */
  add(sequence: SequenceNumber, digests: readonly Digest[]): void {
    this.#lists.push({ sequence, digests });
  }

  /** The checkpoint that is being taken names some digests again. Returns the lists that changed. */
  revive(named: { has(digest: Digest): boolean }): readonly Retired[] {
    const before = this.#lists;
    this.#lists = before.map((list) => {
      return list.digests.some((digest) => named.has(digest))
        ? { ...list, digests: list.digests.filter((digest) => !named.has(digest)) }
        : list;
    });
    return this.#lists.filter((list, i) => list !== before[i]);
  }

  /**
   * Removes the lists of checkpoints up to `through`. Returns the digests that can be dropped: those on no later list,
   * because a later checkpoint has named the others for a while.
   */
  release(through: number): { readonly lists: readonly Retired[]; readonly digests: readonly Digest[] } {
    const lists = this.#lists.filter(({ sequence }) => sequence <= through);
    if (lists.length === 0) return { lists, digests: [] };
    this.#lists = this.#lists.slice(lists.length);
    const later = new Set(this.#lists.flatMap(({ digests }) => digests));
    const digests = new Set(lists.flatMap((list) => list.digests));
    return { lists, digests: [...digests].filter((digest) => !later.has(digest)) };
  }
}
