/**
 * Verifies a batch from a replica's archive: that a quorum committed it at its sequence number.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { ArchivedBatch } from "../../node/ports.ts";
import { later } from "../later/mod.ts";
import type { ExecutedBatch } from "./proven.ts";

/**
 * Verifies an archived batch: that a quorum of the genesis's replicas committed it at its sequence number. Needs no
 * network.
 *
 * @example
 * ```ts
 * import { type ArchivedBatch, type ClusterFile, verifyArchived } from "@pbft/edge/client";
 * async function audit(cluster: ClusterFile, archive: readonly ArchivedBatch[]) {
 *   for (const archived of archive) {
 *     const { sequence, requests } = await verifyArchived(cluster, archived);
 *     console.log(sequence, requests.length);
 *   }
 * }
 * ```
 * `chain`: the links of the epochs after the genesis, if the cluster has changed its members.
 *
 * @throws {ProofError} with the reason, if the batch is not proven. `LinkError`, if the chain does not follow from the
 * genesis.
 */
export async function verifyArchived(
  cluster: { readonly genesis: Genesis },
  archived: ArchivedBatch,
  chain: readonly Uint8Array[] = [],
): Promise<ExecutedBatch> {
  const { executedBatch } = await later();
  return await executedBatch(cluster.genesis, archived, chain);
}
