/**
 * Signature checks: which key must have signed a message, whether it did, and a cache of signatures found valid.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Digest } from "../../core/messages/ids.ts";
import type { AnyRequest, Message, Query, Signed, SignedRequest, Verified } from "../../core/messages/messages.ts";
import type { SignedQuery } from "../../core/messages/queries.ts";
import { withDigest } from "../environment.ts";
import type { Verifier } from "../ports.ts";
import { Refused } from "./refused.ts";
import { VerifiedMessages } from "./verified_messages.ts";

/** Cost of one signature check, us: 60 under Deno, 166 under Node.js 20. */
export const VERIFICATION_US = 60;

/** Options of {@linkcode Signatures}. */
export interface SignaturesOptions {
  readonly genesis: Genesis;
  readonly verifier: Verifier;
  /** Maximum number of requests remembered as verified. */
  readonly maxVerifiedRequests: number;
  readonly hash: (bytes: Uint8Array) => Digest;
}

/** Checks signatures. A signature that comes again is checked only once. Errors are thrown as {@linkcode Refused}. */
export class Signatures {
  readonly #options: SignaturesOptions;
  readonly #requests: VerifiedMessages;
  /** Votes arrive alone first, and again in each certificate that contains them; in a view change all at once. */
  readonly #votes: VerifiedMessages;

  constructor(options: SignaturesOptions) {
    const { genesis, maxVerifiedRequests } = options;
    this.#options = options;
    this.#requests = new VerifiedMessages(maxVerifiedRequests);
    // The pre-prepares and prepares of two views for each number between the watermarks.
    this.#votes = new VerifiedMessages(2 * genesis.replicas.length * genesis.logWindow);
  }

  /** Checks the message's own signature. */
  verify<M extends Message>(signed: Signed): Verified<Signed<M>> {
    const { message, bytes, signature } = signed;
    const signer = this.#keyOf(message);
    if (!this.#options.verifier.verify(signer, message.kind, bytes, signature)) {
      throw new Refused(
        "wrong-signature",
        `signature: expected one by key ${signer} for this ${message.kind} in this cluster, got another`,
      );
    }
    return signed as Verified<Signed<M>>;
  }

  /** As {@linkcode verify}, for a message that is likely to come again: the result is cached. */
  verifyVote<M extends Message>(signed: Signed): Verified<Signed<M>> {
    const digest = this.#options.hash(signed.bytes);
    if (this.isKnownVote(signed, digest)) return signed as Verified<Signed<M>>;
    const verified = this.verify<M>(signed);
    this.noteVote(signed, digest);
    return verified;
  }

  /** Whether the message was found valid before, with everything it contains. */
  isKnownVote({ message, bytes, signature }: Signed, digest: Digest = this.#options.hash(bytes)): boolean {
    return this.#votes.has(message.kind, digest, signature);
  }

  /** Records that the message is valid, with everything it contains. */
  noteVote({ message, bytes, signature }: Signed, digest: Digest = this.#options.hash(bytes)): void {
    this.#votes.add(message.kind, digest, signature);
  }

  /** As {@linkcode verify}, for a request; the result is cached. */
  verifyRequest(signed: Signed<AnyRequest>): Verified<SignedRequest> {
    const request = withDigest(signed, this.#options.hash);
    const { message, digest, signature } = request;
    this.#keyOf(message);
    if (!this.#requests.has(message.kind, digest, signature)) {
      this.verify(signed);
      this.#requests.add(message.kind, digest, signature);
    }
    return request as Verified<SignedRequest>;
  }

  /** As {@linkcode verify}, for a query. */
  verifyQuery(signed: Signed<Query>): Verified<SignedQuery> {
    this.verify(signed);
    return withDigest(signed, this.#options.hash) as Verified<SignedQuery>;
  }

  /** Remembers this node's own request as verified: it will come back in a batch. */
  remember({ message, digest, signature }: Verified<SignedRequest>): void {
    this.#requests.add(message.kind, digest, signature);
  }

  #keyOf(message: Message): string {
    if (message.kind === "request" || message.kind === "query") return message.client;
    const id = message.kind === "gateway-request" ? message.gateway : message.replica;
    const { replicas } = this.#options.genesis;
    const member = replicas[id];
    if (member) return member.publicKey;
    const field = message.kind === "gateway-request" ? "gateway" : "replica";
    throw new Refused("unknown-signer", `${field}: expected 0 to ${replicas.length - 1}, got ${id}`);
  }
}
