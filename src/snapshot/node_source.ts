/**
 * A replica in this process as the source of a snapshot.
 * @module
 */
import type { ReplicaNode } from "../node/node.ts";
import type { SnapshotHead } from "./manifest.ts";
import type { SnapshotSource } from "./save.ts";
import { SnapshotError } from "./snapshot_error.ts";

/** The last stable checkpoint of a node. @throws {SnapshotError} if it gives none. */
export function headOf(
  node: Pick<ReplicaNode, "genesis"> & Partial<Pick<ReplicaNode, "epoch" | "stableCertificate">>,
): SnapshotHead {
  const { genesis, epoch } = node;
  const certificate = node.stableCertificate?.() ?? [];
  // The certificate of a later epoch is proven by the chain of epochs, which a manifest does not have.
  if (epoch && epoch.number > 0) {
    throw new SnapshotError(
      `the cluster is in epoch ${epoch.number}: there are snapshots only of clusters that were never reconfigured`,
    );
  }
  if (certificate.length > 0) return { genesis, certificate };
  throw new SnapshotError(
    `the replica has no stable checkpoint yet: the first one comes after ${genesis.checkpointInterval} batches; ` +
      "or it has halted",
  );
}

/** The node as a source. */
export function nodeSource(
  node: Pick<ReplicaNode, "genesis" | "epoch" | "stableCertificate" | "readBlobs">,
): SnapshotSource {
  return {
    // deno-lint-ignore require-await -- so that an error is a rejection
    head: async () => headOf(node),
    read: (digests) => node.readBlobs(digests),
  };
}
