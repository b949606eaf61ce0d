/**
 * Receipts: proofs of results (PBFT §4.1). A receipt holds a request's signed bytes and f + 1 equal signed replies. It proves to
 * everybody who has the genesis that the cluster gave this result, because one of the f + 1 replicas is correct.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { ClientId, Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { ClientRequest, Reply, Result } from "../../core/messages/messages.ts";
import { weakQuorum } from "../../core/messages/quorum.ts";
import { createWebVerifier, webSha256 } from "../../crypto/web.ts";
import { decodeFrame, pack, unpack } from "../../wire/mod.ts";
import { agree } from "./agreement.ts";
import { ProofError } from "./proof_error.ts";
import { checkReply, type ReplyCheck } from "./reply_gate.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import { epochsOf } from "../epochs/known_epochs.ts";

/** A proof of the result of one operation. */
export interface Receipt {
  /** The frame of the signed request that carried the operation. */
  readonly request: Uint8Array;
  /** The frames of f + 1 signed replies. */
  readonly replies: readonly Uint8Array[];
  /** The index of the operation in the request. */
  readonly index: number;
}

/** The result that a receipt proves. */
export interface ProvenResult {
  /** The public key of the client. */
  readonly client: ClientId;
  /** The client's session. */
  readonly session: number;
  /** The request's timestamp in that session. */
  readonly timestamp: number;
  /** The operation. */
  readonly operation: Uint8Array;
  /** The result of the operation, and its sequence number. */
  readonly result: Result;
  /** The replicas whose signatures prove it, in ascending order. */
  readonly voters: readonly ReplicaId[];
  /** Their names, in the epoch in which they signed. */
  readonly signers: readonly string[];
}

/** A receipt as bytes, to store or send it. */
export function encodeReceipt(receipt: Receipt): Uint8Array {
  return pack([receipt.request, receipt.replies, receipt.index]);
}

/** The inverse of {@linkcode encodeReceipt}. @throws {ProofError} if `bytes` are no receipt. */
export function decodeReceipt(bytes: Uint8Array): Receipt {
  const [request, replies, index, ...more] = list(attempt("receipt", () => unpack(bytes)));
  if (!(request instanceof Uint8Array) || typeof index !== "number" || more.length > 0) {
    throw new ProofError("receipt: expected a request, replies and an index");
  }
  const frames = list(replies).map((frame) => {
    if (!(frame instanceof Uint8Array)) throw new ProofError("receipt: expected replies as bytes");
    return frame;
  });
  return { request, replies: frames, index };
}

/**
 * Verifies a receipt. Uses only the genesis and the receipt. Needs no network.
 *
 * @example
 * ```ts
 * import { type ClusterFile, type Receipt, verifyReceipt } from "@pbft/edge/client";
 * async function audit(cluster: ClusterFile, receipt: Receipt) {
 *   const { operation, result } = await verifyReceipt(cluster, receipt);
 *   console.log(new TextDecoder().decode(operation), "was executed at", result.sequence);
 * }
 * ```
 * `chain`: the links of the epochs after the genesis, if the cluster has changed its members; `client.chain` has them.
 *
 * @throws {ProofError} with the reason, if the receipt proves nothing. `LinkError`, if the chain does not follow from the genesis.
 */
export async function verifyReceipt(
  cluster: { readonly genesis: Genesis },
  receipt: Receipt,
  chain: readonly Uint8Array[] = [],
): Promise<ProvenResult> {
  const epochs = await epochsOf(cluster.genesis, chain);
  const { request, digest } = await verifiedRequest(epochs, receipt);
  const operation = request.operations[receipt.index]!;
  // The stored reply to a retransmission is signed in the epoch in which it is given. The latest epochs come first.
  let reason: unknown;
  for (const epoch of [...epochs].reverse()) {
    try {
      const expected = { digest, results: request.operations.length };
      const replies = await verifiedReplies(epoch, receipt.replies, expected);
      const result = replies[0]!.results[receipt.index]!;
      if (!isPossible(epochs, epoch, result)) throw new ProofError("result: its number is of a later epoch");
      const voters = [...new Set(replies.map(({ replica }) => replica))].sort((a, b) => a - b);
      const { client, session, timestamp } = request;
      const signers = voters.map((id) => epoch.genesis.replicas[id]!.name);
      return { client, session, timestamp, operation, result, voters, signers };
    } catch (error) {
      reason ??= error;
    }
  }
  throw reason;
}

/** Whether replicas of this epoch can have given a result: its number is not above the end of the epoch. */
function isPossible(epochs: readonly Epoch[], { number }: Epoch, { sequence }: Result): boolean {
  const end = epochs[number + 1]?.start?.sequence ?? Infinity;
  return sequence <= end;
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

function attempt<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new ProofError(`${what}: ${error instanceof Error ? error.message : error}`);
  }
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new ProofError("receipt: expected a list");
  return value;
}
