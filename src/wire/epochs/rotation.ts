/**
 * Rotations: proposals that change nothing but the key of one member, and that this member has approved of itself. A
 * member may approve of such proposals without its operator, because they give nobody anything that he has not: whoever
 * can make one holds that member's present key, and so speaks for it already.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import { fromHex } from "../codec/hex.ts";
import { encodeConfiguration } from "./configuration.ts";
import { approvalContext, checkNext, ConfigureError, type Epoch } from "./epoch.ts";
import type { ChainCrypto } from "./link.ts";
import { type Proposal, propose } from "./proposal.ts";

/** A rotation. */
export interface Rotation {
  /** The member's name. */
  readonly name: string;
  /** Its key from the next epoch on. */
  readonly publicKey: string;
  /** The configuration's hash. */
  readonly hash: Digest;
}

/** A proposal that only gives a member another key, without approvals. @throws {TypeError} if the key can't be one. */
export function proposeRotation(epoch: Epoch, name: string, publicKey: string): Proposal {
  const replicas = epoch.genesis.replicas.map((member) => member.name === name ? { ...member, publicKey } : member);
  return propose(epoch, { replicas });
}

/**
 * Checks that a proposal is a rotation after `epoch`, approved by the member whose key it changes.
 * @throws {ConfigureError} that names the other changes, or the missing part.
 */
export async function checkRotation(epoch: Epoch, proposal: Proposal, by: ChainCrypto): Promise<Rotation> {
  const { configuration, approvals } = proposal;
  checkNext(epoch, configuration);
  const { replicas } = epoch.genesis;
  const next = configuration.genesis.replicas;
  const changed = next.filter(({ name, publicKey }, i) =>
    replicas[i]?.name === name && replicas[i]!.publicKey !== publicKey
  );
  const [member] = changed;
  if (changed.length !== 1 || !member) {
    throw new ConfigureError("malformed", `replicas: expected a new key of one member, got ${changed.length} new keys`);
  }
  const hash = await by.hash(encodeConfiguration(configuration));
  // All else is what this member itself would propose: also the URLs, which are hints that a liar could spoil.
  const expected = proposeRotation(epoch, member.name, member.publicKey).configuration;
  if (await by.hash(encodeConfiguration(expected)) !== hash) {
    throw new ConfigureError("malformed", `expected no other change than the key of ${member.name}, got further ones`);
  }
  const signature = Object.hasOwn(approvals, member.name) ? approvals[member.name]! : "";
  const { publicKey } = replicas.find(({ name }) => name === member.name)!;
  const check = { publicKey, bytes: fromHex(hash), signature: fromHex(signature), ...approvalContext(epoch) };
  if (signature !== "" && await by.isSigned(check)) return { ...member, hash };
  throw new ConfigureError("wrong-signature", `approvals.${member.name}: expected one by its present key`);
}
