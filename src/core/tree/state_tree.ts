/**
 * The replicated state as content-addressed blobs under one digest (PBFT §5.3, with a tree of two levels).
 *
 * A *chunk* is a part of the state with an id: the state machine's (`m…`), a session (`s…`), a name (`n…`). Its blob
 * is `[id, bytes]`. *Pages* list the ids and digests of chunks by ascending id; how many, and which, follows from the ids alone, as
 * {@linkcode LeafMap} cuts them. The *root page* lists the digests of the pages beside the history and the agreed time; its
 * digest is what checkpoints sign. A blob's digest is its name, so a blob can come from anyone and is kept across checkpoints; a
 * checkpoint costs what changed, and pages are read when one of their chunks is wanted.
 *
 * @module
 */
import type { Digest, Millis, SequenceNumber } from "../messages/ids.ts";
import { invariant } from "../invariant.ts";
import type { Environment, Plain } from "../io.ts";
import type { KnownLeaf } from "./leaf.ts";
import { LeafMap } from "./leaf_map.ts";
import type { ChunkNeed } from "../state_machine.ts";

/** Most code units of the ids and digests on a page. */
const MAX_PAGE_SIZE = 8 * 1024;

/** What changed in a state: `null` removes the chunk. */
export type ChunkChange = readonly [id: string, chunk: Uint8Array | null];

/** Whose a chunk is, which its id begins with: the state machine's, a name's, a session's. */
export type ChunkKind = "m" | "n" | "s";

/** What a root page says. */
export interface Root {
  readonly sequence: SequenceNumber;
  /** Hash chain over the executed batches' digests. */
  readonly history: Digest;
  readonly agreedTime: Millis;
  /** By ascending id: no chunk on a page has an id below the page's, if it is not on the first. */
  readonly pages: readonly (readonly [id: string, digest: Digest])[];
}

/** A chunk, and where it is among those of its kind. */
export interface Located {
  readonly id: string;
  readonly digest: Digest;
  readonly isFirst: boolean;
  readonly next: string | null;
}

/** Reads an unpacked root page, which is trusted for its digest. */
export function readRoot(root: Plain): Root {
  const [sequence, history, agreedTime, pages] = root as unknown as [
    SequenceNumber,
    Digest,
    Millis,
    [string, Digest][],
  ];
  return { sequence, history, agreedTime, pages };
}

/** Reads an unpacked page: ids and digests. */
export function readPage(page: Plain): KnownLeaf {
  const [id, depth, entries] = page as [string, number, string[]];
  return { id, depth, entries: [...entries] };
}

/** The chunks that a page lists, by ascending id. */
export function entriesOf({ entries }: Pick<KnownLeaf, "entries">): readonly (readonly [id: string, digest: Digest])[] {
  return Array.from({ length: entries.length / 2 }, (_, i) => [entries[2 * i]!, entries[2 * i + 1] as Digest]);
}

/** Reads an unpacked chunk blob. */
export function readChunk(blob: Plain): readonly [id: string, chunk: Uint8Array] {
  return blob as unknown as [string, Uint8Array];
}

/** The pages on which chunks of a kind may be. */
export function pagesOf({ pages }: Root, kind: ChunkKind): readonly Digest[] {
  const end = String.fromCharCode(kind.charCodeAt(0) + 1);
  const isOf = ([id]: readonly [string, Digest], index: number) =>
    id < end && (index + 1 === pages.length || pages[index + 1]![0] > kind);
  return pages.filter(isOf).map(([, digest]) => digest);
}

/** The index of the state as it was at the last checkpoint, or as state transfer has made it since. */
export class StateTree {
  readonly #env: Pick<Environment, "hash" | "pack">;
  /** Digests by id; its leaves are the pages. */
  readonly #ids = new LeafMap(MAX_PAGE_SIZE);
  /** Of the last root, by ascending id. */
  #pages: readonly (readonly [id: string, digest: Digest])[] = [];
  #root: Digest | null = null;
  #sequence = 0 as SequenceNumber;
  /** Of what was put since the last {@linkcode seal}. */
  #blobs = new Map<Digest, Uint8Array>();
  #retired: Digest[] = [];

  constructor(env: Pick<Environment, "hash" | "pack">) {
    this.#env = env;
  }

  /** The digest of the last root page. */
  get root(): Digest | null {
    return this.#root;
  }

  /** The number of the checkpoint whose root it is; 0: there was none yet. */
  get sequence(): SequenceNumber {
    return this.#sequence;
  }

