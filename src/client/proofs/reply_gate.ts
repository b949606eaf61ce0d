/**
 * Verifies the replies to a client's requests and queries.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import { clientSha256 } from "../../crypto/client.ts";
import type { Digest } from "../../core/messages/ids.ts";
import type { Message, QueryReply, Reply } from "../../core/messages/messages.ts";
import type { ClientVerifier } from "../../crypto/client.ts";
import { decodeAnswer } from "../../wire/client/frame.ts";
import type { Frame } from "../../wire/messages/frame_items.ts";
import { leafOf, levelsOf, parentOf, type ReplyPath, rootBytes } from "../../wire/messages/reply_tree.ts";
import { wireLimits } from "../../wire/messages/limits.ts";

/** What a reply is checked against. */
export interface ReplyCheck {
  readonly genesis: Genesis;
  readonly verifier: ClientVerifier;
  readonly expected: {
    /** The digest of the request. */
    readonly digest: Digest;
    /** The number of results that the reply must have. */
    readonly results: number;
  };
}

/**
 * Returns the reply if it is well-formed, a member's, signed by it, and to this request. Otherwise returns its fault.
 */
export async function checkReply(frame: Uint8Array, check: ReplyCheck): Promise<Reply | string> {
  const { digest, results } = check.expected;
  return await checkSigned<Reply>(frame, check, (message) => {
    if (message.kind !== "reply") return `expected a reply, got ${message.kind}`;
    if (message.request !== digest) return "expected a reply to this request, got one to another request";
    return message.results.length === results ? null : `expected ${results} results, got ${message.results.length}`;
  });
}

/**
 * The same for the answer to the query with this digest and so many operations. It may answer only the first of them.
 */
export async function checkQueryReply(
  frame: Uint8Array,
  check: Omit<ReplyCheck, "expected"> & { readonly digest: Digest; readonly operations: number },
): Promise<QueryReply | string> {
  return await checkSigned<QueryReply>(frame, check, (message) => {
    if (message.kind !== "query-reply") return `expected a query-reply, got ${message.kind}`;
    if (message.query !== check.digest) return "expected an answer to this query, got one to another query";
    const { results } = message;
    if (results.length > check.operations) return `expected at most ${check.operations} results, got ${results.length}`;
    const isRefused = results.some(({ status }) => status === "refused");
    return isRefused ? "expected an answer or a rejection, got a refusal" : null;
  });
}

/** `wrong` returns the fault of the content, or `null`. */
async function checkSigned<M extends Reply | QueryReply>(
  frame: Uint8Array,
  { genesis, verifier }: Omit<ReplyCheck, "expected">,
  wrong: (message: Message) => string | null,
): Promise<M | string> {
  let decoded: Frame;
  try {
    decoded = decodeAnswer(frame, wireLimits(genesis));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { signed: { bytes, signature }, path } = decoded;
  const reason = wrong(decoded.signed.message);
  if (reason !== null) return reason;
  const message = decoded.signed.message as M;
  const member = genesis.replicas[message.replica];
  if (member === undefined) return `replica ${message.replica} is not a member`;
  const isSigned = path === undefined
    ? await verifier.verify(member.publicKey, message.kind, bytes, signature)
    : await verifier.verify(member.publicKey, "replies", rootBytes(await rootAt(bytes, path)), signature);
  if (!isSigned) {
    return `expected the signature of ${member.name}, got one that is not valid`;
  }
  return message;
}

/** The root to which a path leads from a reply's bytes. */
async function rootAt(bytes: Uint8Array, path: ReplyPath): Promise<Digest> {
  let digest = await clientSha256(leafOf(bytes));
  for (let level = 0; level < levelsOf(path); level++) digest = await clientSha256(parentOf(digest, path, level));
  return digest;
}
