/**
 * Verifies evidence of misconduct from `GET /evidence`. Two signed messages that contradict each other prove to
 * everybody who has the genesis that their signer is faulty, no matter who passes them on.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { EvidenceItem } from "../../wire/evidence.ts";
import { later } from "../later/mod.ts";
import type { Misconduct } from "./proven.ts";

/**
 * Verifies one item of `GET /evidence`. Uses only the genesis, the chain and the signed frames of the item. Needs no
 * network.
 *
 * @example
 * ```ts
 * import { type ClusterFile, verifyEvidence } from "@pbft/edge/client";
 * async function audit(cluster: ClusterFile) {
 *   const { evidence } = await (await fetch(`${cluster.urls.Apple}/evidence`)).json();
 *   for (const item of evidence) console.log((await verifyEvidence(cluster, item)).name, "is faulty");
 * }
 * ```
 * `chain`: the links of the epochs after the genesis, if the cluster has changed its members; `client.chain` has them.
 *
 * @throws {EvidenceError} with the reason, if the item proves nothing. `LinkError`, if the chain does not follow from
 * the genesis.
 */
export async function verifyEvidence(
  cluster: { readonly genesis: Genesis },
  item: EvidenceItem,
  chain: readonly Uint8Array[] = [],
): Promise<Misconduct> {
  const { misconductIn } = await later();
  return await misconductIn(cluster.genesis, item, chain);
}
