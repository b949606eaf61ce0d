/**
 * Frames become verified inputs, or rejections with a reason. Nothing that is malformed, over a limit, forged or from a
 * stranger gets past, and nothing of it throws.
 * @module
 */
import type { Genesis } from "../core/config.ts";
import type { Digest, ReplicaId } from "../core/ids.ts";
import type { FetchedBlob, MessageInput } from "../core/io.ts";
import type {
  AnyRequest,
  Batch,
  Blobs,
  Decision,
  Fetch,
  Message,
  MessageKind,
  NewView,
  PrePrepare,
  Query,
  Reply,
  Signed,
  SignedRequest,
  StableCheckpoint,
  Verified,
  ViewChange,
} from "../core/messages.ts";
import type { SignedQuery } from "../core/query_messages.ts";
import { sha256 } from "../crypto/mod.ts";
import { decodeBatch, DecodeError, decodeFrame, frameKind, wireLimits } from "../wire/mod.ts";
import { withDigest } from "./environment.ts";
import type { Rejection, RejectionReason, Verifier } from "./ports.ts";
import { VerifiedMessages } from "./verified_messages.ts";

/** What passed the gate, and who is to have it. */
export type Passed =
  | { readonly to: "core"; readonly kind: MessageKind; readonly from: ReplicaId | null; readonly input: MessageInput }
  | {
    readonly to: "gateway";
    readonly kind: "reply";
    readonly from: ReplicaId;
    readonly reply: Verified<Signed<Reply>>;
  }
  | { readonly to: "queries"; readonly kind: "query"; readonly from: null; readonly query: Verified<SignedQuery> }
  | { readonly to: "blobs"; readonly kind: "fetch"; readonly from: ReplicaId; readonly fetch: Verified<Signed<Fetch>> };

/** What a gate needs. */
export interface GateOptions {
  readonly genesis: Genesis;
  readonly verifier: Verifier;
  /** Requests to remember as verified. */
  readonly maxVerifiedRequests: number;
  readonly hash?: (bytes: Uint8Array) => Digest;
}

/** A frame that doesn't pass; never leaves this file. */
class Refused extends Error {
  constructor(readonly reason: RejectionReason, detail: string) {
    super(detail);
  }
}

/** The gate of one cluster. What it lets pass depends on the frame and the genesis only. */
export class Gate {
  readonly #genesis: Genesis;
  readonly #verifier: Verifier;
  readonly #limits: ReturnType<typeof wireLimits>;
  readonly #verified: VerifiedMessages;
  /** What certificates are made of comes once by itself and then again in each of them: in a view change all at once. */
  readonly #verifiedVotes: VerifiedMessages;
  readonly #hash: (bytes: Uint8Array) => Digest;

  constructor({ genesis, verifier, maxVerifiedRequests, hash = sha256 }: GateOptions) {
    this.#genesis = genesis;
    this.#verifier = verifier;
    this.#hash = hash;
    this.#limits = wireLimits(genesis);
    this.#verified = new VerifiedMessages(maxVerifiedRequests);
    // Two views' pre-prepares and prepares for each number between the watermarks.
    this.#verifiedVotes = new VerifiedMessages(2 * genesis.replicas.length * genesis.logWindow);
  }

  /** Checks one frame. `accept`: the kinds that are taken where it came in; all if absent. */
  check(frame: Uint8Array, accept?: readonly MessageKind[]): Passed | Rejection {
    const kind = frameKind(frame);
    // A query without anybody who waits for the answer, or a client's answer, is of no use here.
    if (kind === "query-reply" || (kind === "query" && !accept)) {
      return { reason: "not-accepted-here", kind, detail: `kind: expected no ${kind} here` };
    }
    if (accept && kind !== "unknown" && !accept.includes(kind)) {
      return { reason: "not-accepted-here", kind, detail: `kind: expected ${accept.join(" or ")}, got ${kind}` };
    }
    return this.judge(frame, kind);
  }

