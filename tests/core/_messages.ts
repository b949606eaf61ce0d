/** Messages as the core gets them: as if they had been signed and had passed the gate. */
import { createHash } from "node:crypto";
import type { ClientId, Digest, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { Plain } from "../../src/core/io.ts";
import type {
  AnyRequest,
  Batch,
  Message,
  Result,
  Signed,
  SignedRequest,
  Suspicion,
  Verified,
} from "../../src/core/messages/messages.ts";
import type { Query, SignedQuery } from "../../src/core/messages/queries.ts";
import { weakQuorum } from "../../src/core/messages/quorum.ts";

const utf8 = new TextEncoder();
const text = new TextDecoder();

export function pack(value: Plain): Uint8Array {
  return utf8.encode(JSON.stringify(value, (_, v) => v instanceof Uint8Array ? { b: [...v] } : v));
}

export function unpack(bytes: Uint8Array): Plain {
  return JSON.parse(text.decode(bytes), (_, v) => v !== null && Array.isArray(v.b) ? Uint8Array.from(v.b) : v);
}

export function hash(bytes: Uint8Array): Digest {
  return createHash("sha256").update(bytes).digest("hex") as Digest;
}

/** Wraps a message as if it had been signed and had passed the gate. */
export function signed<M extends Message>(message: M): Verified<Signed<M>> {
  return { message, bytes: utf8.encode(JSON.stringify(message)), signature: new Uint8Array(64) } as Verified<Signed<M>>;
}

/** What these say who suspect the primary of the view before. */
export function suspicionsOf(
  view: number,
  replicas: readonly number[],
  executed = 0,
): readonly Verified<Signed<Suspicion>>[] {
  return replicas.map((replica) =>
    signed<Suspicion>({
      kind: "suspicion",
      replica: replica as ReplicaId,
      view: view as View,
      executed: executed as SequenceNumber,
      number: view,
      standing: "suspects",
    })
  );
}

/** A proof that a replica may leave for a view: f + 1 of `n` suspect the primary of the one before. */
export function suspicionsFor(view: number, executed = 0, n = 4): readonly Verified<Signed<Suspicion>>[] {
  return suspicionsOf(view, Array.from({ length: weakQuorum(n) }, (_, replica) => replica), executed);
}

export function signedRequest<R extends AnyRequest>(message: R): Verified<SignedRequest<R>> {
  const bytes = pack(Object.values(message) as Plain[]);
  return { message, bytes, signature: new Uint8Array(64), digest: hash(bytes) } as Verified<SignedRequest<R>>;
}

/** A query for what is under these keys. */
export function signedQuery(nonce: number, keys: readonly string[]): Verified<SignedQuery> {
  const bytes = pack(["query", nonce, ...keys]);
  const operations = keys.map((key) => utf8.encode(key));
  const message: Query = { kind: "query", client: "c".repeat(64) as ClientId, nonce, operations };
  return { message, bytes, signature: new Uint8Array(64), digest: hash(bytes) } as Verified<SignedQuery>;
}

export function batchOf(timestamp: number, requests: readonly SignedRequest[]): Verified<Batch> {
  const bytes = pack([timestamp, requests.map(({ digest }) => digest)]);
  return { digest: hash(bytes), bytes, timestamp, requests } as unknown as Verified<Batch>;
}

/** A result as `status value`. */
export function show({ status, value }: Result): string {
  return `${status} ${text.decode(value)}`;
}
