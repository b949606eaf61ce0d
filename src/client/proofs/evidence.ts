/**
 * Verifies evidence of misconduct from `GET /evidence`. Two signed messages that contradict each other prove to everybody who has the
 * genesis that their signer is faulty, no matter who passes them on.
 * @module
 */
import { isContradiction, type Statement } from "../../core/messages/evidence.ts";
import type { Genesis } from "../../core/config.ts";
import type { Digest, ReplicaId, SequenceNumber, View } from "../../core/messages/ids.ts";
import { createWebVerifier, webClusterId } from "../../crypto/web.ts";
import { decodeEvidence, type EvidenceItem, wireLimits } from "../../wire/mod.ts";
import { EvidenceError } from "../errors.ts";

/** Proven misconduct: this member signed two messages of which a correct replica signs only one. */
export interface Misconduct {
  /** The replica. */
  readonly accused: ReplicaId;
  /** Its name in the genesis. */
  readonly name: string;
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
 * Verifies one item of `GET /evidence`. Uses only the genesis and the signed frames of the item. Needs no network.
 *
 * @example
 * ```ts
 * import { type ClusterFile, verifyEvidence } from "@pbft/edge/client";
 * async function audit(cluster: ClusterFile) {
 *   const { evidence } = await (await fetch(`${cluster.urls.Apple}/evidence`)).json();
 *   for (const item of evidence) console.log((await verifyEvidence(cluster, item)).name, "is faulty");
 * }
 * ```
 * @throws {EvidenceError} with the reason, if the item proves nothing.
 */
export async function verifyEvidence(
  { genesis }: { readonly genesis: Genesis },
  item: EvidenceItem,
): Promise<Misconduct> {
  const { first, second } = decode(item, genesis);
  const { replica, kind } = first.message;
  if (!isContradiction(first, second)) {
    throw new EvidenceError(
      "the messages do not contradict each other: expected one signer, kind, view and number, and two digests (or two view-changes)",
    );
  }
  const member = genesis.replicas[replica];
  if (!member) throw new EvidenceError(`replica ${replica} is not a member`);
  const verifier = createWebVerifier(await webClusterId(genesis));
  for (const { bytes, signature } of [first, second]) {
    if (await verifier.verify(member.publicKey, kind, bytes, signature)) continue;
    throw new EvidenceError(`a signature is not ${member.name}'s for a ${kind} in this cluster`);
  }
  const view = first.message.kind === "checkpoint" ? null : first.message.view;
  const who = { accused: replica, name: member.name, kind, view };
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
