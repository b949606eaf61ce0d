/**
 * A state transfer that is under way, and what is being read from the store: the data.
 * @module
 */
import type { Digest, SequenceNumber } from "../messages/ids.ts";
import type { Root } from "../tree/state_tree.ts";
import type { FetchedBlob } from "../io.ts";

/** What a digest that was asked for is: a page of the tree, the state machine's chunk with this id, or what a transfer fetched before. */
export type Load =
  | { readonly kind: "page" }
  | { readonly kind: "fetched" }
  | { readonly kind: "chunk"; readonly id: string };

/** What a wanted digest is for. */
export type Want =
  | { readonly kind: "root" }
  | { readonly kind: "page" }
  | { readonly kind: "chunk"; readonly id: string };

/** A transfer that is under way. */
export interface Transfer {
  /** The stable checkpoint whose state is fetched. */
  readonly sequence: SequenceNumber;
  readonly digest: Digest;
  root: Root | null;
  readonly wanted: Map<Digest, Want>;
  /** Chunks to put in place at the end; the state tree has their digests already. `null`: gone. None of a machine loaded by need. */
  readonly staged: Map<string, Uint8Array | null>;
  /** What the state named before, or what was fetched on the way: to be dropped if the new state doesn't name it. `null`: own pages are being read. */
  former: Set<Digest> | null;
  /** Own pages that the new state has too. */
  shared: ReadonlySet<string>;
  /** The chunks of the new state on other pages, as far as these have come. */
  readonly listed: Set<string>;
  /** What came before it was known what is wanted, because that is still being read: at most {@linkcode MAX_EARLY}. */
  readonly early: Map<Digest, FetchedBlob>;
}
