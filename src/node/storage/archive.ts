/**
 * Archiving: executed batches, with the proof that they were decided, go to the archive before the replica forgets
 * them. The replica's log is bounded; with an archive its history is not.
 * @module
 */
import type { Digest, SequenceNumber } from "../../core/messages/ids.ts";
import type { Batch, Commit, Signed } from "../../core/messages/messages.ts";
import type { Record, StoredState } from "../../core/records.ts";
import { encodeFrame } from "../../wire/mod.ts";
import { wrap } from "../../core/wrap.ts";
import type { Archive, ArchivedBatch, Store } from "../ports.ts";

/** A decided sequence number. */
type Decided = { readonly digest: Digest; readonly commits: readonly Signed<Commit>[] };

/** Collects executed batches until they are forgotten. It shares the bytes with the replica's log. */
export class ArchiveBook {
  /** The bodies of batches accepted or executed at each number. */
  readonly #bodies = new Map<SequenceNumber, Map<Digest, Uint8Array>>();
  readonly #decided = new Map<SequenceNumber, Decided>();

  /** Starts with the content of the store. */
  constructor({ accepted, committed }: Pick<StoredState, "accepted" | "committed">) {
    for (const { prePrepare: { message }, batch } of accepted) this.#hold(message.sequence, batch);
    for (const { sequence, commits, batch } of committed) {
      this.#hold(sequence, batch);
      this.#decided.set(sequence, { digest: batch.digest, commits });
    }
  }

  /** Processes a record. Returns the batches that it makes the replica forget, in order. */
  note(record: Record): readonly ArchivedBatch[] {
    switch (record.kind) {
      case "accepted":
        this.#hold(record.prePrepare.message.sequence, record.batch);
        return [];
      case "committed": {
        const { sequence, digest, commits, batch } = record;
        if (batch) this.#hold(sequence, batch);
        this.#decided.set(sequence, { digest, commits });
        return [];
      }
      case "forget":
        return this.#forget(record.through);
      default:
        return [];
    }
  }

  #hold(sequence: SequenceNumber, { digest, bytes }: Batch): void {
    const bodies = this.#bodies.get(sequence) ?? new Map<Digest, Uint8Array>();
    this.#bodies.set(sequence, bodies.set(digest, bytes));
  }

  #forget(through: SequenceNumber): readonly ArchivedBatch[] {
    const archived: ArchivedBatch[] = [];
    for (const [sequence, bodies] of [...this.#bodies].sort(([a], [b]) => a - b)) {
      if (sequence > through) break;
      const decided = this.#decided.get(sequence);
      this.#bodies.delete(sequence);
      this.#decided.delete(sequence);
      if (!decided) continue; // a state transfer skipped it
      const commits = decided.commits.map((commit) => encodeFrame(commit));
      archived.push({ sequence, digest: decided.digest, batch: bodies.get(decided.digest)!, commits });
    }
    return archived;
  }
}

/**
 * Returns the store with the archive in front: before each commit, the batches that it forgets are put into the
 * archive.
 */
export function withArchive(store: Store, archive: Archive | undefined): Store {
  if (!archive) return store;
  return wrap(store, {
    async commit(writes, expected) {
      if (writes.forgotten?.length) await archive.put(writes.forgotten);
      return await store.commit(writes, expected);
    },
  });
}
