/**
 * The client's gate: which frames count as a replica's reply to a request.
 * @module
 */
import type { Genesis } from "../core/config.ts";
import type { Digest } from "../core/ids.ts";
import type { Reply } from "../core/messages.ts";
import type { WebVerifier } from "../crypto/web.ts";
import { decodeFrame, type Frame, wireLimits } from "../wire/mod.ts";

/** What a reply must fit. */
export interface ReplyCheck {
  readonly genesis: Genesis;
  readonly verifier: WebVerifier;
  readonly expected: {
    /** The request's. */
    readonly digest: Digest;
    /** How many results it must have. */
    readonly results: number;
  };
}

/** The reply if it is well-formed, a member's, signed by it and about that request; otherwise what is wrong. */
export async function checkReply(frame: Uint8Array, check: ReplyCheck): Promise<Reply | string> {
  let decoded: Frame;
  try {
    decoded = decodeFrame(frame, wireLimits(check.genesis));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { message, bytes, signature } = decoded.signed;
  if (message.kind !== "reply") return `expected a reply, got ${message.kind}`;
  const member = check.genesis.replicas[message.replica];
  if (member === undefined) return `replica ${message.replica} is not a member`;
  const { digest, results } = check.expected;
  if (message.request !== digest) return "it is about another request";
  if (message.results.length !== results) return `expected ${results} results, got ${message.results.length}`;
  if (!await check.verifier.verify(member.publicKey, "reply", bytes, signature)) return "its signature does not fit";
  return message;
}
