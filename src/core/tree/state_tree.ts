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
import { type Digest, type Millis, type SequenceNumber, sequenceNumber } from "../messages/ids.ts";
import { invariant } from "../invariant.ts";
import type { Environment, Plain } from "../io.ts";
import type { LeafContent } from "./leaf.ts";
import { LeafMap } from "./leaf_map.ts";
import type { ChunkNeed } from "../state_machine.ts";

/** The most code units of ids and digests on one page. */
const MAX_PAGE_SIZE = 8 * 1024;

/** A change of one chunk; `null` removes it. */
export type ChunkChange = readonly [id: string, chunk: Uint8Array | null];

/**
 * The owner of a chunk, with which its id begins: the state machine (`m`), a name (`n`), the accepted configuration
 * (`p`), a session (`s`).
 */
export type ChunkKind = "m" | "n" | "p" | "s";

/** The content of a root page. */
export interface Root {
  readonly sequence: SequenceNumber;
  /** Hash chain over the executed batches' digests. */
  readonly history: Digest;
  readonly agreedTime: Millis;
  /** The pages, by ascending id. All chunks on a page except the first page have ids >= the page's id. */
  readonly pages: readonly (readonly [id: string, digest: Digest])[];
}

/** A chunk and its place among the chunks of its kind. `next`: the id of the one after it; `null` if it is the last. */
export interface LocatedChunk {
  readonly id: string;
  readonly digest: Digest;
  readonly isFirst: boolean;
  readonly next: string | null;
}

/** Reads an unpacked root page. It is not checked further, because its digest was. */
export function readRoot(root: Plain): Root {
  const [sequence, history, agreedTime, pages] = root as unknown as [
    SequenceNumber,
    Digest,
    Millis,
    [string, Digest][],
  ];
  return { sequence, history, agreedTime, pages };
}

/** Reads an unpacked page. */
export function readPage(page: Plain): LeafContent {
  const [id, depth, entries] = page as [string, number, string[]];
  return { id, depth, entries: [...entries] };
}

/** The chunks that a page lists, by ascending id. */
export function entriesOf(
  { entries }: Pick<LeafContent, "entries">,
): readonly (readonly [id: string, digest: Digest])[] {
  return Array.from({ length: entries.length / 2 }, (_, i) => [entries[2 * i]!, entries[2 * i + 1] as Digest]);
}

/** Reads an unpacked chunk blob. */
export function readChunk(blob: Plain): readonly [id: string, chunk: Uint8Array] {
  return blob as unknown as [string, Uint8Array];
}

/** The pages that can hold chunks of a kind. */
export function pagesOf({ pages }: Root, kind: ChunkKind): readonly Digest[] {
  const end = String.fromCharCode(kind.charCodeAt(0) + 1);
  const isOf = ([id]: readonly [string, Digest], index: number) =>
    id < end && (index + 1 === pages.length || pages[index + 1]![0] > kind);
  return pages.filter(isOf).map(([, digest]) => digest);
}

/** The index of the replicated state: as of the last checkpoint, or while a state transfer is changing it. */
export class StateTree {
  readonly #env: Pick<Environment, "hash" | "pack">;
  /** The digest of each chunk by its id. The leaves of this map are the pages. */
  readonly #ids = new LeafMap(MAX_PAGE_SIZE);
  /** The pages of the last root, by ascending id. */
  #pages: readonly (readonly [id: string, digest: Digest])[] = [];
  #root: Digest | null = null;
  #sequence = sequenceNumber(0);
  /** New blobs since the last {@linkcode seal}. */
  #blobs = new Map<Digest, Uint8Array>();
  #retired: Digest[] = [];

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

  /** Changes or removes (`null`) a chunk. {@linkcode seal} must follow. */
  put(id: string, bytes: Uint8Array | null): void {
    const before = this.chunk(id);
    if (before !== undefined) this.#retired.push(before);
    this.note(id, bytes === null ? null : this.#add([id, bytes]));
  }

  /** The chunks of a kind, by ascending id. All pages must be loaded. */
  chunksOf(kind: ChunkKind): readonly (readonly [id: string, digest: Digest])[] {
    return this.#ids.leaves().flatMap((page) => entriesOf(page)).filter(([id]) => id.startsWith(kind));
  }

  /** The blob of a chunk that was {@linkcode put} since the last {@linkcode seal}. */
  unsealed(digest: Digest): Uint8Array | undefined {
    return this.#blobs.get(digest);
  }

  /** Replaces all chunks of a kind. All pages must be loaded. Returns the ids that changed. */
  replaceAll(kind: ChunkKind, chunks: ReadonlyMap<string, Uint8Array>): readonly string[] {
    const changed: string[] = [];
    const drop = (id: string, digest: Digest) => {
      changed.push(id);
      // No root has named the blob of a chunk that was changed since the last one.
      if (!this.#blobs.delete(digest)) this.#retired.push(digest);
    };
    for (const [id, digest] of this.chunksOf(kind)) {
      if (chunks.has(id)) continue;
      drop(id, digest);
      this.note(id, null);
    }
    for (const [id, bytes] of chunks) {
      const blob = this.#env.pack([id, bytes]);
      const digest = this.#env.hash(blob);
      const before = this.chunk(id);
      if (before === digest) continue;
      if (before !== undefined) drop(id, before);
      else changed.push(id);
      this.#blobs.set(digest, blob);
      this.note(id, digest);
    }
    return changed;
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
      if (before !== undefined) this.#retired.push(before);
      if (page) pages.set(id, this.#add([id, page.depth, page.entries]));
      else pages.delete(id);
    }
    if (this.#root !== null) this.#retired.push(this.#root);
    this.#pages = [...pages].sort(([a], [b]) => (a < b ? -1 : 1));
    this.#sequence = meta.sequence;
    this.#root = this.#add([meta.sequence, meta.history, meta.agreedTime, this.#pages]);
    const [blobs, retired] = [this.#blobs, this.#retired];
    [this.#blobs, this.#retired] = [new Map(), []];
    return { root: this.#root, blobs, retired: retired.filter((digest) => !blobs.has(digest)) };
  }

  /** Drops the blobs that {@linkcode put} has made since the last {@linkcode seal}. Their digests stay recorded. */
  forgetBlobs(): void {
    [this.#blobs, this.#retired] = [new Map(), []];
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

  #add(value: Plain): Digest {
    const bytes = this.#env.pack(value);
    const digest = this.#env.hash(bytes);
    this.#blobs.set(digest, bytes);
    return digest;
  }
}

function isNeed(found: string | null | ChunkNeed): found is ChunkNeed {
  return typeof found === "object" && found !== null;
}
