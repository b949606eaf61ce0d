/**
 * A store in a Deno KV database. It is for Deno Deploy, where only the database is durable and several instances of one replica may run at once.
 * @module
 */
import type { Digest } from "../core/messages/ids.ts";
import { type Loaded, type Store, StoreConflictError, type Version, type Writes } from "../node/ports.ts";
import { checkVersion, closedError } from "./check.ts";
import { changesOf, joined, pieceKeys, valuesOf } from "./deno_kv/changes.ts";
import { fitsOneOperation, type Head, Layout, type Mark, type Mutation, type Pointer } from "./deno_kv/layout.ts";
import { BlobCache, Known } from "./deno_kv/known.ts";
import { type At, LargeCommits, put } from "./deno_kv/large_commits.ts";
import { CommitLog, type LogEntry } from "./deno_kv/log.ts";
import { type KvDatabase, type KvEntry, type KvKey, retryLocked } from "./deno_kv/port.ts";
import { DENO_KV_LIMITS } from "./platform_limits.ts";

export type { KvAtomic, KvDatabase, KvEntry, KvKey } from "./deno_kv/port.ts";

/** Options of {@linkcode DenoKvStore}. */
export interface DenoKvStoreOptions {
  /** The prefix of all its keys. Two replicas may share a database with two prefixes. Default `["pbft"]`. */
  readonly prefix?: KvKey;
}

/** Entries per round trip when the store is read at a start. The entries of one batch are read at one moment. */
const BATCH_SIZE = 500;
/** Keys per `getMany`: the most that the database allows. */
const READ_TOGETHER = DENO_KV_LIMITS.maxReadKeys;
/** The most attempts of a read or commit during which other instances write. */
const MAX_ATTEMPTS = 50;

/**
 * Keeps a replica's records and blobs in a Deno KV database. A commit is one atomic operation that fails if another commit came first.
 * So if several instances commit at one version, one succeeds and the others get {@linkcode StoreConflictError}. A commit that is too large
 * for one operation is first written to separate keys, and takes effect at one moment; an instance that finds it half carried out finishes
 * it. An instance that lost a conflict reads only what changed, not the whole store, unless it was away for long.
 *
 * Values may have any size: those over 56,000 bytes are stored in pieces.
 *
 * @example
 * ```ts ignore
 * // deno.json: "unstable": ["kv"]. On Deno Deploy: assign a KV database to the app, and pass no path.
 * const store = await DenoKvStore.open("/var/lib/apple/kv", { prefix: ["Apple"] });
 * ```
 */
export class DenoKvStore implements Store {
  readonly #database: KvDatabase;
  readonly #layout: Layout;
  readonly #largeCommits: LargeCommits;
  readonly #log: CommitLog;
  readonly #blobs = new BlobCache();
  #known: Known | null = null;
  /** The large commits that were not complete when the store was last read as a whole. */
  #marks: ReadonlyMap<string, Mark> = new Map();
  #closed = false;

  /** Makes a store in an open database. {@linkcode DenoKvStore.close} closes the database. */
  constructor(database: KvDatabase, { prefix = ["pbft"] }: DenoKvStoreOptions = {}) {
    this.#database = database;
    this.#layout = new Layout(prefix);
    this.#largeCommits = new LargeCommits(database, this.#layout);
    this.#log = new CommitLog(database, this.#layout);
  }

  /**
   * Opens the Deno KV database at `path`, an absolute path. Without it, opens the default database of the program or of the Deno Deploy app.
   * @throws {TypeError} if this runtime has no Deno KV, or if it is not enabled.
   */
  static async open(path?: string, options?: DenoKvStoreOptions): Promise<DenoKvStore> {
    const deno = (globalThis as { Deno?: { openKv?: (path?: string) => Promise<KvDatabase> } }).Deno;
    if (deno?.openKv === undefined) {
      throw new TypeError(`this runtime has no Deno KV: expected Deno with "unstable": ["kv"] in its deno.json`);
    }
    return new DenoKvStore(await retryLocked(() => deno.openKv!(path)), options);
  }

