/**
 * The chunks of a state machine in a storage, as a map. A chunk is read when it is asked for, and not kept.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import { readChunk } from "../../core/tree/state_tree.ts";
import { unpack } from "../../wire/mod.ts";
import { checkedBlob, readBlob } from "../blobs.ts";
import { SnapshotError } from "../snapshot_error.ts";
import { blobKey, type SnapshotStorage } from "../storage/storage.ts";

/** Chunks by their ids, ascending. */
export type Chunks = ReadonlyMap<string, Uint8Array>;

/**
 * The chunks with these digests, by their ids. A storage that reads at once is read by need; of another one all chunks
 * are read now. @throws {SnapshotError} if one is missing or damaged; in the first case when it is read.
 */
export async function storedChunks(
  storage: SnapshotStorage,
  named: readonly (readonly [id: string, digest: Digest])[],
): Promise<Chunks> {
  if (storage.getSync) return new ChunksByNeed((key) => storage.getSync!(key), named);
  const chunks = new Map<string, Uint8Array>();
  for (const [id, digest] of named) chunks.set(id, chunkIn(await readBlob(storage, digest)));
  return chunks;
}

function chunkIn(blob: Uint8Array): Uint8Array {
  return readChunk(unpack(blob))[1];
}

class ChunksByNeed implements Chunks {
  readonly #read: (key: string) => Uint8Array | null;
  readonly #digests: ReadonlyMap<string, Digest>;

  constructor(read: (key: string) => Uint8Array | null, named: readonly (readonly [id: string, digest: Digest])[]) {
    this.#read = read;
    this.#digests = new Map(named);
  }

  get size(): number {
    return this.#digests.size;
  }

  get(id: string): Uint8Array | undefined {
    const digest = this.#digests.get(id);
    return digest && this.#chunk(digest);
  }

  has(id: string): boolean {
    return this.#digests.has(id);
  }

  keys(): MapIterator<string> {
    return this.#digests.keys();
  }

  *values(): MapIterator<Uint8Array> {
    for (const digest of this.#digests.values()) yield this.#chunk(digest);
  }

  *entries(): MapIterator<[string, Uint8Array]> {
    for (const [id, digest] of this.#digests) yield [id, this.#chunk(digest)];
  }

  [Symbol.iterator](): MapIterator<[string, Uint8Array]> {
    return this.entries();
  }

  forEach(use: (chunk: Uint8Array, id: string, chunks: Chunks) => void, self?: unknown): void {
    for (const [id, chunk] of this) use.call(self, chunk, id, this);
  }

  #chunk(digest: Digest): Uint8Array {
    const blob = this.#read(blobKey(digest));
    if (blob === null) throw new SnapshotError(`blob ${digest}: expected its bytes, got none`);
    return chunkIn(checkedBlob(digest, blob));
  }
}
