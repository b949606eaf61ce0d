/**
 * A store in a Deno KV database: for Deno Deploy, where nothing else lasts and several instances of one replica run at once.
 * @module
 */
import type { Digest } from "../core/ids.ts";
import { type Loaded, type Store, StoreConflictError, type Version, type Writes } from "../node/ports.ts";
import { checkVersion, closedError } from "./_check.ts";
import { changesOf, joined, type LargeValues, pieceKeys, valuesOf } from "./_kv_changes.ts";
import { fitsOneOperation, type Head, Layout, type Mark, type Mutation, type Pointer } from "./_kv_layout.ts";
import { type At, LargeCommits, put } from "./_kv_large_commits.ts";
import { type KvDatabase, type KvEntry, type KvKey, retryLocked } from "./_kv_port.ts";
import { DENO_KV_LIMITS } from "./platform_limits.ts";

export type { KvAtomic, KvDatabase, KvEntry, KvKey } from "./_kv_port.ts";

/** Where a store lies. */
export interface DenoKvStoreOptions {
  /** All its keys begin with this; two replicas may share a database under two prefixes. `["pbft"]` if left out. */
  readonly prefix?: KvKey;
}

/** The store as it was at one version. */
interface Known extends At {
  readonly large: LargeValues;
}

/** Entries per round trip of a start; each batch is read at one moment. */
const BATCH_SIZE = 500;
/** Keys of one `getMany`, the most that are allowed. */
const READ_TOGETHER = DENO_KV_LIMITS.maxReadKeys;
/** How often a read begins anew because others write meanwhile. */
const MAX_ATTEMPTS = 50;

/**
 * Keeps a replica's records and blobs in a Deno KV database. A commit is one atomic operation on the condition that nobody
 * has committed since, so that of several instances at one version one wins and the others get
 * {@linkcode StoreConflictError}. One that is too large for an operation is written beside first, and then counts from one
 * moment on; whoever comes upon it half carried out finishes it.
 *
 * Values of any size are taken: those over 56,000 bytes are kept in pieces.
 *
 * @example
 * ```ts ignore
 * // deno.json: "unstable": ["kv"]. On Deno Deploy: a KV database assigned to the app, and no path.
 * const store = await DenoKvStore.open("/var/lib/apple/kv", { prefix: ["Apple"] });
 * ```
 */
export class DenoKvStore implements Store {
  readonly #database: KvDatabase;
  readonly #layout: Layout;
  readonly #largeCommits: LargeCommits;
  #known: Known | null = null;
  #closed = false;

  /** A store in a database that is open; {@linkcode DenoKvStore.close} closes it. */
  constructor(database: KvDatabase, { prefix = ["pbft"] }: DenoKvStoreOptions = {}) {
    this.#database = database;
    this.#layout = new Layout(prefix);
    this.#largeCommits = new LargeCommits(database, this.#layout);
  }

  /**
   * Opens Deno's database at `path`, an absolute one, or the one that belongs to the program or to the Deno Deploy app.
   * @throws {TypeError} if this runtime has no Deno KV, or it is not enabled.
   */
  static async open(path?: string, options?: DenoKvStoreOptions): Promise<DenoKvStore> {
    const deno = (globalThis as { Deno?: { openKv?: (path?: string) => Promise<KvDatabase> } }).Deno;
    if (deno?.openKv === undefined) {
      throw new TypeError(`this runtime has no Deno KV: expected Deno with "unstable": ["kv"] in its deno.json`);
    }
    return new DenoKvStore(await retryLocked(() => deno.openKv!(path)), options);
  }

  /** Every record, and the version that they are of. */
  async load(): Promise<Loaded> {
    if (this.#closed) throw closedError("load");
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const loaded = await this.#tryLoad();
      if (loaded) return loaded;
    }
    throw new Error(`load: others wrote to the store during each of ${MAX_ATTEMPTS} attempts`);
  }

