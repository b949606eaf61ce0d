/**
 * Verifies receipts. Loaded by the first {@linkcode verifyReceipt}.
 * @module
 */
import type { Genesis } from "../../../core/config.ts";
import type { Digest } from "../../../core/messages/ids.ts";
import type { ClientRequest, Reply, Result } from "../../../core/messages/messages.ts";
import { weakQuorum } from "../../../core/messages/quorum.ts";
import { createWebVerifier, webSha256 } from "../../../crypto/web.ts";
import { endOf } from "../../../wire/epochs/chain.ts";
import type { Epoch } from "../../../wire/epochs/epoch.ts";
import { decodeFrame } from "../../../wire/messages/frame.ts";
import { epochsOf } from "../../epochs/following.ts";
import { agree } from "../agreement.ts";
import { attempt, ProofError } from "../proof_error.ts";
import type { ProvenResult, Receipt } from "../proven.ts";
import { checkReply, type ReplyCheck } from "../reply_gate.ts";
import { latestFirst } from "./latest_first.ts";

/**
 * The result that a receipt proves.
 * @throws {ProofError} or {@linkcode LinkError}, as {@linkcode verifyReceipt} says.
 */
export async function provenResult(
  genesis: Genesis,
  receipt: Receipt,
  chain: readonly Uint8Array[],
): Promise<ProvenResult> {
  const epochs = await epochsOf(genesis, chain);
  const { request, digest } = await verifiedRequest(epochs, receipt);
  const operation = request.operations[receipt.index]!;
  // The stored reply to a retransmission is signed in the epoch in which it is given.
  return await latestFirst(epochs, async (epoch) => {
    const expected = { digest, results: request.operations.length };
    const replies = await verifiedReplies(epoch, receipt.replies, expected);
    const result = replies[0]!.results[receipt.index]!;
    if (!isPossible(epochs, epoch, result)) throw new ProofError("result: its number is of a later epoch");
    const voters = [...new Set(replies.map(({ replica }) => replica))].sort((a, b) => a - b);
    const { client, session, timestamp } = request;
    const signers = voters.map((id) => epoch.genesis.replicas[id]!.name);
    return { client, session, timestamp, operation, result, voters, signers };
  });
}

/** Whether replicas of this epoch can have given a result: its number is not above the end of the epoch. */
function isPossible(epochs: readonly Epoch[], epoch: Epoch, { sequence }: Result): boolean {
  return sequence <= (endOf(epochs, epoch)?.sequence ?? Infinity);
}

async function verifiedRequest(
  epochs: readonly Epoch[],
  receipt: Receipt,
): Promise<{ readonly request: ClientRequest; readonly digest: Digest }> {
  const verifier = createWebVerifier(epochs[0]!.cluster);
  const largest = (name: "maxRequestBytes" | "maxRequestOperations") =>
    Math.max(...epochs.map(({ genesis: { limits } }) => limits[name]));
  const limits = { maxRequestBytes: largest("maxRequestBytes"), maxRequestOperations: largest("maxRequestOperations") };
  const { message: request, bytes, signature } = attempt(
    "request",
    () => decodeFrame(receipt.request, limits).signed,
  );
  if (request.kind !== "request") throw new ProofError(`request: expected a signed request, got ${request.kind}`);
  if (request.operations[receipt.index] === undefined) {
    throw new ProofError(`index: the request has no operation ${receipt.index}`);
  }
  if (!await verifier.verify(request.client, "request", bytes, signature)) {
    throw new ProofError("request: expected the client's signature, got one that is not valid");
  }
  return { request, digest: await webSha256(bytes) };
}

async function verifiedReplies(
  { genesis, context, number }: Epoch,
  frames: readonly Uint8Array[],
  expected: ReplyCheck["expected"],
): Promise<readonly Reply[]> {
  const verifier = createWebVerifier(context, number);
  const replies: Reply[] = [];
  for (const frame of frames) {
    const reply = await checkReply(frame, { genesis, verifier, expected });
    if (typeof reply === "string") throw new ProofError(`reply ${replies.length}: ${reply}`);
    if (!agree(reply, replies[0] ?? reply)) {
      throw new ProofError("replies: expected equal results, but they do not agree");
    }
    replies.push(reply);
  }
  const voters = new Set(replies.map(({ replica }) => replica)).size;
  const needed = weakQuorum(genesis.replicas.length);
  if (voters >= needed) return replies;
  throw new ProofError(`replies: expected ${needed} different replicas, got ${voters}`);
}
