/**
 * Receipts: proofs of results (PBFT §4.1). A receipt holds a request's signed bytes and f + 1 equal signed replies. It
 * proves to everybody who has the genesis that the cluster gave this result, because one of the f + 1 replicas is
 * correct.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import { pack, unpack } from "../../wire/codec/plain.ts";
import { attempt, ProofError } from "./proof_error.ts";
import { later } from "../later/mod.ts";
import type { ProvenResult, Receipt } from "./proven.ts";

/** A receipt as bytes, to store or send it. */
export function encodeReceipt(receipt: Receipt): Uint8Array {
  return pack([receipt.request, receipt.replies, receipt.index]);
}

/** The inverse of {@linkcode encodeReceipt}. @throws {ProofError} if `bytes` are no receipt. */
export function decodeReceipt(bytes: Uint8Array): Receipt {
  const [request, replies, index, ...more] = list(attempt("receipt", () => unpack(bytes)));
  if (!(request instanceof Uint8Array) || typeof index !== "number" || more.length > 0) {
    throw new ProofError("receipt: expected a request, replies and an index");
  }
  const frames = list(replies).map((frame) => {
    if (!(frame instanceof Uint8Array)) throw new ProofError("receipt: expected replies as bytes");
    return frame;
  });
  return { request, replies: frames, index };
}

/**
 * Verifies a receipt. Uses only the genesis and the receipt. Needs no network.
 *
 * @example
 * ```ts
 * import { type ClusterFile, type Receipt, verifyReceipt } from "@pbft/edge/client";
 * async function audit(cluster: ClusterFile, receipt: Receipt) {
 *   const { operation, result } = await verifyReceipt(cluster, receipt);
 *   console.log(new TextDecoder().decode(operation), "was executed at", result.sequence);
 * }
 * ```
 * `chain`: the links of the epochs after the genesis, if the cluster has changed its members; `client.chain` has them.
 *
 * @throws {ProofError} with the reason, if the receipt proves nothing. `LinkError`, if the chain does not follow from
 * the genesis.
 */
export async function verifyReceipt(
  cluster: { readonly genesis: Genesis },
  receipt: Receipt,
  chain: readonly Uint8Array[] = [],
): Promise<ProvenResult> {
  const { provenResult } = await later();
  return await provenResult(cluster.genesis, receipt, chain);
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new ProofError("receipt: expected a list");
  return value;
}
