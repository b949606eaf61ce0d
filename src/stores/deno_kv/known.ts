/**
 * A Deno KV store as one instance knows it: every record, and the blobs that it has met. After a conflict only what changed is read.
 * @module
 */
import type { Loaded } from "../../node/ports.ts";
import { largeName, type LargeValues, type Values } from "./changes.ts";
import type { At } from "./large_commits.ts";
import type { Pointer } from "./layout.ts";
import type { LogEntry } from "./log.ts";

/** Bytes of blobs that are kept in memory. */
const MAX_CACHED_BYTES = 16 * 1024 * 1024;

/** Content by digest, the least recently used going first. */
export class BlobCache {
  readonly #blobs = new Map<string, Uint8Array>();
  #bytes = 0;

  /** The bytes, not to be changed. */
  get(digest: string): Uint8Array | undefined {
    const bytes = this.#blobs.get(digest);
    if (bytes && this.#blobs.delete(digest)) this.#blobs.set(digest, bytes);
    return bytes;
  }

  /** `null`: there is no such blob any more. Keeps a copy. */
  set(digest: string, bytes: Uint8Array | null): void {
    this.#remove(digest);
    if (bytes === null || bytes.length > MAX_CACHED_BYTES / 4) return;
    this.#blobs.set(digest, bytes.slice());
    this.#bytes += bytes.length;
    for (const oldest of this.#blobs.keys()) {
      if (this.#bytes <= MAX_CACHED_BYTES) break;
      this.#remove(oldest);
    }
  }

  clear(): void {
    this.#blobs.clear();
    this.#bytes = 0;
  }

  #remove(digest: string): void {
    this.#bytes -= this.#blobs.get(digest)?.length ?? 0;
    this.#blobs.delete(digest);
  }
}

/** The store as it was at one version. */
export class Known {
  readonly blobs: BlobCache;
  /** The stamp of the key that a rival changes when everything was read. */
  readonly rivalStamp: string | null;
  readonly #records: Map<string, Uint8Array>;
  #at: At;
  #large: LargeValues;

  constructor(at: At, { large, records, blobs, rivalStamp }: {
    readonly large: LargeValues;
    readonly records: ReadonlyMap<string, Uint8Array>;
    readonly blobs: BlobCache;
    readonly rivalStamp: string | null;
  }) {
    this.rivalStamp = rivalStamp;
    this.#at = at;
    this.#large = large;
    this.#records = new Map(records);
    this.blobs = blobs;
  }

  /** Its head. */
  get at(): At {
    return this.#at;
  }

  get version(): number {
    return this.#at.head.version;
  }

  /** Which values are in pieces. */
  get large(): LargeValues {
    return this.#large;
  }

  /** A copy of every record, and the version that they are of. */
  loaded(): Loaded {
    const records = new Map(Array.from(this.#records, ([name, bytes]) => [name, bytes.slice()]));
    return { version: this.version, records };
  }

  /** Goes on to what a commit of this instance has made of it. */
  advance(at: At, values: Values, large: LargeValues): void {
    for (const [kind, name, value] of values) {
      if (kind === "blob") this.blobs.set(name, value);
      else if (value === null) this.#records.delete(name);
      else this.#records.set(name, value.slice());
    }
    this.#at = at;
    this.#large = large;
  }

  /** Goes on to what commits of other instances have made of it: those in the log have no values in pieces. */
  follow(entries: readonly LogEntry[]): void {
    for (const { version, by, stamp, values } of entries) {
      if (version !== this.version + 1) continue;
      const large = new Map<string, Pointer>(this.#large);
      for (const [kind, name] of values) large.delete(largeName(kind, name));
      this.advance({ stamp, head: { version, by } }, values, large);
    }
  }
}