  /** Reads every record, and their version. */
  async load(): Promise<Loaded> {
    if (this.#closed) throw closedError("load");
    await this.#catchUp();
    const known = this.#known!;
    if (this.#marks.size > 0) this.#marks = await this.#largeCommits.sweep(this.#marks, known.version);
    return known.loaded();
  }

  /** Reads the present version of the store. */
  async version(): Promise<Version> {
    if (this.#closed) throw closedError("load");
    await this.#catchUp();
    return this.#known!.version;
  }

  /** All records, if the store is past version `than`; otherwise `null`. A look takes one round trip, mostly. */
  async newer(than: Version): Promise<Loaded | null> {
    return await this.version() > than ? this.#known!.loaded() : null;
  }

  /** Reads the blobs with these digests, in this order; `null` for a blob that is not in the store. */
  async read(digests: readonly Digest[]): Promise<readonly (Uint8Array | null)[]> {
    if (this.#closed) throw closedError("read");
    // This finishes a large commit that is only half carried out.
    if (!this.#known) await this.#catchUp();
    const found = new Map<string, Uint8Array | null>();
    for (const digest of digests) {
      const cached = this.#blobs.get(digest);
      if (cached) found.set(digest, cached);
    }
    let missing = [...new Set(digests)].filter((digest) => !found.has(digest));
    for (let attempt = 0; missing.length > 0 && attempt < MAX_ATTEMPTS; attempt++) {
      const entries = await this.#getMany(missing.map((digest) => this.#layout.value("blob", digest)));
      const values = await Promise.all(entries.map((entry) => this.#valueOf(entry)));
      missing.forEach((digest, i) => values[i] !== undefined && found.set(digest, values[i]!));
      missing = missing.filter((digest) => !found.has(digest));
    }
    if (missing.length > 0) throw new Error(`read: blob ${missing[0]}: its pieces are gone`);
    return digests.map((digest) => this.#keep(digest, found.get(digest) ?? null));
  }

  /** Applies all of `writes`, or none. @throws {StoreConflictError} if the store is not at the expected version. */
  async commit(writes: Writes, expected: Version): Promise<Version> {
    if (this.#closed) throw closedError("commit");
    checkVersion(expected);
    const values = valuesOf(writes);
    const by = crypto.randomUUID();
    const head: Head = { version: expected + 1, by };
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const known = await this.#knownAt(expected);
      const changes = changesOf(values, { layout: this.#layout, large: known.large, generation: by });
      const logged = this.#log.mutationsOf(expected + 1, { by, values });
      const all = [...changes.pieces, ...changes.mutations, ...(changes.pieces.length > 0 ? [] : logged)];
      // With other instances at work, read their changes at the same time, as this commit may lose to them.
      const others = this.#log.isContended ? this.#log.since(expected).catch(() => []) : Promise.resolve([]);
      const stamp = fitsOneOperation(all)
        ? await this.#commitAtOnce(known, head, all)
        : await this.#largeCommits.commit(known.at, head, changes);
      if (stamp !== null) {
        this.#log.noteOwn();
        if (stamp === "unknown") this.#known = null;
        // The log may have shown this commit before its answer came.
        else if (known.version <= expected) known.advance({ stamp, head }, values, changes.large);
        return expected + 1;
      }
      if (await this.#isOwn(known, head, await others)) return expected + 1;
    }
    throw new Error(`commit: others wrote to the store during each of ${MAX_ATTEMPTS} attempts`);
  }

  /** Closes the store and its database. Later calls reject with a `TypeError`. */
  // deno-lint-ignore require-await -- async so that every error is a rejection, as the port has it
  async close(): Promise<void> {
    if (!this.#closed) this.#database.close();
    this.#closed = true;
  }

  async #commitAtOnce(known: Known, head: Head, mutations: readonly Mutation[]): Promise<string | null> {
    const { at: { stamp }, rivalStamp } = known;
    const result = await retryLocked(() => {
      const atomic = this.#database.atomic().check({ key: this.#layout.head, versionstamp: stamp });
      if (!this.#log.isContended) atomic.check({ key: this.#layout.rival, versionstamp: rivalStamp });
      atomic.set(this.#layout.head, head);
      for (const mutation of mutations) put(atomic, mutation);
      return atomic.commit();
    });
    return result.ok ? result.versionstamp : null;
  }

  /**
   * Called when the head changed under a commit. `true`: this same commit changed it, and only its answer was lost. `false`: try again, the
   * change may be only the end of a large commit. @throws {StoreConflictError} if it was another commit.
   */
  async #isOwn(known: Known, { version, by }: Head, others: readonly LogEntry[]): Promise<boolean> {
    // `others` may have been read just before the other instance's commit.
    const isSeen = others.length > 0 || known.version >= version;
    const entries = isSeen || !this.#log.isContended ? others : await this.#log.since(version - 1);
    known.follow(entries);
    if (known.version >= version) {
      if (entries[0]?.by === by || known.at.head.by === by) return true;
      this.#log.noteOther();
      throw new StoreConflictError(version - 1, known.version, known.loaded());
    }
    await this.#readAll();
    const { head: now } = this.#known!.at;
    if (now.by === by) return true;
    // A large commit ended, or another instance announced itself.
    if (now.version === version - 1) return false;
    if (!this.#log.isContended) await this.#announce();
    throw new StoreConflictError(version - 1, this.#known!.version, this.#known!.loaded());
  }

  /** Announces this instance to one that believes it is alone and writes no log. That one's next commit fails, and it starts a log. */
  async #announce(): Promise<void> {
    await retryLocked(() => this.#database.atomic().set(this.#layout.rival, crypto.randomUUID()).commit());
    this.#log.noteOther();
    await this.#readAll();
  }

  async #knownAt(expected: Version): Promise<Known> {
    if (this.#known?.version !== expected) await this.#catchUp();
    const known = this.#known!;
    if (known.version !== expected) throw new StoreConflictError(expected, known.version);
    return known;
  }

  /** Updates `#known` to the present state: from the log of changes if that is complete, otherwise by reading the whole store. */
  async #catchUp(): Promise<void> {
    if (!this.#known || !await this.#follow(this.#known)) await this.#readAll();
  }

  async #readAll(): Promise<void> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) if (await this.#tryLoad()) return;
    throw new Error(`load: others wrote to the store during each of ${MAX_ATTEMPTS} attempts`);
  }

  async #follow(known: Known): Promise<boolean> {
    const [now] = await Promise.all([this.#head(), this.#followLog(known)]);
    if (now.head.plan) return false;
    // Reads the commits between the two reads, or just before both.
    if (known.version < now.head.version) await this.#followLog(known);
    return known.version > now.head.version || known.at.stamp === now.stamp;
  }

  async #followLog(known: Known): Promise<void> {
    const others = await this.#log.since(known.version);
    known.follow(others);
    if (others.length > 0) this.#log.noteOther();
  }

  /** Reads all that a start needs. `false`: something changed meanwhile, so the read must be repeated. */
  async #tryLoad(): Promise<boolean> {
    let at: At = { stamp: null, head: { version: 0, by: "" } };
    const large = new Map<string, Pointer>();
    const marks = new Map<string, Mark>();
    let rivalStamp: string | null = null;
    const entries: [string, KvEntry][] = [];
    let count = 0;
    await retryLocked(async () => {
      at = { stamp: null, head: { version: 0, by: "" } };
      count = entries.length = 0;
      rivalStamp = null;
      large.clear();
      marks.clear();
      for await (const entry of this.#database.list({ prefix: this.#layout.start }, { batchSize: BATCH_SIZE })) {
        count++;
        const [kind, ...names] = this.#layout.namesOf(entry.key);
        if (kind === "head") at = { stamp: entry.versionstamp, head: entry.value as Head };
        else if (kind === "rival") rivalStamp = entry.versionstamp;
        else if (kind === "large") large.set(names.join("/"), entry.value as Pointer);
        else if (kind === "mark") marks.set(names[0]!, entry.value as Mark);
        else entries.push([names[0]!, entry]);
      }
    });
    if (at.head.plan) {
      await this.#largeCommits.finish(at);
      return false;
    }
    const records = new Map<string, Uint8Array>();
    const values = await Promise.all(entries.map(([, entry]) => this.#valueOf(entry)));
    for (const [i, [name]] of entries.entries()) {
      if (!values[i]) return false;
      records.set(name, values[i]);
    }
    // One batch is read at one moment. Several batches are consistent only if nothing was written between them.
    if (count >= BATCH_SIZE && (await this.#head()).stamp !== at.stamp) return false;
    if (this.#known && this.#known.rivalStamp !== rivalStamp) this.#log.noteOther();
    this.#blobs.clear();
    this.#known = new Known(at, { large, records, blobs: this.#blobs, rivalStamp });
    this.#marks = marks;
    return true;
  }

  #keep(digest: Digest, bytes: Uint8Array | null): Uint8Array | null {
    this.#blobs.set(digest, bytes);
    return bytes?.slice() ?? null;
  }

  async #head(): Promise<At> {
    const { value, versionstamp } = await retryLocked(() => this.#database.get(this.#layout.head));
    return { stamp: versionstamp, head: (value ?? { version: 0, by: "" }) as Head };
  }

  /** The bytes of a value; `null`: it does not exist; `undefined`: its pieces have been replaced since it was read. */
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
