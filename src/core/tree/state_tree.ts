/**
 * The replicated state as content-addressed blobs under one root digest (PBFT §5.3, with a tree of two levels).
 *
 * - A *chunk* is a part of the state with an id. The id begins with `m` for the state machine, `s` for a session, `n`
 *   for a name of an unsigned client. The chunk's blob is `[id, bytes]`.
 * - A *page* lists ids and digests of chunks, by ascending id. The ids alone decide how they are split into pages
 *   ({@linkcode LeafMap}).
 * - The *root page* lists the digests of the pages, the history and the agreed time. Checkpoint messages sign its
 *   digest.
 *
 * A blob is known by its digest. So any peer can supply it, and it is kept from one checkpoint to the next. A
 * checkpoint costs as much as has changed, and a page is read only when one of its chunks is needed.
 *
 * @module
 */
import { type Digest, type SequenceNumber, sequenceNumber } from "../messages/ids.ts";
import { invariant } from "../invariant.ts";
import type { Environment, Plain } from "../io.ts";
import type { LeafContent } from "./leaf.ts";
import { LeafMap } from "./leaf_map.ts";
import type { ChunkNeed } from "../state_machine.ts";
import { type ChunkChange, type ChunkKind, entriesOf, type LocatedChunk, type Root } from "./state_blobs.ts";

export * from "./state_blobs.ts";

/** The most code units of ids and digests on one page. */
const MAX_PAGE_SIZE = 8 * 1024;

/** The index of the replicated state: as of the last checkpoint, or while a state transfer is changing it. */
export class StateTree {
  readonly #env: Pick<Environment, "hash" | "pack">;
  /** The digest of each chunk by its id. The leaves of this map are the pages. */
  readonly #ids = new LeafMap(MAX_PAGE_SIZE);
  /** The pages of the last root, by ascending id. */
  #pages: readonly (readonly [id: string, digest: Digest])[] = [];
  #root: Digest | null = null;
  #sequence = sequenceNumber(0);
  /** New blobs since the last {@linkcode seal} or {@linkcode takeBlobs}. */
  #blobs = new Map<Digest, Uint8Array>();
  /** The digests of all new blobs since the last {@linkcode seal}. */
  #made = new Set<Digest>();
  #retired: Digest[] = [];
  /** The changed pages that {@linkcode hashPages} has not hashed yet, and the digests of those that it has. */
  #unhashed: (readonly [id: string, page: LeafContent | null])[] | null = null;
  #hashed = new Map<string, Digest>();

  constructor(env: Pick<Environment, "hash" | "pack">) {
    this.#env = env;
  }

  /** The digest of the last root page. */
  get root(): Digest | null {
    return this.#root;
  }

  /** The sequence number of the checkpoint with that root; 0 before the first checkpoint. */
  get sequence(): SequenceNumber {
    return this.#sequence;
  }

