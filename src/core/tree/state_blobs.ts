/**
 * The blobs of a state: chunks, pages and root page ({@link ./state_tree.ts}).
 * @module
 */
import type { Digest, Millis, SequenceNumber } from "../messages/ids.ts";
import type { Plain } from "../io.ts";
import type { LeafContent } from "./leaf.ts";

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
