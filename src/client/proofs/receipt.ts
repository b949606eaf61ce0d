/**
 * Receipts: replies are evidence (PBFT §4.1). A request's signed bytes and f + 1 signed replies that agree prove to
 * anybody who knows the genesis that the cluster gave that answer, since one of the f + 1 is correct.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { ClientId, ReplicaId } from "../../core/messages/ids.ts";
import type { Reply, Result } from "../../core/messages/messages.ts";
import { weakQuorum } from "../../core/messages/quorum.ts";
import { createWebVerifier, webClusterId, webSha256 } from "../../crypto/web.ts";
import { decodeFrame, pack, unpack, wireLimits } from "../../wire/mod.ts";
import { agree } from "./agreement.ts";
import { checkReply } from "./reply_gate.ts";

/** Proof of what became of one operation. */
export interface Receipt {
  /** The frame of the signed request in which the operation travelled. */
  readonly request: Uint8Array;
  /** The frames of f + 1 signed replies. */
  readonly replies: readonly Uint8Array[];
  /** Which of the request's operations this is about. */
  readonly index: number;
}

/** What a receipt proves. */
export interface Evidence {
  /** Who asked: its public key. */
  readonly client: ClientId;
  /** The client's session. */
  readonly session: number;
  /** The request's place in that session. */
  readonly timestamp: number;
  /** What was asked. */
  readonly operation: Uint8Array;
  /** What came of it, and at which sequence number. */
  readonly result: Result;
  /** The replicas whose signatures prove it, ascending. */
  readonly voters: readonly ReplicaId[];
}

/** A receipt as bytes, to be stored or sent. */
export function encodeReceipt(receipt: Receipt): Uint8Array {
  return pack([receipt.request, receipt.replies, receipt.index]);
}

/** The inverse of {@linkcode encodeReceipt}. @throws {ReceiptError} if `bytes` are no receipt. */
export function decodeReceipt(bytes: Uint8Array): Receipt {
  const [request, replies, index, ...more] = list(attempt("receipt", () => unpack(bytes)));
  if (!(request instanceof Uint8Array) || typeof index !== "number" || more.length > 0) {
    throw new ReceiptError("receipt: expected a request, replies and an index");
  }
  const frames = list(replies).map((frame) => {
    if (!(frame instanceof Uint8Array)) throw new ReceiptError("receipt: expected replies as bytes");
    return frame;
  });
  return { request, replies: frames, index };
}

/**
 * Checks a receipt against the genesis alone; nobody is asked.
 *
 * @example
 * ```ts
 * import { type ClusterFile, type Receipt, verifyReceipt } from "@pbft/edge/client";
 * async function audit(cluster: ClusterFile, receipt: Receipt) {
 *   const { operation, result } = await verifyReceipt(cluster, receipt);
 *   console.log(new TextDecoder().decode(operation), "was executed at", result.sequence);
 * }
 * ```
 * @throws {ReceiptError} that says why it proves nothing.
 */
export async function verifyReceipt(cluster: { readonly genesis: Genesis }, receipt: Receipt): Promise<Evidence> {
  const { genesis } = cluster;
  const verifier = createWebVerifier(await webClusterId(genesis));
  const { message: request, bytes, signature } = attempt(
    "request",
    () => decodeFrame(receipt.request, wireLimits(genesis)).signed,
  );
  if (request.kind !== "request") throw new ReceiptError(`request: expected a signed request, got ${request.kind}`);
  const operation = request.operations[receipt.index];
  if (operation === undefined) throw new ReceiptError(`index: the request has no operation ${receipt.index}`);
  if (!await verifier.verify(request.client, "request", bytes, signature)) {
    throw new ReceiptError("request: the client's signature does not fit");
  }
  const expected = { digest: await webSha256(bytes), results: request.operations.length };
  const replies: Reply[] = [];
  for (const frame of receipt.replies) {
    const reply = await checkReply(frame, { genesis, verifier, expected });
    if (typeof reply === "string") throw new ReceiptError(`reply ${replies.length}: ${reply}`);
    if (!agree(reply, replies[0] ?? reply)) throw new ReceiptError("the replies do not agree");
    replies.push(reply);
  }
  const voters = [...new Set(replies.map(({ replica }) => replica))].sort((a, b) => a - b);
  const needed = weakQuorum(genesis.replicas.length);
  if (voters.length < needed) {
    throw new ReceiptError(`replies: expected ${needed} different replicas', got ${voters.length}`);
  }
  const { client, session, timestamp } = request;
  return { client, session, timestamp, operation, result: replies[0]!.results[receipt.index]!, voters };
}

function attempt<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new ReceiptError(`${what}: ${error instanceof Error ? error.message : error}`);
  }
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new ReceiptError("receipt: expected a list");
  return value;
}
/** A receipt doesn't prove what it should. */
export class ReceiptError extends Error {
  /** "ReceiptError". */
  override readonly name: string = "ReceiptError";
}
