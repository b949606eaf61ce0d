/**
 * Verifies evidence. Loaded by the first {@linkcode verifyEvidence}.
 * @module
 */
import type { Genesis } from "../../../core/config.ts";
import { isContradiction } from "../../../core/messages/evidence.ts";
import { createWebVerifier } from "../../../crypto/web.ts";
import type { Epoch } from "../../../wire/epochs/mod.ts";
import { decodeEvidence, type EvidenceItem, wireLimits } from "../../../wire/mod.ts";
import { epochsOf } from "../../epochs/following.ts";
import { EvidenceError } from "../../errors.ts";
import type { Misconduct } from "../proven.ts";
import { latestFirst } from "./latest_first.ts";

/** The misconduct that an item proves. @throws {EvidenceError} as {@linkcode verifyEvidence} says. */
export async function misconductIn(
  genesis: Genesis,
  item: EvidenceItem,
  chain: readonly Uint8Array[],
): Promise<Misconduct> {
  return await misconductAmong(await epochsOf(genesis, chain), item);
}

/**
 * The misconduct that an item proves in one of these epochs. Whoever has many items follows the chain once, and calls
 * this.
 * @throws {EvidenceError} as {@linkcode verifyEvidence} says.
 */
export async function misconductAmong(epochs: readonly Epoch[], item: EvidenceItem): Promise<Misconduct> {
  // The signatures say of which epoch it is. Both messages must be signed for the same one.
  return await latestFirst(epochs, (epoch) => convictedIn(epoch, item));
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
