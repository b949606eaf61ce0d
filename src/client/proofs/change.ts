/**
 * Verifies changes that a watch gave: each has the signed statements of f + 1 replicas, one of which is correct.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { BatchEvent, ChangeEvent } from "../watch/events.ts";
import { later } from "../later/mod.ts";
import type { ProvenChange } from "./proven.ts";

/**
 * Verifies a change or a batch of a watch, also one that was stored or came from somebody else. Uses only the genesis
 * and the event, and needs no network. It proves that the batch with this number made the change; it does not prove
 * that no other came before or after it.
 *
 * @example
 * ```ts
 * import { type ChangeEvent, type ClusterFile, verifyChange } from "@pbft/edge/client";
 * async function audit(cluster: ClusterFile, change: ChangeEvent) {
 *   const { signers } = await verifyChange(cluster, change);
 *   console.log(change.key, "became", change.value, "at", change.sequence, "as signed by", signers.join(" and "));
 * }
 * ```
 * `chain`: the links of the epochs after the genesis, if the cluster has changed its members; `client.chain` has them.
 *
 * @throws {ProofError} with the reason, if the event proves nothing. `LinkError`, if the chain does not follow from the
 * genesis.
 */
export async function verifyChange(
  cluster: { readonly genesis: Genesis },
  event: ChangeEvent | BatchEvent,
  chain: readonly Uint8Array[] = [],
): Promise<ProvenChange> {
  const { provenChange } = await later();
  return await provenChange(cluster.genesis, event, chain);
}
