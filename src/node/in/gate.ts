/**
 * The gate: turns frames into verified inputs, or into rejections with a reason. It rejects everything that is
 * malformed, over a limit, forged, or not from a member or client. Hostile input never makes it throw.
 *
 * The cheapest checks come first: length, shape, membership, structure, whether it is wanted; then signatures.
 * Expensive checks are done in steps: {@linkcode Gate.checking} yields the cost of the next step, and continues when
 * the caller resumes it.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { FetchedBlob, MessageInput } from "../../core/io.ts";
import type {
  AnyRequest,
  Batch,
  Blobs,
  Decision,
  Message,
  MessageKind,
  NewView,
  PrePrepare,
  Query,
  Signed,
  SignedRequest,
  StableCheckpoint,
  Verified,
  ViewChange,
} from "../../core/messages/messages.ts";
import { sha256 } from "../../crypto/mod.ts";
import { decodeBatch, decodeFrame, frameKind, wireLimits } from "../../wire/mod.ts";
import type { Rejection, Verifier } from "../ports.ts";
import { isVote, type Known, leftUnverified, type Passed } from "./passed.ts";
import { refusal, Refused } from "./refused.ts";
import { Signatures, VERIFICATION_US } from "./signatures.ts";
import { structureFault } from "./structure.ts";

/** Options of {@linkcode Gate}. */
export interface GateOptions {
  readonly genesis: Genesis;
  readonly verifier: Verifier;
  /** Maximum number of requests remembered as verified. */
  readonly maxVerifiedRequests: number;
  readonly hash?: (bytes: Uint8Array) => Digest;
}

/** Cost of decoding a frame, us per byte. */
const DECODING_US_PER_BYTE = 0.005;
/** Cost of SHA-256, us per byte. */
const HASH_US_PER_BYTE = 0.001;

/** The gate of one cluster. Its result depends only on the frame, the genesis, and what is {@linkcode Known}. */
export class Gate {
  readonly #genesis: Genesis;
  readonly #limits: ReturnType<typeof wireLimits>;
  readonly #signatures: Signatures;
  readonly #hash: (bytes: Uint8Array) => Digest;

  constructor(options: GateOptions) {
    const { genesis, hash = sha256 } = options;
    this.#genesis = genesis;
    this.#hash = hash;
    this.#limits = wireLimits(genesis);
    this.#signatures = new Signatures({ ...options, hash });
  }

  /** Checks one frame without pauses. `accept`: the kinds accepted where it came in; all if left out. */
  check(frame: Uint8Array, accept?: readonly MessageKind[]): Passed | Rejection {
    return finish(this.checking(frame, accept));
  }

  /**
   * Checks one frame in steps. Yields the cost of the next step, us.
   */
  *checking(
    frame: Uint8Array,
    accept?: readonly MessageKind[],
    known: Known = {},
  ): Generator<number, Passed | Rejection> {
    const kind = frameKind(frame);
    // A query is only useful where a caller waits for the answer; a query reply only at a client.
    if (kind === "query-reply" || (kind === "query" && !accept)) {
      return { reason: "not-accepted-here", kind, detail: `kind: expected a message for replicas, got ${kind}` };
    }
    if (accept && kind !== "unknown" && !accept.includes(kind)) {
      return { reason: "not-accepted-here", kind, detail: `kind: expected ${accept.join(" or ")}, got ${kind}` };
    }
    yield VERIFICATION_US + frame.length * DECODING_US_PER_BYTE;
    return yield* this.validating(frame, kind, known);
  }

