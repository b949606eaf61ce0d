/**
 * Verifies a batch from a replica's archive: that a quorum committed it at its sequence number.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Millis, SequenceNumber } from "../../core/messages/ids.ts";
import type { AnyRequest, Commit, Signed } from "../../core/messages/messages.ts";
import { quorum } from "../../core/messages/quorum.ts";
import { createWebVerifier, webSha256 } from "../../crypto/web.ts";
import type { ArchivedBatch } from "../../node/ports.ts";
import { decodeBatch, decodeFrame, wireLimits } from "../../wire/mod.ts";
import { epochOf } from "../../wire/epochs/mod.ts";
import { epochsOf } from "../epochs/known_epochs.ts";
import { ProofError } from "./proof_error.ts";

/** The content of a verified batch. */
export interface ExecutedBatch {
  /** Its sequence number. */
  readonly sequence: SequenceNumber;
  /** The time that the replicas agreed on for it, Unix ms; 0 for a null request. */
  readonly timestamp: Millis;
  /** The signed requests of clients and gateways, in order. Some may have been executed before, or refused. */
  readonly requests: readonly Signed<AnyRequest>[];
}

/**
 * Verifies an archived batch: that a quorum of the genesis's replicas committed it at its sequence number. Needs no network.
 *
 * @example
 * ```ts
 * import { type ArchivedBatch, type ClusterFile, verifyArchived } from "@pbft/edge/client";
 * async function audit(cluster: ClusterFile, archive: readonly ArchivedBatch[]) {
 *   for (const archived of archive) {
 *     const { sequence, requests } = await verifyArchived(cluster, archived);
 *     console.log(sequence, requests.length);
 *   }
 * }
 * ```
 * `chain`: the links of the epochs after the genesis, if the cluster has changed its members.
 *
 * @throws {ProofError} with the reason, if the batch is not proven. `LinkError`, if the chain does not follow from the genesis.
 */
export async function verifyArchived(
  cluster: { readonly genesis: Genesis },
  archived: ArchivedBatch,
  chain: readonly Uint8Array[] = [],
): Promise<ExecutedBatch> {
  const { sequence, digest, batch } = archived;
  // The epoch of the number, and no other: what was committed above the end of an epoch was never executed.
  const epoch = epochOf(await epochsOf(cluster.genesis, chain), sequence);
  if (!epoch) throw new ProofError(`sequence: expected a number above 0, got ${sequence}`);
  const { genesis } = epoch;
  const hash = await webSha256(batch);
  if (hash !== digest) throw new ProofError(`digest: expected ${hash}, the batch's, got ${digest}`);
  const commits = archived.commits.map((frame, index) => commitIn(frame, genesis, `commits[${index}]`));
  const needed = quorum(genesis.replicas.length);
  const signers = new Set(commits.map(({ message }) => message.replica));
  if (signers.size !== commits.length || commits.length < needed) {
    throw new ProofError(`commits: expected one each of ${needed} replicas, got ${commits.length} of ${signers.size}`);
  }
  const verifier = createWebVerifier(epoch.context, epoch.number);
  for (const { message, bytes, signature } of commits) {
    const member = genesis.replicas[message.replica];
    if (!member) throw new ProofError(`replica ${message.replica} is not a member`);
    const { view, sequence: at, digest: what } = message;
    if (view !== commits[0]!.message.view || at !== sequence || what !== digest) {
      throw new ProofError(
        `${member.name} commits ${what} at ${at} in view ${view}, not this batch as the others do`,
      );
    }
    if (await verifier.verify(member.publicKey, "commit", bytes, signature)) continue;
    throw new ProofError(`a signature is not ${member.name}'s for a commit in this cluster`);
  }
  return { sequence, ...contentOf(batch, genesis) };
}

function commitIn(frame: Uint8Array, genesis: Genesis, where: string): Signed<Commit> {
  const { signed } = decoded(where, () => decodeFrame(frame, wireLimits(genesis)));
  if (signed.message.kind === "commit") return signed as Signed<Commit>;
  throw new ProofError(`${where}: expected a commit, got a ${signed.message.kind}`);
}

function contentOf(batch: Uint8Array, { limits }: Genesis): Omit<ExecutedBatch, "sequence"> {
  const { timestamp, requests } = decoded("batch", () => decodeBatch(batch, limits));
  return { timestamp, requests };
}

function decoded<T>(where: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new ProofError(`${where}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
