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

/** A {@linkcode SnapshotNode}, or one that has not started or has halted. */
type AnyNode = Pick<SnapshotNode, "genesis"> & Partial<SnapshotNode>;

/**
 * The last stable checkpoint of a node, or the one at which its epoch starts.
 * @throws {SnapshotError} if it gives none.
 */
export function headOf(node: AnyNode): SnapshotHead {
  const reason = whyNoHead(node);
  if (reason !== null) throw new SnapshotError(reason);
  const { genesis, links } = node.past ?? { genesis: node.genesis, links: [] };
  return { genesis, ...(links.length > 0 && { chain: links }), certificate: node.stableCertificate?.() ?? [] };
}

/** Why a node gives no state: nothing was ordered yet that could be lost, or it does not have the state yet, and others have. */
export function whyNoHead(node: AnyNode): string | null {
  if ((node.stableCertificate?.() ?? []).length > 0) return null;
  if (!node.epoch?.start) {
    const { checkpointInterval } = node.past?.genesis ?? node.genesis;
    return `the replica has no stable checkpoint yet: the first one comes after ${checkpointInterval} batches; ` +
      "or it has halted";
  }
  return node.wantedState!().length > 0 ? "the replica is still fetching the state at which its epoch starts" : null;
}

/** The node as a source. It is the node of one epoch: in the next one there is another node. */
export function nodeSource(node: SnapshotNode): SnapshotSource {
  return {
    // deno-lint-ignore require-await -- so that an error is a rejection
    head: async () => headOf(node),
    read: (digests) => node.readBlobs(digests),
  };
}
