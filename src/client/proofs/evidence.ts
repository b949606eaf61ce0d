/**
 * Verifies evidence of misconduct from `GET /evidence`. Two signed messages that contradict each other prove to everybody who has the
 * genesis that their signer is faulty, no matter who passes them on.
 * @module
 */
import { isContradiction, type Statement } from "../../core/messages/evidence.ts";
import type { Genesis } from "../../core/config.ts";
import type { Digest, ReplicaId, SequenceNumber, View } from "../../core/messages/ids.ts";
import { createWebVerifier } from "../../crypto/web.ts";
import { decodeEvidence, type EvidenceItem, wireLimits } from "../../wire/mod.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import { epochsOf } from "../epochs/known_epochs.ts";
import { EvidenceError } from "../errors.ts";

/** Proven misconduct: this member signed two messages of which a correct replica signs only one. */
export interface Misconduct {
  /** The replica. */
  readonly accused: ReplicaId;
  /** Its name in that epoch. */
  readonly name: string;
  /** Its public key. */
  readonly publicKey: string;
  /** The epoch for which it has signed both messages. */
  readonly epoch: number;
  /** The kind of both messages. */
  readonly kind: Statement["kind"];
  /** The view of both messages; `null` for checkpoints. */
  readonly view: View | null;
  /** The sequence number of both messages; `null` for view-changes. */
  readonly sequence: SequenceNumber | null;
  /** The digests of the two messages; `null` for view-changes, which have none. */
  readonly digests: readonly [Digest, Digest] | null;
}

/**
 * Verifies one item of `GET /evidence`. Uses only the genesis, the chain and the signed frames of the item. Needs no network.
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
 * @throws {EvidenceError} with the reason, if the item proves nothing. `LinkError`, if the chain does not follow from the genesis.
 */
export async function verifyEvidence(
  cluster: { readonly genesis: Genesis },
  item: EvidenceItem,
  chain: readonly Uint8Array[] = [],
): Promise<Misconduct> {
  let reason: unknown;
  // The item does not say of which epoch it is. Both messages must be signed for the same one.
  for (const epoch of [...await epochsOf(cluster.genesis, chain)].reverse()) {
    try {
      return await convictedIn(epoch, item);
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error;
      reason ??= error;
    }
  }
  throw reason;
}

async function convictedIn({ genesis, context, number }: Epoch, item: EvidenceItem): Promise<Misconduct> {
  const { first, second } = decode(item, genesis);
  const { replica, kind } = first.message;
  if (!isContradiction(first, second)) {
    throw new EvidenceError(
      "the messages do not contradict each other: expected one signer, kind, view and number, and two digests (or two view-changes)",
    );
  }
  const member = genesis.replicas[replica];
  if (!member) throw new EvidenceError(`replica ${replica} is not a member`);
  const verifier = createWebVerifier(context, number);
  for (const { bytes, signature } of [first, second]) {
    if (await verifier.verify(member.publicKey, kind, bytes, signature)) continue;
    throw new EvidenceError(`a signature is not ${member.name}'s for a ${kind} in this cluster`);
  }
  const view = first.message.kind === "checkpoint" ? null : first.message.view;
  const { name, publicKey } = member;
  const who = { accused: replica, name, publicKey, epoch: number, kind, view };
  if (first.message.kind === "view-change" || second.message.kind === "view-change") {
    return { ...who, sequence: null, digests: null };
  }
  return { ...who, sequence: first.message.sequence, digests: [first.message.digest, second.message.digest] };
}

function decode(item: EvidenceItem, genesis: Genesis): ReturnType<typeof decodeEvidence> {
  try {
    return decodeEvidence(item, wireLimits(genesis));
  } catch (error) {
    throw new EvidenceError(error instanceof Error ? error.message : String(error));
  }
}
