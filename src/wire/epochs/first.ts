/**
 * Epochs as somebody knows them, and the first one, which is all that most clients need.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Digest, SequenceNumber } from "../../core/messages/ids.ts";
import type { ClusterFile } from "../cluster_file.ts";

/** One epoch of a cluster. */
export interface Epoch {
  /** The cluster's id. Clients sign requests for it, in every epoch. */
  readonly cluster: Digest;
  /** 0, 1, 2, … */
  readonly number: number;
  /** What replicas sign for in this epoch: the hash of its configuration; in epoch 0 the cluster id. */
  readonly context: Digest;
  /** Members, keys, limits, K, L and the state machine's version. */
  readonly genesis: Genesis;
  /** Where the members were when the epoch began, by their names. */
  readonly urls: ClusterFile["urls"];
  /** The checkpoint that closed the epoch before: this epoch's first number is the one after it. In epoch 0 the origin of the cluster, or `null`. */
  readonly start: { readonly sequence: SequenceNumber; readonly root: Digest } | null;
}

/** Epoch 0. `cluster`: the hash of the genesis. */
export function firstEpoch({ genesis, urls }: ClusterFile, cluster: Digest): Epoch {
  const { origin } = genesis;
  const start = origin ? { sequence: origin.sequence, root: origin.root } : null;
  return { cluster, number: 0, context: cluster, genesis, urls, start };
}
