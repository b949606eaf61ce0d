/**
 * A replica in this process as the source of a snapshot.
 * @module
 */
import type { ReplicaNode } from "../node/node.ts";
import type { SnapshotSource } from "./save.ts";
import { SnapshotError } from "./snapshot_error.ts";

/** The node as a source. */
export function nodeSource(
  node: Pick<ReplicaNode, "genesis" | "stableCertificate" | "readBlobs">,
): SnapshotSource {
  return {
    head() {
      const certificate = node.stableCertificate();
      if (certificate.length > 0) return Promise.resolve({ genesis: node.genesis, certificate });
      return Promise.reject(
        new SnapshotError(
          "the replica has no stable checkpoint yet: the first one comes after " +
            `${node.genesis.checkpointInterval} batches; or it has halted`,
        ),
      );
    },
    read: (digests) => node.readBlobs(digests),
  };
}
