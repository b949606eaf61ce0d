/**
 * The present epoch of a client's cluster.
 * @module
 */
import type { ClientVerifier } from "../../crypto/client.ts";
import type { Epoch } from "../../wire/epochs/first.ts";
import type { Replicas } from "../transport/replicas.ts";

/** An epoch, and what the client knows of its replicas. */
export interface PresentEpoch {
  readonly epoch: Epoch;
  readonly replicas: Replicas;
  /** Verifies the replies of its replicas. */
  readonly verifier: ClientVerifier;
}

/** What a watch needs of the epochs that a client knows. */
export interface EpochsToWatch {
  /** The last epoch that is known. */
  present(): PresentEpoch | Promise<PresentEpoch>;
  /** The last number of an epoch; `null` if no later one is known. */
  endOf(number: number): Promise<number | null>;
  /** Calls `onMoved` when a later epoch is known. Returns a function that ends that. */
  listen(onMoved: () => void): () => void;
  /** A replica failed: there may be a later epoch. */
  doubt(): void;
}
