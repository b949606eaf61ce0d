/**
 * A replica in this process as the source of a snapshot.
 * @module
 */
import type { ReplicaNode } from "../node/node.ts";
import type { SnapshotHead } from "./manifest.ts";
import type { SnapshotSource } from "./save.ts";
import { SnapshotError } from "./snapshot_error.ts";

/** The parts of a node that a snapshot needs. */
export type SnapshotNode = Pick<
  ReplicaNode,
  "genesis" | "epoch" | "past" | "stableCertificate" | "readBlobs" | "wantedState"
>;

/**
 * The last stable checkpoint of a node, or the one at which its epoch starts.
 * @throws {SnapshotError} if it gives none.
 */
export function headOf(node: Pick<SnapshotNode, "genesis"> & Partial<SnapshotNode>): SnapshotHead {
  const { genesis, links } = node.past ?? { genesis: node.genesis, links: [] };
  const certificate = node.stableCertificate?.() ?? [];
  if (certificate.length === 0 && !node.epoch?.start) {
    throw new SnapshotError(
      `the replica has no stable checkpoint yet: the first one comes after ${genesis.checkpointInterval} batches; ` +
        "or it has halted",
    );
  }
  if (certificate.length === 0 && node.wantedState!().length > 0) {
    throw new SnapshotError("the replica is still fetching the state at which its epoch starts");
  }
  return { genesis, ...(links.length > 0 && { chain: links }), certificate };
}

/** The node as a source. It is the node of one epoch: in the next one there is another node. */
export function nodeSource(node: SnapshotNode): SnapshotSource {
  return {
    // deno-lint-ignore require-await -- so that an error is a rejection
    head: async () => headOf(node),
    read: (digests) => node.readBlobs(digests),
  };
}
