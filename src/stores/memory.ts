/**
 * A store in memory. It is for tests, for experiments, and for members that may recover their state from the others
 * after every restart.
 * @module
 */
import type { Digest } from "../core/messages/ids.ts";
import { type Loaded, type Store, StoreConflictError, type Version, type Writes } from "../node/ports.ts";
import { checkValue, checkVersion, closedError } from "./check.ts";

interface Contents {
  version: Version;
  readonly records: Map<string, Uint8Array>;
  readonly blobs: Map<string, Uint8Array>;
}

/**
 * Keeps everything in memory, with the atomicity and the conflicts of a durable store. The contents last as long as an instance on
 * them is referenced: {@linkcode MemoryStore.reopen} stands for a restart, or for a second instance of the same replica.
 *
 * Bytes are copied when they are written and when they are read, so a later change of a caller's buffer does not change the store.
 *
 * @example
 * ```ts
 * const store = new MemoryStore();
 * const version = await store.commit({ records: new Map([["view", new Uint8Array([1])]]), blobs: new Map() }, 0);
 * const { records } = await store.reopen().load();
 * console.log(version, records.get("view")); // 1 Uint8Array(1) [ 1 ]
 * ```
 */
export class MemoryStore implements Store {
  #contents: Contents = { version: 0, records: new Map(), blobs: new Map() };
  #closed = false;

  /** Makes another open instance on the same contents. Each instance sees what the other writes. */
  reopen(): MemoryStore {
    const other = new MemoryStore();
    other.#contents = this.#contents;
    return other;
  }

  /** Makes a separate store with a copy of the present contents, for example a backup that a test restores. */
  copy(): MemoryStore {
    const { version, records, blobs } = this.#contents;
    const other = new MemoryStore();
    other.#contents = { version, records: new Map(records), blobs: new Map(blobs) };
    return other;
  }

  /** Reads every record, and their version. */
  // deno-lint-ignore require-await -- async so that every error is a rejection, as the port has it
  async load(): Promise<Loaded> {
    if (this.#closed) throw closedError("load");
    const { version, records } = this.#contents;
    return { version, records: new Map(Array.from(records, ([key, value]) => [key, value.slice()])) };
  }

  /** Reads the blobs with these digests, in this order; `null` for a blob that is not in the store. */
  // deno-lint-ignore require-await
  async read(digests: readonly Digest[]): Promise<readonly (Uint8Array | null)[]> {
    if (this.#closed) throw closedError("read");
    return digests.map((digest) => this.#contents.blobs.get(digest)?.slice() ?? null);
  }

  /** Applies all of `writes`, or none. @throws {StoreConflictError} if the store is not at the expected version. */
  // deno-lint-ignore require-await
  async commit(writes: Writes, expected: Version): Promise<Version> {
    if (this.#closed) throw closedError("commit");
    checkVersion(expected);
    // Everything that can throw comes before the first change.
    const records = Array.from(writes.records, ([key, value]) => [key, copied("record", key, value)] as const);
    const blobs = Array.from(writes.blobs, ([key, value]) => [key, copied("blob", key, value)] as const);
    const contents = this.#contents;
    if (contents.version !== expected) throw new StoreConflictError(expected, contents.version);
    for (const [key, value] of records) put(contents.records, key, value);
    for (const [key, value] of blobs) put(contents.blobs, key, value);
    return ++contents.version;
  }

  /** Reads the present version, whichever instance committed it. */
  // deno-lint-ignore require-await
  async version(): Promise<Version> {
    if (this.#closed) throw closedError("version");
    return this.#contents.version;
  }

  /** Closes this instance. Later calls reject with a `TypeError`. */
  // deno-lint-ignore require-await
  async close(): Promise<void> {
    this.#closed = true;
  }
}

function copied(kind: "record" | "blob", key: string, value: Uint8Array | null): Uint8Array | null {
  return checkValue(kind, key, value)?.slice() ?? null;
}

function put(map: Map<string, Uint8Array>, key: string, value: Uint8Array | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}
