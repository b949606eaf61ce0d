/**
 * The present epoch of a client's cluster.
 * @module
 */
import type { Limits } from "../../core/config.ts";
import type { ClientVerifier } from "../../crypto/client.ts";
import type { ClusterFile } from "../../wire/cluster_file.ts";
import type { Epoch } from "../../wire/epochs/first.ts";
import type { Replicas } from "../transport/replicas.ts";

/** An epoch, and what the client knows of its replicas. */
export interface PresentEpoch {
  readonly epoch: Epoch;
  readonly replicas: Replicas;
  /** Verifies the replies of its replicas. */
  readonly verifier: ClientVerifier;
}

/** The limits in force, which change with the epoch. */
export interface Rules {
  /** Those of the last epoch that is known. */
  readonly limits: Limits;
}

/** What a watch needs of the epochs that a client knows. */
export interface EpochsToWatch {
  /** The last epoch that is known. */
  present(): PresentEpoch | Promise<PresentEpoch>;
  /** The links from epoch 0 to the last one. */
  readonly chain: readonly Uint8Array[];
  readonly options: { readonly cluster: Pick<ClusterFile, "genesis"> };
  /** Calls `onMoved` when a later epoch is known. Returns a function that ends that. */
  listen(onMoved: () => void): () => void;
  /** A replica failed: there may be a later epoch. */
  doubt(): void;
}

/** Epochs of which more can be learned. */
export interface EpochsToAsk extends Pick<EpochsToWatch, "present"> {
  /** Asks a replica, by its request URL, for links, and follows them. */
  ask(present: PresentEpoch, url: string): Promise<void>;
}
