/**
 * Whose signature a message must have, whether it has it, and which were found right before.
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

/** What checking a signature costs, us: 60 under Deno, 166 under Node 20. */
export const VERIFICATION_US = 60;

/** What checking needs. */
export interface SignaturesOptions {
  readonly genesis: Genesis;
  readonly verifier: Verifier;
  /** Requests to remember as verified. */
  readonly maxVerifiedRequests: number;
  readonly hash: (bytes: Uint8Array) => Digest;
}

/** Checks signatures, those that come again once. What is wrong with a message is thrown as {@linkcode Refused}. */
export class Signatures {
  readonly #options: SignaturesOptions;
  readonly #requests: VerifiedMessages;
  /** What certificates are made of comes once by itself and then again in each of them: in a view change all at once. */
  readonly #votes: VerifiedMessages;

  constructor(options: SignaturesOptions) {
    const { genesis, maxVerifiedRequests } = options;
    this.#options = options;
    this.#requests = new VerifiedMessages(maxVerifiedRequests);
    // Two views' pre-prepares and prepares for each number between the watermarks.
    this.#votes = new VerifiedMessages(2 * genesis.replicas.length * genesis.logWindow);
  }

  /** Checks a message's own signature. */
  verify<M extends Message>(signed: Signed): Verified<Signed<M>> {
    const { message, bytes, signature } = signed;
    const signer = this.#keyOf(message);
    if (!this.#options.verifier.verify(signer, message.kind, bytes, signature)) {
      throw new Refused("wrong-signature", `signature: not ${signer}'s for this ${message.kind} in this cluster`);
    }
    return signed as Verified<Signed<M>>;
  }

  /** As {@linkcode verify}, of what is likely to come again. */
  verifyVote<M extends Message>(signed: Signed): Verified<Signed<M>> {
    const digest = this.#options.hash(signed.bytes);
    if (this.isKnownVote(signed, digest)) return signed as Verified<Signed<M>>;
    const verified = this.verify<M>(signed);
    this.noteVote(signed, digest);
    return verified;
  }

  /** Whether it was found right before, with all that it carries. */
  isKnownVote({ message, bytes, signature }: Signed, digest: Digest = this.#options.hash(bytes)): boolean {
    return this.#votes.has(message.kind, digest, signature);
  }

  /** Notes that it is right, with all that it carries. */
  noteVote({ message, bytes, signature }: Signed, digest: Digest = this.#options.hash(bytes)): void {
    this.#votes.add(message.kind, digest, signature);
  }

  /** As {@linkcode verify}, of a request, unless it was found right before. */
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

  /** As {@linkcode verify}, of a query. */
  verifyQuery(signed: Signed<Query>): Verified<SignedQuery> {
    this.verify(signed);
    return withDigest(signed, this.#options.hash) as Verified<SignedQuery>;
  }

  /** Notes a request of our own: it will come back in a batch. */
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
