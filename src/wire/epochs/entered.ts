/**
 * What a member of an epoch says once its store has the state at which the epoch starts. When a quorum has said it, more
 * correct members have that state than may fail, and nobody needs the members of the epoch before any more.
 * @module
 */
import { fromHex } from "../codec/hex.ts";
import type { SignedKind } from "../messages/domain.ts";
import type { Epoch } from "./epoch.ts";
import type { ChainCrypto } from "./link.ts";

/** A member's statement that it has entered an epoch. */
export interface Entered {
  /** The member's number in the epoch. */
  readonly member: number;
  /** Ed25519 over the digest of the state, for the epoch's context and number, and the kind `entered`. */
  readonly signature: Uint8Array;
}

/** The statement of a member of an epoch; `null` in an epoch that starts with an empty state: epoch 0 without an origin. */
export function sayEntered(
  { start }: Pick<Epoch, "start">,
  member: number,
  signer: { sign(kind: SignedKind, bytes: Uint8Array): Uint8Array },
): Entered | null {
  return start && { member, signature: signer.sign("entered", fromHex(start.root)) };
}

/** Whether a member of the epoch has said it. */
export async function hasEntered(
  { genesis, context, number, start }: Epoch,
  { member, signature }: Entered,
  { isSigned }: Pick<ChainCrypto, "isSigned">,
): Promise<boolean> {
  const publicKey = genesis.replicas[member]?.publicKey;
  if (!start || publicKey === undefined) return false;
  const bytes = fromHex(start.root);
  return await isSigned({ publicKey, context, epoch: number, kind: "entered", bytes, signature });
}
