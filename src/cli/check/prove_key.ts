/**
 * Checks whether the server at a URL holds the member's key. `/status` is not signed, but the answer to a query is.
 * @module
 */
import { ask, MAX_ANSWER_BYTES } from "./answers.ts";
import type { ClientId, Digest } from "../../core/messages/ids.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import { createSigner, createVerifier, generateKeyPair, sha256 } from "../../crypto/mod.ts";
import { decodeFrame, encodeFrame, encodeMessage, readUncompressed, utf8 } from "../../wire/mod.ts";

/** The member to check. */
export interface ProofOptions {
  /** Its base URL, with a slash at its end. */
  readonly url: string;
  /** The epoch that it is to be in. */
  readonly epoch: Epoch;
  /** The member's public key in that epoch. */
  readonly publicKey: string;
  readonly timeoutMs: number;
}

/**
 * The result: it holds the key (`held`); it does not (`not-held`); it serves only some clients, and not this one
 * (`refused`); it gave no answer, as during a view change (`none`).
 */
export type KeyProof = "held" | "not-held" | "refused" | "none";

/** The HTTP statuses for a client that is not admitted, or sends too many requests. */
const REFUSED: ReadonlySet<number> = new Set([401, 403, 429]);

/** Sends a query with a new client key. */
export async function proveKey({ url, epoch, publicKey, timeoutMs }: ProofOptions): Promise<KeyProof> {
  const { frame, digest } = question(epoch.cluster);
  const response = await ask(new URL("queries", url), {
    method: "POST",
    headers: { "content-type": "application/cbor" },
    body: frame,
    timeoutMs,
  });
  const body = await readUncompressed(response, MAX_ANSWER_BYTES);
  if (response.status !== 200) return REFUSED.has(response.status) ? "refused" : "none";
  try {
    const { message, bytes, signature } = decodeFrame(body).signed;
    // It must answer this very query: anybody may have kept other messages that the member signed.
    if (message.kind !== "query-reply" || message.query !== digest) return "not-held";
    return createVerifier(epoch.context, epoch.number).verify(publicKey, message.kind, bytes, signature)
      ? "held"
      : "not-held";
  } catch {
    return "not-held";
  }
}

/** A query that is signed with a new key. Whatever the state machine answers, the replica signs the answer. */
function question(cluster: Digest): { readonly frame: Uint8Array<ArrayBuffer>; readonly digest: Digest } {
  const { publicKey, privateKey } = generateKeyPair();
  const nonce = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
  const message = { kind: "query", client: publicKey as ClientId, nonce, operations: [utf8("GET check")] } as const;
  const bytes = encodeMessage(message);
  const signature = createSigner(privateKey, cluster).sign("query", bytes);
  return { frame: encodeFrame({ message, bytes, signature }), digest: sha256(bytes) };
}