  /** Checks a frame that is accepted where it came in. */
  protected *validating(
    frame: Uint8Array,
    kind: MessageKind | "unknown",
    { isAwaited = () => true, isSurplus }: Known,
  ): Generator<number, Passed | Rejection> {
    try {
      const { signed, batchBytes, path } = decodeFrame(ownBytes(frame), this.#limits);
      if (path) {
        throw new Refused("not-accepted-here", "path: expected none, as only clients take replies signed together");
      }
      if (isSurplus && isVote(signed) && isSurplus(signed, frame)) return leftUnverified(signed);
      return yield* this.#pass(signed, batchBytes, isAwaited);
    } catch (error) {
      return refusal(error, kind);
    }
  }

  /** Remembers this node's own request as verified: it will come back in a batch. */
  remember(own: Verified<SignedRequest>): void {
    this.#signatures.remember(own);
  }

  /** Decodes a batch body and verifies everything in it. The caller checks the digest. */
  batch(bytes: Uint8Array, digest: Digest): Verified<Batch> | Rejection {
    try {
      return finish(this.#batch(bytes, digest));
    } catch (error) {
      return refusal(error, "pre-prepare");
    }
  }

  *#pass(
    signed: Signed,
    batchBytes: Uint8Array | undefined,
    isAwaited: (digest: Digest) => boolean,
  ): Generator<number, Passed> {
    const { message } = signed;
    switch (message.kind) {
      case "request":
      case "gateway-request": {
        const request = this.#signatures.verifyRequest(signed as Signed<AnyRequest>);
        const from = message.kind === "request" ? null : message.gateway;
        return { to: "core", kind: message.kind, from, input: { kind: "request", request } };
      }
      case "pre-prepare": {
        const prePrepare = this.#signatures.verifyVote<PrePrepare>(signed);
        const input = batchBytes === undefined
          ? { kind: "pre-prepare" as const, prePrepare }
          : { kind: "pre-prepare" as const, prePrepare, batch: yield* this.#batchOf(message.digest, batchBytes) };
        return { to: "core", kind: message.kind, from: message.replica, input };
      }
      case "prepare":
        return this.#core(message, { kind: "prepare", prepare: this.#signatures.verifyVote(signed) });
      case "commit":
        return this.#core(message, { kind: "commit", commit: this.#signatures.verify(signed) });
      case "decision": {
        const decision = this.#carrier<Decision>(signed);
        yield* this.#all(decision.message.commits, (commit) => this.#signatures.verify(commit));
        return this.#core(message, { kind: "decision", decision });
      }
      case "checkpoint":
        return this.#core(message, { kind: "checkpoint", checkpoint: this.#signatures.verifyVote(signed) });
      case "stable-checkpoint": {
        const stable = this.#carrier<StableCheckpoint>(signed);
        yield* this.#all(stable.message.checkpoints, (checkpoint) => this.#signatures.verify(checkpoint));
        return this.#core(message, { kind: "stable-checkpoint", stable });
      }
      case "suspicion":
        return this.#core(message, { kind: "suspicion", suspicion: this.#signatures.verifyVote(signed) });
      case "view-change":
        return this.#core(message, { kind: "view-change", viewChange: yield* this.#viewChange(signed) });
      case "new-view":
        return this.#core(message, { kind: "new-view", newView: yield* this.#newView(signed) });
      case "status":
        return this.#core(message, { kind: "status", status: this.#signatures.verify(signed) });
      case "blobs": {
        this.#signatures.verify(signed);
        const blobs = yield* this.#blobs(message, isAwaited);
        return this.#core(message, { kind: "blobs", from: message.replica, blobs });
      }
      case "query":
        return {
          to: "queries",
          kind: "query",
          from: null,
          query: this.#signatures.verifyQuery(signed as Signed<Query>),
        };
      case "query-reply":
        throw new Refused("not-accepted-here", "kind: expected a message for replicas, got query-reply");
      case "reply":
        return { to: "gateway", kind: "reply", from: message.replica, reply: this.#signatures.verify(signed) };
      case "fetch":
        return { to: "blobs", kind: "fetch", from: message.replica, fetch: this.#signatures.verify(signed) };
    }
  }

  /**
   * Verifies a message that contains other messages: first its own signature, so that only a member can cause further
   * work; then its structure, so that the contained messages are worth verifying.
   */
  #carrier<M extends Message>(signed: Signed): Verified<Signed<M>> {
    const verified = this.#signatures.verify<M>(signed);
    const fault = structureFault(signed.message, this.#genesis);
    if (fault) throw new Refused("malformed", fault);
    return verified;
  }

  #core({ kind, replica }: { kind: MessageKind; replica: ReplicaId }, input: MessageInput): Passed {
    return { to: "core", kind, from: replica, input };
  }

  *#viewChange(signed: Signed): Generator<number, Verified<Signed<ViewChange>>> {
    if (this.#signatures.isKnownVote(signed)) return signed as Verified<Signed<ViewChange>>;
    const verified = this.#carrier<ViewChange>(signed);
    const { stable, prepared, suspicions } = verified.message;
    const votes = prepared.flatMap(({ prePrepare, prepares }): readonly Signed[] => [prePrepare, ...prepares]);
    yield* this.#all([...suspicions, ...stable, ...votes], (vote) => this.#signatures.verifyVote(vote));
    this.#signatures.noteVote(signed);
    return verified;
  }

  *#newView(signed: Signed): Generator<number, Verified<Signed<NewView>>> {
    if (this.#signatures.isKnownVote(signed)) return signed as Verified<Signed<NewView>>;
    const verified = this.#carrier<NewView>(signed);
    const { viewChanges, prePrepares } = verified.message;
    for (const viewChange of viewChanges) {
      yield VERIFICATION_US;
      yield* this.#viewChange(viewChange);
    }
    yield* this.#all(prePrepares, (prePrepare) => this.#signatures.verifyVote(prePrepare));
    this.#signatures.noteVote(signed);
    return verified;
  }

  *#all<S extends Signed>(carried: readonly S[], verify: (one: S) => void): Generator<number, void> {
    for (const one of carried) {
      yield VERIFICATION_US;
      verify(one);
    }
  }

  *#batchOf(expected: Digest, bytes: Uint8Array): Generator<number, Verified<Batch>> {
    const digest = this.#hash(bytes);
    if (digest === expected) return yield* this.#batch(bytes, digest);
    throw new Refused("malformed", `batch: expected bytes with digest ${expected}, got ${digest}`);
  }

  *#batch(bytes: Uint8Array, digest: Digest): Generator<number, Verified<Batch>> {
    const { timestamp, requests } = decodeBatch(bytes, this.#genesis.limits);
    const verified: Verified<SignedRequest>[] = [];
    for (const request of requests) {
      yield VERIFICATION_US;
      verified.push(this.#signatures.verifyRequest(request));
    }
    const batch: Batch = { digest, bytes, timestamp, requests: verified };
    return batch as Verified<Batch>;
  }

  /** Hashes each blob. Only awaited ones are decoded. */
  *#blobs({ blobs }: Blobs, isAwaited: (digest: Digest) => boolean): Generator<number, readonly FetchedBlob[]> {
    const fetched: FetchedBlob[] = [];
    for (const bytes of blobs) {
      yield bytes.length * HASH_US_PER_BYTE;
      const digest = this.#hash(bytes);
      const batch = isAwaited(digest) ? yield* this.#batchOrNot(bytes, digest) : null;
      fetched.push(batch ? { digest, bytes, batch } : { digest, bytes });
    }
    return fetched;
  }

  *#batchOrNot(bytes: Uint8Array, digest: Digest): Generator<number, Verified<Batch> | null> {
    try {
      return yield* this.#batch(bytes, digest);
    } catch (error) {
      refusal(error, "pre-prepare");
      return null;
    }
  }
}

/** Runs all steps without pauses. */
export function finish<T>(steps: Generator<unknown, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * A frame is often a view into the whole request body. Keeping any part of it would keep the whole body in memory, so a
 * small frame is copied.
 */
function ownBytes(frame: Uint8Array): Uint8Array {
  return frame.buffer.byteLength > 2 * frame.length ? frame.slice() : frame;
}
