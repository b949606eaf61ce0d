/**
 * Whether who answers at a URL has the member's key. `/status` is signed by nobody; the answer to a query is.
 * @module
 */
import type { ClientId, Digest } from "../core/ids.ts";
import { createSigner, createVerifier, generateKeyPair } from "../crypto/mod.ts";
import { decodeFrame, encodeFrame, encodeMessage, utf8 } from "../wire/mod.ts";

/** Who is asked. */
export interface ProofOptions {
  readonly url: string;
  readonly cluster: Digest;
  /** The member's, by the cluster file. */
  readonly publicKey: string;
  readonly timeoutMs: number;
}

/** Asks a question of a client's of its own. `null`: it gave no answer, as when a view changes or only some clients are admitted. */
export async function hasKey({ url, cluster, publicKey, timeoutMs }: ProofOptions): Promise<boolean | null> {
  const response = await fetch(new URL("queries", url.endsWith("/") ? url : `${url}/`), {
    method: "POST",
    headers: { "content-type": "application/cbor" },
    body: question(cluster),
    redirect: "manual",
    signal: AbortSignal.timeout(timeoutMs),
  });
  const body = new Uint8Array(await response.arrayBuffer());
  if (response.status !== 200) return null;
  try {
    const { message, bytes, signature } = decodeFrame(body).signed;
    return createVerifier(cluster).verify(publicKey, message.kind, bytes, signature);
  } catch {
    return false;
  }
}

/** Whatever the state machine says to it, the replica signs. */
function question(cluster: Digest): Uint8Array<ArrayBuffer> {
  const { publicKey, privateKey } = generateKeyPair();
  const nonce = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
  const message = { kind: "query", client: publicKey as ClientId, nonce, operation: utf8("GET check") } as const;
  const bytes = encodeMessage(message);
  const signature = createSigner(privateKey, cluster).sign("query", bytes);
  return encodeFrame({ message, bytes, signature });
}
