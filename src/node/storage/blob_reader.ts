/**
 * Reads blobs from a store.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import type { Store } from "../ports.ts";
import { CorruptStoreError } from "./store_errors.ts";

/** Blobs read from the store in one call. */
const READ_AT_ONCE = 64;

/** Reads blobs and checks each against its digest. */
export class BlobReader {
  readonly #store: Pick<Store, "read">;
  readonly #hash: (bytes: Uint8Array) => Digest;

  constructor(store: Pick<Store, "read">, hash: (bytes: Uint8Array) => Digest) {
    this.#store = store;
    this.#hash = hash;
  }

  /** @throws {CorruptStoreError} if a blob is missing or does not match its digest. */
  async read(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, Uint8Array>> {
    const wanted = [...new Set(digests)];
    const found = new Map<Digest, Uint8Array>();
    for (let at = 0; at < wanted.length; at += READ_AT_ONCE) {
      const asked = wanted.slice(at, at + READ_AT_ONCE);
      const blobs = await this.#store.read(asked);
      asked.forEach((digest, i) => found.set(digest, this.#checked(digest, blobs[i] ?? null)));
    }
    return found;
  }

  #checked(digest: Digest, bytes: Uint8Array | null): Uint8Array {
    if (bytes === null) throw new CorruptStoreError(`blob ${digest}: expected its bytes, got none`);
    const got = this.#hash(bytes);
    if (got === digest) return bytes;
    throw new CorruptStoreError(`blob ${digest}: expected bytes with that digest, got bytes with digest ${got}`);
  }
}