  /** Takes over a root, without its pages. */
  open(digest: Digest, { sequence, pages }: Root): void {
    [this.#root, this.#sequence, this.#pages] = [digest, sequence, pages];
    if (pages.length > 0) this.#ids.unload();
  }

  /** Puts a page of the root in memory; one that is not the root's is ignored. */
  load(digest: Digest, page: KnownLeaf): void {
    const at = this.#pages.findIndex(([, other]) => other === digest);
    if (at < 0) return;
    this.#ids.load(page, { isFirst: at === 0, next: this.#pages[at + 1]?.[0] ?? null });
  }

  /** The pages that are not in memory. */
  unloaded(): readonly Digest[] {
    return this.#ids.isWhole ? [] : this.#pages.filter(([id]) => !this.#ids.isLoaded(id)).map(([, digest]) => digest);
  }

  /** The digest of a chunk as it is now. Its page must be loaded. */
  chunk(id: string): Digest | undefined {
    return this.#ids.get(id) as Digest | undefined;
  }

  /** The chunks at a place among those of a kind, or the page that must be loaded to tell. */
  find(kind: ChunkKind, need: ChunkNeed): readonly Located[] | { readonly page: Digest } {
    const below = "before" in need;
    const found = this.#ids.last(kind + (below ? need.before : need.at), { orItself: !below });
    if (isNeed(found)) return { page: this.#pageAt(found) };
    const start = found?.startsWith(kind) ? found : kind;
    return this.#locate(kind, start, 1 + (below ? 0 : need.more ?? 0));
  }

  #locate(kind: ChunkKind, start: string, count: number): readonly Located[] | { readonly page: Digest } {
    const before = this.#ids.last(start, { orItself: false });
    if (isNeed(before)) return { page: this.#pageAt(before) };
    const chunks: Located[] = [];
    const entries = this.#ids.from(start);
    let isFirst = !before?.startsWith(kind);
    for (let entry = entries.next(); chunks.length < count; isFirst = false) {
      if (entry.done && entry.value) return chunks.length > 0 ? chunks : { page: this.#pageAt(entry.value) };
      if (entry.done || !entry.value[0].startsWith(kind)) break;
      const [id, digest] = entry.value;
      entry = entries.next();
      // Its page is loaded by whoever goes on from here; of this one the successor must be known.
      if (entry.done && entry.value) return chunks.length > 0 ? chunks : { page: this.#pageAt(entry.value) };
      const next = !entry.done && entry.value[0].startsWith(kind) ? entry.value[0].slice(1) : null;
      chunks.push({ id: id.slice(1), digest: digest as Digest, isFirst, next });
    }
    return chunks;
  }

  /** The pages that must be loaded before these chunks can be {@linkcode put}. */
  needsToPut(ids: Iterable<string>): readonly Digest[] {
    const pages = new Set<Digest>();
    for (const id of ids) if (!this.#ids.isLoaded(id)) pages.add(this.#pageAt({ at: id }));
    return [...pages];
  }

  /** Takes up a change. {@linkcode seal} must follow. */
  put(id: string, bytes: Uint8Array | null): void {
    const before = this.chunk(id);
    if (before !== undefined) this.#retired.push(before);
    this.note(id, bytes === null ? null : this.#add([id, bytes]));
  }

  /** Notes that a chunk now has this digest, whose blob is elsewhere; `null`: it is gone. */
  note(id: string, digest: Digest | null): void {
    if (digest === null) this.#ids.delete(id);
    else this.#ids.set(id, digest);
  }

  /** The pages that must be loaded before {@linkcode seal}. */
  needsToSeal(): readonly Digest[] {
    return this.#ids.tidy().map((need) => this.#pageAt(need));
  }

  /**
   * Makes the root page of the new state, after taking up these changes too.
   * Returns the blobs that are new and the digests that the new state no longer names.
   */
  seal(
    changes: Iterable<ChunkChange>,
    meta: Omit<Root, "pages">,
  ): { root: Digest; blobs: Map<Digest, Uint8Array>; retired: Digest[] } {
    for (const [id, bytes] of changes) this.put(id, bytes);
    invariant(this.needsToSeal().length === 0, "the pages that a checkpoint changes are loaded");
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

  /** Drops what {@linkcode put} has made since the last {@linkcode seal}; the digests stay noted. */
  forgetBlobs(): void {
    [this.#blobs, this.#retired] = [new Map(), []];
  }

  /** The pages as they are in the last root, by digest: the ids of those on which nothing has changed since. */
  unchanged(): ReadonlyMap<Digest, string> {
    return new Map(this.#pages.filter(([id]) => !this.#ids.isChanged(id)).map(([id, digest]) => [digest, id]));
  }

  /** The ids on all pages but these. All pages must be loaded. */
  idsOutside(pages: ReadonlySet<string>): readonly string[] {
    return this.#ids.leaves().filter(({ id }) => !pages.has(id)).flatMap((page) => entriesOf(page).map(([id]) => id));
  }

  /** Every blob that the state of the last root names, or has noted since. All pages must be loaded. */
  blobs(): Set<Digest> {
    const chunks = this.#ids.leaves().flatMap((page) => entriesOf(page).map(([, digest]) => digest));
    return new Set([...chunks, ...this.#pages.map(([, digest]) => digest), ...(this.#root ? [this.#root] : [])]);
  }

  #pageAt(need: ChunkNeed): Digest {
    const isBefore = ([id]: readonly [string, Digest]) => "before" in need ? id < need.before : id <= need.at;
    const page = this.#pages.findLast(isBefore) ?? this.#pages[0];
    invariant(page !== undefined, "a state with chunks has pages");
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
