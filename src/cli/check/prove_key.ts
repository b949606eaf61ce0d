/**
 * Whether who answers at a URL has the member's key. `/status` is signed by nobody; the answer to a query is.
 * @module
 */
import { boundedBytes } from "./answers.ts";
import type { ClientId, Digest } from "../../core/messages/ids.ts";
import { createSigner, createVerifier, generateKeyPair, sha256 } from "../../crypto/mod.ts";
import { decodeFrame, encodeFrame, encodeMessage, utf8 } from "../../wire/mod.ts";

/** Who is asked. */
export interface ProofOptions {
  /** Its base URL, with a slash at its end. */
  readonly url: string;
  readonly cluster: Digest;
  /** The member's, by the cluster file. */
  readonly publicKey: string;
  readonly timeoutMs: number;
}

/**
 * What came of it: it holds the key; it does not; it serves only some clients, and we are none of them; it gave no answer, as while a
 * view changes.
 */
export type KeyProof = "held" | "not-held" | "refused" | "none";

/** Not admitted, or too often. */
const REFUSED: ReadonlySet<number> = new Set([401, 403, 429]);

/** Asks a question of a client's of its own. */
export async function proveKey({ url, cluster, publicKey, timeoutMs }: ProofOptions): Promise<KeyProof> {
  const { frame, digest } = question(cluster);
  const response = await fetch(new URL("queries", url), {
    method: "POST",
    headers: { "content-type": "application/cbor" },
    body: frame,
    redirect: "manual",
    signal: AbortSignal.timeout(timeoutMs),
  });
  const body = await boundedBytes(response);
  if (response.status !== 200) return REFUSED.has(response.status) ? "refused" : "none";
  try {
    const { message, bytes, signature } = decodeFrame(body).signed;
    // An answer to this very question: whatever else the member has signed, anybody may have kept.
    if (message.kind !== "query-reply" || message.query !== digest) return "not-held";
    return createVerifier(cluster).verify(publicKey, message.kind, bytes, signature) ? "held" : "not-held";
  } catch {
    return "not-held";
  }
}

/** Whatever the state machine says to it, the replica signs. */
function question(cluster: Digest): { readonly frame: Uint8Array<ArrayBuffer>; readonly digest: Digest } {
  const { publicKey, privateKey } = generateKeyPair();
  const nonce = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
  const message = { kind: "query", client: publicKey as ClientId, nonce, operation: utf8("GET check") } as const;
  const bytes = encodeMessage(message);
  const signature = createSigner(privateKey, cluster).sign("query", bytes);
  return { frame: encodeFrame({ message, bytes, signature }), digest: sha256(bytes) };
}
