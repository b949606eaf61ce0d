/**
 * The rules for the next configuration, written independently of those by which replicas decide.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import { decodeConfiguration, decodeConfigure } from "../../wire/epochs/mod.ts";
import { fromHex } from "../../wire/mod.ts";
import { quorumOf } from "../invariants/paper.ts";
import type { WorldBase } from "../world/world_base.ts";

/** A configuration that may follow on an epoch. */
export interface Valid {
  readonly hash: Digest;
  /** The version of the state machine that it wants. */
  readonly version: string;
}

/** The fault of a `configure` operation in an epoch, for people; or the hash of its configuration. */
export function judge({ epoch, crypto }: Pick<WorldBase, "epoch" | "crypto">, operation: Uint8Array): Valid | string {
  try {
    const { configuration, approvals } = decodeConfigure(operation);
    const next = decodeConfiguration(configuration);
    const { cluster, number, context, genesis } = epoch;
    if (next.cluster !== cluster || next.previous !== context) return "it does not follow on this epoch";
    if (next.epoch !== number + 1) return `it is for epoch ${next.epoch}`;
    if (next.genesis.replicas.length < 4) return `it has ${next.genesis.replicas.length} members`;
    const hash = crypto.hash(configuration);
    const verifier = crypto.createVerifier(cluster, number + 1);
    const by = new Set<string>();
    for (const { member, signature } of approvals) {
      const { publicKey } = genesis.replicas[member] ?? {};
      if (publicKey === undefined || by.has(publicKey)) return `member ${member} is nobody, or approves twice`;
      if (!verifier.verify(publicKey, "configuration", fromHex(hash), signature)) return `${member} has not signed it`;
      by.add(publicKey);
    }
    return by.size >= quorumOf(genesis.replicas.length)
      ? { hash, version: next.genesis.stateMachine }
      : `${by.size} members approve of it`;
  } catch (error) {
    return `it can't be read: ${error}`;
  }
}
