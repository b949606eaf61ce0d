/**
 * Epochs, as somebody knows them who has followed the chain, and the rules for the next configuration.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import { quorum } from "../../core/messages/quorum.ts";
import { SIGNATURE_BYTES } from "../messages/signed_items.ts";
import { fromHex } from "../codec/hex.ts";
import type { SignedKind } from "../messages/domain.ts";
import type { Configuration } from "./configuration.ts";
import type { Epoch } from "./first.ts";

export { type Epoch, firstEpoch } from "./first.ts";

/** A member's signature under a configuration, made with its key of the epoch before. */
export interface Approval {
  /** The member's number in the configuration of the epoch before. */
  readonly member: number;
  /** Ed25519 over the configuration's hash, for the cluster, the next epoch, and the kind `configuration`. */
  readonly signature: Uint8Array;
}

/** Why a configuration is not the next one. */
export type ConfigureRefusal =
  | "malformed" // it can't be read, or breaks a rule of every genesis; the text says which
  | "wrong-cluster"
  | "wrong-epoch" // it is not for the epoch after the present one
  | "wrong-previous" // it continues another configuration than the present one
  | "wrong-name" // the cluster's name can't change
  | "too-few-members" // a cluster has at least 4
  | "unknown-member" // an approval of somebody who is no member, or two of one member
  | "wrong-signature" // an approval that its member did not sign
  | "not-enough-signatures" // approvals of fewer members than a quorum
  | "already-pending" // another configuration has been accepted and will take effect
  | "similar-names" // a new member's name differs from another one's only in case; nobody makes or signs this
  | "no-change"; // it changes nothing but the number of the epoch; nobody makes or signs this

/** A refusal with its reason, for people. */
export class ConfigureError extends Error {
  /** @ignore */
  override name = "ConfigureError";
  /** `reason` for programs; `detail`: the expected and the received value. */
  constructor(readonly reason: ConfigureRefusal, detail: string) {
    super(`${reason}: ${detail}`);
  }
}

/** Checks that a configuration may follow `epoch`. Signatures are not checked here. @throws {ConfigureError} */
export function checkNext(epoch: Epoch, next: Configuration): void {
  const same = (reason: ConfigureRefusal, field: string, expected: unknown, got: unknown) => {
    if (got !== expected) throw new ConfigureError(reason, `${field}: expected ${expected}, got ${got}`);
  };
  same("wrong-cluster", "cluster", epoch.cluster, next.cluster);
  same("wrong-epoch", "epoch", epoch.number + 1, next.epoch);
  same("wrong-previous", "previous", epoch.context, next.previous);
  same("wrong-name", "genesis.name", epoch.genesis.name, next.genesis.name);
  const { length } = next.genesis.replicas;
  if (length < 4) {
    throw new ConfigureError("too-few-members", `genesis.replicas: expected 4 or more members, got ${length}`);
  }
}

/** A signature to verify: by this key, for this context, epoch and kind. */
export interface SignatureCheck {
  readonly publicKey: string;
  readonly context: Digest;
  readonly epoch: number;
  readonly kind: SignedKind;
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * The signatures that approve of the configuration with this hash, to be verified.
 * @throws {ConfigureError} if they are not those of a quorum of distinct members of `epoch`.
 */
export function approvalChecks(epoch: Epoch, hash: Digest, approvals: readonly Approval[]): readonly SignatureCheck[] {
  const { replicas } = epoch.genesis;
  const seen = new Set<number>();
  const checks = approvals.map(({ member, signature }): SignatureCheck => {
    const publicKey = replicas[member]?.publicKey;
    if (publicKey === undefined) {
      throw new ConfigureError("unknown-member", `member: expected 0 to ${replicas.length - 1}, got ${member}`);
    }
    if (seen.has(member)) throw new ConfigureError("unknown-member", `member: expected each once, got ${member} twice`);
    seen.add(member);
    if (signature.length !== SIGNATURE_BYTES) {
      throw new ConfigureError(
        "wrong-signature",
        `signature: expected ${SIGNATURE_BYTES} bytes, got ${signature.length}`,
      );
    }
    return { publicKey, signature, bytes: fromHex(hash), ...approvalContext(epoch) };
  });
  const needed = quorum(replicas.length);
  if (checks.length >= needed) return checks;
  throw new ConfigureError("not-enough-signatures", `expected approvals of ${needed} members, got ${checks.length}`);
}

/** What an approval of the configuration after `epoch` is signed for. */
export function approvalContext({ cluster, number }: Epoch): Pick<SignatureCheck, "context" | "epoch" | "kind"> {
  return { context: cluster, epoch: number + 1, kind: "configuration" };
}

/** The error for a signature that its member did not make. */
export function wrongSignature({ publicKey, kind }: SignatureCheck): ConfigureError {
  return new ConfigureError("wrong-signature", `signature: expected one by key ${publicKey} for this ${kind}`);
}
