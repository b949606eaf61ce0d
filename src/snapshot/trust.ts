/**
 * Whom a reader of snapshots trusts: a genesis, and the chain of epochs as far as the reader knows it.
 * @module
 */
import type { Genesis } from "../core/config.ts";
import type { Digest } from "../core/messages/ids.ts";
import { clusterId } from "../crypto/mod.ts";
import { chainCrypto } from "../node/epochs/cryptography.ts";
import { CRYPTOGRAPHY } from "../node/options.ts";
import { type Epoch, firstEpoch, followChain } from "../wire/epochs/mod.ts";
import { SnapshotError } from "./snapshot_error.ts";

/** What the caller knows of the cluster. */
export interface Trust {
  /** The genesis that the caller trusts. Without it the caller must compare the cluster's id, because anybody can make a genesis. */
  readonly genesis?: Genesis;
  /**
   * Links that the caller knows, from epoch 0 on. A snapshot must agree with them: then keys that were stolen after
   * their epoch prove nothing to this caller.
   */
  readonly chain?: readonly Uint8Array[];
}

/** The epochs to which links lead from a genesis. @throws {SnapshotError} if they do not follow from it. */
export async function epochsOf(
  genesis: Genesis,
  chain: readonly Uint8Array[],
  what = "chain",
): Promise<readonly Epoch[]> {
  try {
    const first = firstEpoch({ genesis, urls: {} }, clusterId(genesis));
    return await followChain(first, chain, chainCrypto(CRYPTOGRAPHY));
  } catch (error) {
    throw new SnapshotError(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** @throws {SnapshotError} if two chains name different configurations for one epoch: one of them is forged. */
export function checkAgreement(known: readonly Epoch[], shown: readonly Epoch[]): void {
  const other = shown.find(({ context }, i) => known[i] && known[i].context !== context);
  if (!other) return;
  throw new SnapshotError(
    `chain: expected the configuration ${
      known[other.number]!.context
    } in epoch ${other.number}, got ${other.context}: ` +
      "the keys of an earlier epoch were misused, or the chain that is trusted is another one",
  );
}

/** @throws {SnapshotError} if a state can't be of this epoch, because the epoch ended before, or with another state. */
export function checkWithin(
  known: readonly Epoch[],
  { number }: Epoch,
  { sequence, root }: { readonly sequence: number; readonly root: Digest },
): void {
  const end = known[number + 1]?.start;
  if (!end || sequence < end.sequence || (sequence === end.sequence && root === end.root)) return;
  throw new SnapshotError(
    sequence > end.sequence
      ? `certificate: expected a number up to ${end.sequence}, where epoch ${number} ended, got ${sequence}`
      : `certificate: expected the state ${end.root} at the end of epoch ${number}, got ${root}`,
  );
}