  /** Starts from a stored root. Its pages are loaded later. */
  open(digest: Digest, { sequence, pages }: Root): void {
    [this.#root, this.#sequence, this.#pages] = [digest, sequence, pages];
    if (pages.length > 0) this.#ids.unload();
  }

  /** Puts a page of the last root in memory. Any other page is ignored. */
  load(digest: Digest, page: LeafContent): void {
    const at = this.#pages.findIndex(([, other]) => other === digest);
    if (at < 0) return;
    this.#ids.load(page, { isFirst: at === 0, next: this.#pages[at + 1]?.[0] ?? null });
  }

  /** The digests of the pages that are not in memory. */
  unloaded(): readonly Digest[] {
    return this.#ids.isWhole ? [] : this.#pages.filter(([id]) => !this.#ids.isLoaded(id)).map(([, digest]) => digest);
  }

  /** The present digest of a chunk. Its page must be loaded. */
  chunk(id: string): Digest | undefined {
    return this.#ids.get(id) as Digest | undefined;
  }

  /** The chunks at a place among those of a kind, or the page that must be loaded to find them. */
  find(kind: ChunkKind, need: ChunkNeed): readonly LocatedChunk[] | { readonly page: Digest } {
    const below = "before" in need;
    const found = this.#ids.last(kind + (below ? need.before : need.at), { orItself: !below });
    if (isNeed(found)) return { page: this.#pageAt(found) };
    const start = found?.startsWith(kind) ? found : kind;
    return this.#locate(kind, start, 1 + (below ? 0 : need.more ?? 0));
  }

  #locate(kind: ChunkKind, start: string, count: number): readonly LocatedChunk[] | { readonly page: Digest } {
    const before = this.#ids.last(start, { orItself: false });
    if (isNeed(before)) return { page: this.#pageAt(before) };
    const chunks: LocatedChunk[] = [];
    const entries = this.#ids.from(start);
    let isFirst = !before?.startsWith(kind);
    for (let entry = entries.next(); chunks.length < count; isFirst = false) {
      if (entry.done && entry.value) return chunks.length > 0 ? chunks : { page: this.#pageAt(entry.value) };
      if (entry.done || !entry.value[0].startsWith(kind)) break;
      const [id, digest] = entry.value;
      entry = entries.next();
      // The page of a later chunk is loaded when the caller asks again; for this chunk its successor must be known.
      if (entry.done && entry.value) return chunks.length > 0 ? chunks : { page: this.#pageAt(entry.value) };
      const next = !entry.done && entry.value[0].startsWith(kind) ? entry.value[0].slice(1) : null;
      chunks.push({ id: id.slice(1), digest: digest as Digest, isFirst, next });
    }
    return chunks;
  }

  /** The digests of the pages that must be loaded before these chunks can be {@linkcode put}. */
  needsToPut(ids: Iterable<string>): readonly Digest[] {
    const pages = new Set<Digest>();
    for (const id of ids) if (!this.#ids.isLoaded(id)) pages.add(this.#pageAt({ at: id }));
    return [...pages];
  }

  /**
   * Changes or removes (`null`) a chunk. {@linkcode seal} must follow. Returns the bytes of the new blob; 0 if there is
   * none, because the chunk is as before or removed.
   */
  put(id: string, bytes: Uint8Array | null): number {
    const before = this.chunk(id);
    const [digest, size] = bytes === null ? [undefined, 0] : this.#add([id, bytes], before);
    if (digest === before) return 0;
    if (before !== undefined) this.#retired.push(before);
    this.note(id, digest ?? null);
    return size;
  }

  /** Takes the new blobs, for a checkpoint that is stored in slices. */
  takeBlobs(): Map<Digest, Uint8Array> {
    const blobs = this.#blobs;
    this.#blobs = new Map();
    return blobs;
  }

  /** Whether {@linkcode put} or {@linkcode hashPages} has made this blob since the last {@linkcode seal}. */
  hasMade(digest: Digest): boolean {
    return this.#made.has(digest);
  }

  /** The chunks of a kind, by ascending id. All pages must be loaded. */
  chunksOf(kind: ChunkKind): readonly (readonly [id: string, digest: Digest])[] {
    return this.#ids.leaves().flatMap((page) => entriesOf(page)).filter(([id]) => id.startsWith(kind));
  }

  /** The blob of a chunk, if it was made and not taken yet. */
  unsealed(digest: Digest): Uint8Array | undefined {
    return this.#blobs.get(digest);
  }

  /** Makes the blob of a chunk that {@linkcode replaceAll} will name. Returns its digest, and the bytes of a new blob. */
  make(id: string, bytes: Uint8Array): { readonly digest: Digest; readonly bytes: number } {
    const [digest, size] = this.#add([id, bytes], this.chunk(id));
    return { digest, bytes: size };
  }

  /** These will not be named, after all. Those that were taken are the caller's to drop. */
  unmake(digests: Iterable<Digest>): void {
    for (const digest of digests) {
      this.#blobs.delete(digest);
      this.#made.delete(digest);
    }
  }

  /** Replaces all chunks of a kind by others that were made. All pages must be loaded. */
  replaceAll(kind: ChunkKind, chunks: ReadonlyMap<string, Digest>): void {
    for (const [id, digest] of this.chunksOf(kind)) {
      if (chunks.get(id) === digest) continue;
      // No root has named the blob of a chunk that was changed since the last one.
      if (this.#made.has(digest)) this.unmake([digest]);
      else this.#retired.push(digest);
      if (!chunks.has(id)) this.note(id, null);
    }
    for (const [id, digest] of chunks) this.note(id, digest);
  }

  /** Records the digest of a chunk whose blob is stored elsewhere; `null` removes the chunk. */
  note(id: string, digest: Digest | null): void {
    if (digest === null) this.#ids.delete(id);
    else this.#ids.set(id, digest);
  }

  /** The digests of the pages that must be loaded before {@linkcode seal}. */
  needsToSeal(): readonly Digest[] {
    return this.#ids.mergeLeaves().map((need) => this.#pageAt(need));
  }

  /**
   * Hashes changed pages, up to about so many bytes. {@linkcode seal} hashes the rest. No chunk may change in between,
   * and {@linkcode needsToSeal} must be empty. Returns how many pages are left.
   */
  hashPages(maxBytes: number): number {
    this.#unhashed ??= this.#ids.peekChanges();
    const before = new Map(this.#pages);
    for (let bytes = 0; bytes < maxBytes;) {
      const next = this.#unhashed.pop();
      if (!next) break;
      const [id, page] = next;
      if (!page) continue;
      const [digest, size] = this.#add([id, page.depth, page.entries], before.get(id));
      this.#hashed.set(id, digest);
      bytes += size;
    }
    return this.#unhashed.length;
  }

  /**
   * Applies `changes` and makes the root page of the new state. Returns the new blobs, and as `retired` the digests
   * that the new state no longer names.
   */
  seal(
    changes: Iterable<ChunkChange>,
    meta: Omit<Root, "pages">,
  ): { root: Digest; blobs: Map<Digest, Uint8Array>; retired: Digest[] } {
    for (const [id, bytes] of changes) this.put(id, bytes);
    invariant(this.needsToSeal().length === 0, "loading", "the pages that a checkpoint changes are loaded");
    const pages = new Map(this.#pages);
    for (const [id, page] of this.#ids.takeChanges()) {
      const before = pages.get(id);
      const after = page && (this.#hashed.get(id) ?? this.#add([id, page.depth, page.entries], before)[0]);
      if (before !== undefined && after !== before) this.#retired.push(before);
      if (after) pages.set(id, after);
      else pages.delete(id);
    }
    if (this.#root !== null) this.#retired.push(this.#root);
    this.#pages = [...pages].sort(([a], [b]) => (a < b ? -1 : 1));
    this.#sequence = meta.sequence;
    [this.#root] = this.#add([meta.sequence, meta.history, meta.agreedTime, this.#pages]);
    const { blobs, retired, made } = this.#reset();
    return { root: this.#root, blobs, retired: retired.filter((digest) => !made.has(digest)) };
  }

  /**
   * Gives up a checkpoint that was begun: drops the blobs that were made and not taken. Their digests stay recorded.
   * Returns the digests that the tree has named until then and does not name any more.
   */
  abandon(): readonly Digest[] {
    return this.#reset().retired;
  }

  /** The pages of the last root on which nothing has changed since: their ids by their digests. */
  unchanged(): ReadonlyMap<Digest, string> {
    return new Map(this.#pages.filter(([id]) => !this.#ids.isChanged(id)).map(([id, digest]) => [digest, id]));
  }

  /** The ids of all chunks that are not on these pages. All pages must be loaded. */
  idsOutside(pages: ReadonlySet<string>): readonly string[] {
    return this.#ids.leaves().filter(({ id }) => !pages.has(id)).flatMap((page) => entriesOf(page).map(([id]) => id));
  }

  /** The digests of all blobs of the last root, and of those recorded since. All pages must be loaded. */
  blobs(): Set<Digest> {
    const chunks = this.#ids.leaves().flatMap((page) => entriesOf(page).map(([, digest]) => digest));
    return new Set([...chunks, ...this.#pages.map(([, digest]) => digest), ...(this.#root ? [this.#root] : [])]);
  }

  #pageAt(need: ChunkNeed): Digest {
    const isBefore = ([id]: readonly [string, Digest]) => "before" in need ? id < need.before : id <= need.at;
    const page = this.#pages.findLast(isBefore) ?? this.#pages[0];
    invariant(page !== undefined, "internal", "a state with chunks has pages");
    return page[1];
  }

  /** Makes a blob, unless it is the one of `before`, which is stored. Returns its digest, and the bytes of a new blob. */
  #add(value: Plain, before?: Digest): readonly [digest: Digest, bytes: number] {
    const bytes = this.#env.pack(value);
    const digest = this.#env.hash(bytes);
    if (digest === before) return [digest, 0];
    this.#blobs.set(digest, bytes);
    this.#made.add(digest);
    return [digest, bytes.length];
  }

  #reset(): { blobs: Map<Digest, Uint8Array>; retired: Digest[]; made: Set<Digest> } {
    const [blobs, retired, made] = [this.#blobs, this.#retired, this.#made];
    [this.#blobs, this.#retired, this.#made] = [new Map(), [], new Set()];
    [this.#unhashed, this.#hashed] = [null, new Map()];
    return { blobs, retired, made };
  }
}

function isNeed(found: string | null | ChunkNeed): found is ChunkNeed {
  return typeof found === "object" && found !== null;
}
