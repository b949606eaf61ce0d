/**
 * Verifies archived batches. Loaded by the first {@linkcode verifyArchived}.
 * @module
 */
import type { Genesis } from "../../../core/config.ts";
import type { Commit, Signed } from "../../../core/messages/messages.ts";
import { quorum } from "../../../core/messages/quorum.ts";
import { createWebVerifier, webSha256 } from "../../../crypto/web.ts";
import type { ArchivedBatch } from "../../../node/ports.ts";
import { epochOf } from "../../../wire/epochs/mod.ts";
import { decodeBatch, decodeFrame, wireLimits } from "../../../wire/mod.ts";
import { epochsOf } from "../../epochs/following.ts";
import type { ExecutedBatch } from "../proven.ts";
import { attempt, ProofError } from "../proof_error.ts";

/**
 * The content of a batch that a quorum committed.
 * @throws {ProofError} or {@linkcode LinkError}, as {@linkcode verifyArchived} says.
 */
export async function executedBatch(
  first: Genesis,
  archived: ArchivedBatch,
  chain: readonly Uint8Array[],
): Promise<ExecutedBatch> {
  const { sequence, digest, batch } = archived;
  // The epoch of the number, and no other: a batch that was committed above the end of an epoch was never executed.
  const epoch = epochOf(await epochsOf(first, chain), sequence);
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
  const { signed } = attempt(where, () => decodeFrame(frame, wireLimits(genesis)));
  if (signed.message.kind === "commit") return signed as Signed<Commit>;
  throw new ProofError(`${where}: expected a commit, got a ${signed.message.kind}`);
}

function contentOf(batch: Uint8Array, { limits }: Genesis): Omit<ExecutedBatch, "sequence"> {
  const { timestamp, requests } = attempt("batch", () => decodeBatch(batch, limits));
  return { timestamp, requests };
}
