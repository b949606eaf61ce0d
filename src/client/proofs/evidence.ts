/**
 * Checking what `GET /evidence` says. Two messages by which a replica contradicts itself convict it before anybody who knows the
 * genesis, whoever passes them on.
 * @module
 */
import { isContradiction, type Statement } from "../../core/messages/evidence.ts";
import type { Genesis } from "../../core/config.ts";
import type { Digest, ReplicaId, SequenceNumber, View } from "../../core/messages/ids.ts";
import { createWebVerifier, webClusterId } from "../../crypto/web.ts";
import { decodeEvidence, type EvidenceItem, wireLimits } from "../../wire/mod.ts";
import { EvidenceError } from "../errors.ts";

/** What evidence proves: this member signed two messages of which a correct replica signs one. */
export interface Misconduct {
  /** Who. */
  readonly accused: ReplicaId;
  /** Its name in the genesis. */
  readonly name: string;
  /** What it said twice. */
  readonly kind: Statement["kind"];
  /** In which view; `null` for checkpoints. */
  readonly view: View | null;
  /** About which number; `null` for view-changes. */
  readonly sequence: SequenceNumber | null;
  /** The two digests that it named; `null` for view-changes, which name none. */
  readonly digests: readonly [Digest, Digest] | null;
}

/**
 * Checks one item of `GET /evidence` against the genesis alone; nobody is asked, and nothing of the item but its frames is believed.
 *
 * @example
 * ```ts
 * import { type ClusterFile, verifyEvidence } from "@pbft/edge/client";
 * async function audit(cluster: ClusterFile) {
 *   const { evidence } = await (await fetch(`${cluster.urls.Apple}/evidence`)).json();
 *   for (const item of evidence) console.log((await verifyEvidence(cluster, item)).name, "has lied");
 * }
 * ```
 * @throws {EvidenceError} that says why it proves nothing.
 */
export async function verifyEvidence(
  { genesis }: { readonly genesis: Genesis },
  item: EvidenceItem,
): Promise<Misconduct> {
  const { first, second } = decode(item, genesis);
  const { replica, kind } = first.message;
  if (!isContradiction(first, second)) {
    throw new EvidenceError(
      "the messages don't contradict each other: one signer, kind, view and number, and two digests or two view-changes",
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