  /** The blobs with these digests, in this order; `null` where there is none. */
  async read(digests: readonly Digest[]): Promise<readonly (Uint8Array | null)[]> {
    if (this.#closed) throw closedError("read");
    // Whatever is committed is in place from here on.
    if (!this.#known) await this.load();
    const found = new Map<string, Uint8Array | null>();
    let missing = [...new Set(digests)];
    for (let attempt = 0; missing.length > 0 && attempt < MAX_ATTEMPTS; attempt++) {
      const entries = await this.#getMany(missing.map((digest) => this.#layout.value("blob", digest)));
      const values = await Promise.all(entries.map((entry) => this.#valueOf(entry)));
      missing.forEach((digest, i) => values[i] !== undefined && found.set(digest, values[i]!));
      missing = missing.filter((digest) => !found.has(digest));
    }
    if (missing.length > 0) throw new Error(`read: blob ${missing[0]}: its pieces are gone`);
    return digests.map((digest) => found.get(digest)?.slice() ?? null);
  }

  /** Applies all of `writes` or nothing. @throws {StoreConflictError} if the version is not the expected one. */
  async commit(writes: Writes, expected: Version): Promise<Version> {
    if (this.#closed) throw closedError("commit");
    checkVersion(expected);
    const values = valuesOf(writes);
    const by = crypto.randomUUID();
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const known = await this.#knownAt(expected);
      const changes = changesOf(values, { layout: this.#layout, large: known.large, generation: by });
      const head: Head = { version: expected + 1, by };
      const all = [...changes.pieces, ...changes.mutations];
      const stamp = fitsOneOperation(all)
        ? await this.#commitAtOnce(known, head, all)
        : await this.#largeCommits.commit(known, head, changes);
      if (stamp !== null) {
        this.#known = stamp === "unknown" ? null : { stamp, head, large: changes.large };
        return expected + 1;
      }
      // Somebody has written the head. Perhaps that was only the end of a large commit: then it is as it was.
      this.#known = null;
      const { head: now } = await this.#head();
      if (now.by === by) return expected + 1;
      if (now.version !== expected) throw new StoreConflictError(expected, now.version);
    }
    throw new Error(`commit: others wrote to the store during each of ${MAX_ATTEMPTS} attempts`);
  }

  /** Ends the use of this instance, and closes the database; its other calls reject with a TypeError from now on. */
  // deno-lint-ignore require-await -- async so that every error is a rejection, as the port has it
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#database.close();
  }

  async #commitAtOnce({ stamp }: Known, head: Head, mutations: readonly Mutation[]): Promise<string | null> {
    const result = await retryLocked(() => {
      const atomic = this.#database.atomic().check({ key: this.#layout.head, versionstamp: stamp });
      atomic.set(this.#layout.head, head);
      for (const mutation of mutations) put(atomic, mutation);
      return atomic.commit();
    });
    return result.ok ? result.versionstamp : null;
  }

  async #knownAt(expected: Version): Promise<Known> {
    if (this.#known?.head.version !== expected) await this.load();
    const known = this.#known!;
    if (known.head.version !== expected) throw new StoreConflictError(expected, known.head.version);
    return known;
  }

  /** Reads all that a start needs; null: begin anew, something has changed meanwhile. */
  async #tryLoad(): Promise<Loaded | null> {
    let at: At = { stamp: null, head: { version: 0, by: "" } };
    const large = new Map<string, Pointer>();
    const marks = new Map<string, Mark>();
    const entries: [string, KvEntry][] = [];
    let count = 0;
    await retryLocked(async () => {
      at = { stamp: null, head: { version: 0, by: "" } };
      count = entries.length = 0;
      large.clear();
      marks.clear();
      for await (const entry of this.#database.list({ prefix: this.#layout.start }, { batchSize: BATCH_SIZE })) {
        count++;
        const [kind, ...names] = this.#layout.namesOf(entry.key);
        if (kind === "head") at = { stamp: entry.versionstamp, head: entry.value as Head };
        else if (kind === "large") large.set(names.join("/"), entry.value as Pointer);
        else if (kind === "mark") marks.set(names[0]!, entry.value as Mark);
        else entries.push([names[0]!, entry]);
      }
    });
    if (at.head.plan) {
      await this.#largeCommits.finish(at);
      return null;
    }
    const records = new Map<string, Uint8Array>();
    const values = await Promise.all(entries.map(([, entry]) => this.#valueOf(entry)));
    for (const [i, [name]] of entries.entries()) {
      if (!values[i]) return null;
      records.set(name, values[i]);
    }
    // One batch is of one moment; of several only if nothing was written between.
    if (count >= BATCH_SIZE && (await this.#head()).stamp !== at.stamp) return null;
    this.#known = { ...at, large };
    await this.#largeCommits.sweep(marks, at.head.version);
    return { version: at.head.version, records };
  }

  async #head(): Promise<At> {
    const { value, versionstamp } = await retryLocked(() => this.#database.get(this.#layout.head));
    return { stamp: versionstamp, head: (value ?? { version: 0, by: "" }) as Head };
  }

  /** The bytes of a value; null: there is none; undefined: its pieces have been replaced since. */
  async #valueOf({ value }: KvEntry): Promise<Uint8Array | null | undefined> {
    if (value === null || value instanceof Uint8Array) return value;
    const pieces = await this.#getMany(pieceKeys(this.#layout, value as Pointer));
    return joined(pieces.map((piece) => piece.value)) ?? undefined;
  }

  async #getMany(keys: readonly KvKey[]): Promise<readonly KvEntry[]> {
    const reads: Promise<readonly KvEntry[]>[] = [];
    for (let at = 0; at < keys.length; at += READ_TOGETHER) {
      const together = keys.slice(at, at + READ_TOGETHER);
      reads.push(retryLocked(() => this.#database.getMany(together)));
    }
    return (await Promise.all(reads)).flat();
  }
}