  /** What becomes of a frame wherever it came in. */
  protected judge(frame: Uint8Array, kind: MessageKind | "unknown"): Passed | Rejection {
    try {
      const { signed, batchBytes } = decodeFrame(ownBytes(frame), this.#limits);
      return this.#pass(signed, batchBytes);
    } catch (error) {
      if (error instanceof Refused) return { reason: error.reason, kind, detail: error.message };
      if (error instanceof DecodeError) {
        return { reason: error.tooLarge ? "too-large" : "malformed", kind, detail: error.message };
      }
      throw error;
    }
  }

  /** Reads a batch's body and verifies all that is in it; the digest is the caller's affair. */
  batch(bytes: Uint8Array, digest: Digest): Verified<Batch> | Rejection {
    try {
      return this.#batch(bytes, digest);
    } catch (error) {
      if (error instanceof Refused) return { reason: error.reason, kind: "pre-prepare", detail: error.message };
      if (error instanceof DecodeError) return { reason: "malformed", kind: "pre-prepare", detail: error.message };
      throw error;
    }
  }

  /** Notes a request of our own: it will come back in a batch. */
  remember({ message, digest, signature }: Verified<SignedRequest>): void {
    this.#verified.add(message.kind, digest, signature);
  }

  #pass(signed: Signed, batchBytes: Uint8Array | undefined): Passed {
    const { message } = signed;
    switch (message.kind) {
      case "request":
      case "vouched-request": {
        const request = this.#request(signed as Signed<AnyRequest>);
        const from = message.kind === "request" ? null : message.gateway;
        return { to: "core", kind: message.kind, from, input: { kind: "request", request } };
      }
      case "pre-prepare": {
        const prePrepare = this.#verifyVote<PrePrepare>(signed);
        const input = batchBytes === undefined
          ? { kind: "pre-prepare" as const, prePrepare }
          : { kind: "pre-prepare" as const, prePrepare, batch: this.#batchOf(message.digest, batchBytes) };
        return { to: "core", kind: message.kind, from: message.replica, input };
      }
      case "prepare":
        return this.#core(message, { kind: "prepare", prepare: this.#verifyVote(signed) });
      case "commit":
        return this.#core(message, { kind: "commit", commit: this.#verify(signed) });
      case "decision": {
        const decision = this.#verify<Decision>(signed);
        for (const commit of decision.message.commits) this.#verify(commit);
        return this.#core(message, { kind: "decision", decision });
      }
      case "checkpoint":
        return this.#core(message, { kind: "checkpoint", checkpoint: this.#verifyVote(signed) });
      case "stable-checkpoint": {
        const stable = this.#verify<StableCheckpoint>(signed);
        for (const checkpoint of stable.message.checkpoints) this.#verify(checkpoint);
        return this.#core(message, { kind: "stable-checkpoint", stable });
      }
      case "view-change":
        return this.#core(message, { kind: "view-change", viewChange: this.#viewChange(signed) });
      case "new-view":
        return this.#core(message, { kind: "new-view", newView: this.#newView(signed) });
      case "status":
        return this.#core(message, { kind: "status", status: this.#verify(signed) });
      case "blobs":
        this.#verify(signed);
        return this.#core(message, { kind: "blobs", from: message.replica, blobs: this.#blobs(message) });
      case "query":
        return { to: "queries", kind: "query", from: null, query: this.#query(signed as Signed<Query>) };
      case "query-reply":
        throw new Refused("not-accepted-here", "kind: expected no query-reply here");
      case "reply":
        return { to: "gateway", kind: "reply", from: message.replica, reply: this.#verify(signed) };
      case "fetch":
        return { to: "blobs", kind: "fetch", from: message.replica, fetch: this.#verify(signed) };
    }
  }

  #core({ kind, replica }: { kind: MessageKind; replica: ReplicaId }, input: MessageInput): Passed {
    return { to: "core", kind, from: replica, input };
  }

  #verify<M extends Message>(signed: Signed): Verified<Signed<M>> {
    const { message, bytes, signature } = signed;
    const signer = this.#keyOf(message);
    if (!this.#verifier.verify(signer, message.kind, bytes, signature)) {
      throw new Refused("wrong-signature", `signature: not ${signer}'s for this ${message.kind} in this cluster`);
    }
    return signed as Verified<Signed<M>>;
  }

  /** As {@linkcode #verify}, of what is likely to come again. `within`: verifies what it carries, the first time. */
  #verifyVote<M extends Message>(signed: Signed, within: (message: M) => void = () => {}): Verified<Signed<M>> {
    const { message, bytes, signature } = signed;
    const digest = this.#hash(bytes);
    if (this.#verifiedVotes.has(message.kind, digest, signature)) return signed as Verified<Signed<M>>;
    const verified = this.#verify<M>(signed);
    within(verified.message);
    this.#verifiedVotes.add(message.kind, digest, signature);
    return verified;
  }

  /** The outer signature first: only a member can make us check all that is within. */
  #viewChange(signed: Signed): Verified<Signed<ViewChange>> {
    return this.#verifyVote<ViewChange>(signed, ({ stable, prepared }) => {
      for (const checkpoint of stable) this.#verifyVote(checkpoint);
      for (const { prePrepare, prepares } of prepared) {
        for (const vote of [prePrepare, ...prepares]) this.#verifyVote(vote);
      }
    });
  }

  #newView(signed: Signed): Verified<Signed<NewView>> {
    return this.#verifyVote<NewView>(signed, ({ viewChanges, prePrepares }) => {
      for (const viewChange of viewChanges) this.#viewChange(viewChange);
      for (const prePrepare of prePrepares) this.#verifyVote(prePrepare);
    });
  }

  #keyOf(message: Message): string {
    if (message.kind === "request" || message.kind === "query") return message.client;
    const id = message.kind === "vouched-request" ? message.gateway : message.replica;
    const member = this.#genesis.replicas[id];
    if (member) return member.publicKey;
    const field = message.kind === "vouched-request" ? "gateway" : "replica";
    throw new Refused("unknown-signer", `${field}: expected 0 to ${this.#genesis.replicas.length - 1}, got ${id}`);
  }

  #request(signed: Signed<AnyRequest>): Verified<SignedRequest> {
    const request = withDigest(signed, this.#hash);
    const { message, digest, signature } = request;
    this.#keyOf(message);
    if (!this.#verified.has(message.kind, digest, signature)) {
      this.#verify(signed);
      this.#verified.add(message.kind, digest, signature);
    }
    return request as Verified<SignedRequest>;
  }

  #query(signed: Signed<Query>): Verified<SignedQuery> {
    this.#verify(signed);
    return withDigest(signed, this.#hash) as Verified<SignedQuery>;
  }

  #batchOf(expected: Digest, bytes: Uint8Array): Verified<Batch> {
    const digest = this.#hash(bytes);
    if (digest === expected) return this.#batch(bytes, digest);
    throw new Refused("malformed", `batch: expected bytes with digest ${expected}, got ${digest}`);
  }

  #batch(bytes: Uint8Array, digest: Digest): Verified<Batch> {
    const { timestamp, requests } = decodeBatch(bytes, this.#genesis.limits);
    const batch: Batch = { digest, bytes, timestamp, requests: requests.map((request) => this.#request(request)) };
    return batch as Verified<Batch>;
  }

  #blobs({ blobs }: Blobs): readonly FetchedBlob[] {
    return blobs.map((bytes) => {
      const digest = this.#hash(bytes);
      const batch = this.batch(bytes, digest);
      return "reason" in batch ? { digest, bytes } : { digest, bytes, batch };
    });
  }
}

/** A frame is often a view of a whole request body, all of which would be kept for as long as any part of it. */
function ownBytes(frame: Uint8Array): Uint8Array {
  return frame.buffer.byteLength > 2 * frame.length ? frame.slice() : frame;
}
