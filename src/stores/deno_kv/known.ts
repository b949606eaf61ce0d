/**
 * What one instance knows of its Deno KV store: every record, and the blobs that it has used. So after a conflict it reads only the changes.
 * @module
 */
import type { Loaded } from "../../node/ports.ts";
import { largeName, type LargeValues, type Values } from "./changes.ts";
import type { At } from "./large_commits.ts";
import type { Pointer } from "./layout.ts";
import type { LogEntry } from "./log.ts";

/** The most bytes of blobs that are kept in memory. */
const MAX_CACHED_BYTES = 16 * 1024 * 1024;

/** A cache of blobs by digest. If it is full, the least recently used blob is removed. */
export class BlobCache {
  readonly #blobs = new Map<string, Uint8Array>();
  #bytes = 0;

  /** The bytes of a blob. The caller must not change them. */
  get(digest: string): Uint8Array | undefined {
    const bytes = this.#blobs.get(digest);
    if (bytes && this.#blobs.delete(digest)) this.#blobs.set(digest, bytes);
    return bytes;
  }

  /** Stores a copy of a blob, or removes it if `bytes` is `null`. */
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

/** The content of the store at one version. */
export class Known {
  readonly blobs: BlobCache;
  /** The stamp of the `rival` key when the whole store was last read. */
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

  /** The head at this version. */
  get at(): At {
    return this.#at;
  }

  get version(): number {
    return this.#at.head.version;
  }

  /** The values that are stored in pieces. */
  get large(): LargeValues {
    return this.#large;
  }

  /** A copy of every record, and the version. */
  loaded(): Loaded {
    const records = new Map(Array.from(this.#records, ([name, bytes]) => [name, bytes.slice()]));
    return { version: this.version, records };
  }

  /** Applies a commit of this instance. */
  advance(at: At, values: Values, large: LargeValues): void {
    for (const [kind, name, value] of values) {
      if (kind === "blob") this.blobs.set(name, value);
      else if (value === null) this.#records.delete(name);
      else this.#records.set(name, value.slice());
    }
    this.#at = at;
    this.#large = large;
  }

  /** Applies commits of other instances. Those in the log have no values in pieces. */
  follow(entries: readonly LogEntry[]): void {
    for (const { version, by, stamp, values } of entries) {
      if (version !== this.version + 1) continue;
      const large = new Map<string, Pointer>(this.#large);
      for (const [kind, name] of values) large.delete(largeName(kind, name));
      this.advance({ stamp, head: { version, by } }, values, large);
    }
  }
}
