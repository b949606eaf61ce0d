/**
 * The replicated state as content-addressed blobs under one digest (PBFT §5.3, with a fixed two-level tree).
 *
 * A *chunk* is a part of the state with an id: the state machine's (`m…`), a session (`s…`), a name (`n…`). Its blob
 * is `[id, bytes]`. 256 *pages* list the ids and digests of the chunks that fall to them by the hash of the id. The *root
 * page* lists the digests of the pages beside the history and the agreed time; its digest is what checkpoints sign.
 * A blob's digest is its name, so a blob can come from anyone and is kept across checkpoints; a checkpoint costs what changed.
 *
 * @module
 */
import type { Digest, Millis, SequenceNumber } from "./ids.ts";
import { invariant } from "./invariant.ts";
import type { Environment, Plain } from "./io.ts";

/** How many pages a root lists. */
export const PAGES = 256;

const STALE = "stale";

/** What changed in a state: `null` removes the chunk. */
export type ChunkChange = readonly [id: string, chunk: Uint8Array | null];

/** What a root page says. */
export interface Root {
  readonly sequence: SequenceNumber;
  /** Hash chain over the executed batches' digests. */
  readonly history: Digest;
  readonly agreedTime: Millis;
  /** {@linkcode PAGES} digests; the empty string: no chunk falls to that page. */
  readonly pages: readonly (Digest | "")[];
}

/** The digests of the pages that an unpacked root page lists. */
export function pageDigests(root: Plain): readonly Digest[] {
  return readRoot(root).pages.filter((page): page is Digest => page !== "");
}

/** The digests of the chunks that an unpacked page lists. */
export function chunkDigests(page: Plain): readonly Digest[] {
  return readPage(page).map(([, digest]) => digest);
}

/** Reads an unpacked root page, which is trusted for its digest. */
export function readRoot(root: Plain): Root {
  const [sequence, history, agreedTime, pages] = root as [SequenceNumber, Digest, Millis, (Digest | "")[]];
  return { sequence, history, agreedTime, pages };
}

/** Reads an unpacked page: ids and digests, by ascending id. */
export function readPage(page: Plain): readonly (readonly [id: string, digest: Digest])[] {
  return page as unknown as [string, Digest][];
}

/** Reads an unpacked chunk blob. */
export function readChunk(blob: Plain): readonly [id: string, chunk: Uint8Array] {
  return blob as unknown as [string, Uint8Array];
}

/** The index of the state as it was at the last checkpoint, or as state transfer has made it since. */
export class StateTree {
  readonly #env: Pick<Environment, "hash" | "pack">;
  readonly #pages: Map<string, Digest>[] = Array.from({ length: PAGES }, () => new Map());
  readonly #digests: (Digest | "" | typeof STALE)[] = Array<Digest | "">(PAGES).fill("");
  readonly #live = new Set<Digest>();
  #root: Digest | null = null;

  constructor(env: Pick<Environment, "hash" | "pack">) {
    this.#env = env;
  }

  /** The digest of the last root page that {@linkcode seal} made. */
  get root(): Digest | null {
    return this.#root;
  }

  /** The digest of a chunk as it is now. */
  chunk(id: string): Digest | undefined {
    return this.#pages[this.#pageOf(id)]!.get(id);
  }

  /** The ids on a page. */
  idsOn(page: number): readonly string[] {
    return [...this.#pages[page]!.keys()];
  }

  /** Whether a page is the one with this digest, with nothing {@linkcode put} since. */
  hasPage(page: number, digest: Digest | ""): boolean {
    return this.#digests[page] === digest;
  }

  /** Every blob that the present state names. */
  blobs(): Set<Digest> {
    const pages = this.#digests.filter((page): page is Digest => page !== "" && page !== STALE);
    return new Set([...this.#live, ...pages, ...(this.#root ? [this.#root] : [])]);
  }

  /** Whether the present state names this blob. */
  isLive(digest: Digest): boolean {
    return this.#live.has(digest) || this.#root === digest || this.#digests.includes(digest);
  }

  /**
   * Takes up changes and makes the root page of the new state.
   * Returns the blobs that are new and the digests that the new state no longer names.
   */
  seal(
    changes: Iterable<ChunkChange>,
    meta: Omit<Root, "pages">,
  ): { root: Digest; blobs: Map<Digest, Uint8Array>; retired: Digest[] } {
    const blobs = new Map<Digest, Uint8Array>();
    const retired: Digest[] = [];
    const dirty = new Set<number>();
    const pagesBefore = [...this.#digests];
    for (const [id, bytes] of changes) {
      dirty.add(this.#pageOf(id));
      const before = this.chunk(id);
      if (before !== undefined) retired.push(before);
      this.put(id, bytes === null ? null : this.#add(blobs, [id, bytes]));
    }
    for (const page of [...dirty].sort((a, b) => a - b)) {
      const before = pagesBefore[page]!;
      if (before !== "") retired.push(before as Digest);
      const entries = [...this.#pages[page]!].sort(([a], [b]) => (a < b ? -1 : 1));
      this.#digests[page] = entries.length === 0 ? "" : this.#add(blobs, entries);
    }
    if (this.#root !== null) retired.push(this.#root);
    this.#root = this.#add(blobs, [meta.sequence, meta.history, meta.agreedTime, this.#digests as string[]]);
    return { root: this.#root, blobs, retired: retired.filter((digest) => !blobs.has(digest)) };
  }

  /** Notes that a chunk now has this digest; `null`: it is gone. {@linkcode seal} or {@linkcode adopt} must follow. */
  put(id: string, digest: Digest | null): void {
    const number = this.#pageOf(id);
    const page = this.#pages[number]!;
    const before = page.get(id);
    if (before !== undefined) this.#live.delete(before);
    if (digest === null) page.delete(id);
    else page.set(id, digest);
    if (digest !== null) this.#live.add(digest);
    this.#digests[number] = STALE;
  }

  /** Takes over a root whose pages and chunks have all been {@linkcode put} in place. */
  adopt(digest: Digest, root: Root): void {
    invariant(root.pages.length === PAGES, `a root page lists ${PAGES} pages`);
    this.#root = digest;
    for (let page = 0; page < PAGES; page++) this.#digests[page] = root.pages[page]!;
  }

  #pageOf(id: string): number {
    return parseInt(this.#env.hash(this.#env.pack(id)).slice(0, 2), 16);
  }

  #add(blobs: Map<Digest, Uint8Array>, value: Plain): Digest {
    const bytes = this.#env.pack(value);
    const digest = this.#env.hash(bytes);
    blobs.set(digest, bytes);
    return digest;
  }
}
