/**
 * The data of a state transfer in progress, and of blobs being read from the store.
 * @module
 */
import type { Digest, SequenceNumber } from "../messages/ids.ts";
import type { Root } from "../tree/state_tree.ts";
import type { FetchedBlob } from "../io.ts";

/**
 * What a requested blob is: a page of the tree, a blob that a state transfer fetched before, a chunk that is migrated, or
 * the state machine's chunk with this id.
 */
export type Load =
  | { readonly kind: "page" }
  | { readonly kind: "fetched" }
  | { readonly kind: "former" }
  | { readonly kind: "chunk"; readonly id: string };

/** What a wanted digest stands for. */
export type Want =
  | { readonly kind: "root" }
  | { readonly kind: "page" }
  | { readonly kind: "chunk"; readonly id: string };

/** A state transfer in progress. */
export interface Transfer {
  /** The stable checkpoint whose state is fetched. */
  readonly sequence: SequenceNumber;
  readonly digest: Digest;
  root: Root | null;
  readonly wanted: Map<Digest, Want>;
  /**
   * Chunks to apply at the end; the tree has their digests already. `null` removes a chunk. Chunks of a lazily loaded
   * machine are not among them.
   */
  readonly staged: Map<string, Uint8Array | null>;
  /**
   * Blobs of the old state, and blobs fetched on the way. Those that the new state does not name are dropped at the
   * end. `null` while the own pages are being loaded.
   */
  former: Set<Digest> | null;
  /** Ids of the own pages that the new state has too. */
  shared: ReadonlySet<string>;
  /** Ids of the new state's chunks on the other pages that have arrived. */
  readonly listed: Set<string>;
  /**
   * Blobs that arrived before it was known which are wanted, because own pages are still being loaded. Bounded in number and in bytes.
   */
  readonly early: Map<Digest, FetchedBlob>;
}
