/**
 * Signs requests with the client's key and gets them answered by the cluster.
 * @module
 */
import type { ClientId, Digest } from "../../core/messages/ids.ts";
import type { ClientRequest, Query } from "../../core/messages/messages.ts";
import { clientSha256, type ClientSigner, createClientSigner, newPrivateKey } from "../../crypto/client.ts";
import { later } from "../later/mod.ts";
import { ACCEPT_PATHS } from "../../wire/messages/reply_tree.ts";
import { encodeClientFrame, encodeClientMessage } from "../../wire/client/frame.ts";
import { MAX_BODY_BYTES } from "../../wire/messages/limits.ts";
import type { Timer } from "../../node/ports.ts";
import type { Vote } from "../proofs/agreement.ts";
import { Exchange, type ExchangeContext, type Sendable } from "./exchange.ts";
import { polling } from "../queries/polling.ts";
import type { PollContext, Polled } from "../queries/poll.ts";
import { type Answer, post, type PostOptions } from "../transport/post.ts";
import type { KnownEpochs } from "../epochs/known_epochs.ts";
import type { PresentEpoch } from "../epochs/present.ts";
import { quorum } from "../../core/messages/quorum.ts";
import { type ClientObserver, type RequestObserver, tell } from "../observer.ts";
import { Pace } from "../transport/pace.ts";
import type { RandomIntegers } from "../transport/random.ts";
import { checkQueryReply, checkReply } from "../proofs/reply_gate.ts";

/** What a {@linkcode Channel} is made from. */
export interface ChannelOptions {
  readonly epochs: KnownEpochs;
  /** The client's Ed25519 seed, 64 hex digits. If it is left out, a new key is generated. */
  readonly keyPair?: { readonly privateKey: string } | undefined;
  readonly observer: ClientObserver | undefined;
  readonly fetch: typeof globalThis.fetch;
  readonly digestReplies?: boolean;
  readonly timer: Timer;
  readonly random: RandomIntegers;
  readonly retryMs: number;
  readonly maxRetryMs: number;
  readonly postMs: number;
}

/** A request and the f + 1 equal replies to it. */
export interface Answered {
  readonly frame: Uint8Array;
  readonly votes: readonly Vote[];
}

/** How {@linkcode Channel.poll} asks. */
export interface PollSettings extends Pick<PollContext, "patienceMs" | "onAgreed"> {
  readonly signal: AbortSignal;
}

interface Identity {
  readonly client: ClientId;
  readonly signer: ClientSigner;
}

/** The reason with which an exchange is ended, to be repeated in a later epoch. */
const MOVED = Symbol("moved");

/**
 * A request goes to all replicas after this multiple of the recent duration of requests. After a view change callers
 * wait this long.
 */
const PATIENCE_FACTOR = 3;

/** The status with which a replica says that it is no member any more. */
const GONE = 410;

/** The connection of one client to its cluster. */
export class Channel {
  readonly #options: ChannelOptions;
  /** Of requests. */
  readonly #pace = new Pace();
  #identity: Promise<Identity> | null = null;
  /**
   * The known reason for having no answer: the last replica that answered asked for a later attempt. This reason is not
   * signed.
   */
  excuse = "";

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** The client's public key. */
  async client(): Promise<ClientId> {
    return (await this.#ready()).client;
  }

  /**
   * Signs a request, sends it, and waits for f + 1 equal replies or until `signal` aborts. `onSigned`: called before it
   * is sent.
   */
  async send(
    request: Omit<ClientRequest, "kind" | "client">,
    signal: AbortSignal,
    onSigned?: (digest: Digest) => void,
  ): Promise<Answered> {
    const identity = await this.#ready();
    const message: ClientRequest = { kind: "request", client: identity.client, ...request };
    const { frame, digest } = await sign(message, identity.signer);
    const results = Math.max(1, request.operations.length);
    signal.throwIfAborted();
    onSigned?.(digest);
    const { observer } = this.#options;
    const seen = observer && tell(() => observer.onRequest?.({ digest, operations: request.operations.length }));
    try {
      const votes = await this.#agreed({ frame, digest, results }, signal);
      if (seen) tell(() => seen.onAnswered?.(answerOf(votes)));
      return { frame, votes };
    } catch (error) {
      if (seen) tell(() => seen.onFailed?.(error));
      throw error;
    }
  }

  /**
   * Gets a request answered in the present epoch, and again in a later one that becomes known meanwhile: it is valid in
   * every epoch, and executed once, wherever it is sent.
   */
  async #agreed(request: Sendable, signal: AbortSignal): Promise<readonly Vote[]> {
    const { epochs, digestReplies, timer } = this.#options;
    for (;;) {
      const context = this.#context(await epochs.present());
      const exchange = new Exchange(digestReplies ? (await later()).withDigestReplies(context) : context, request);
      const abort = () => exchange.abort(signal.reason);
      signal.throwIfAborted();
      signal.addEventListener("abort", abort);
      const stopListening = epochs.listen(() => exchange.abort(MOVED));
      const start = timer.monotonic();
      try {
        const votes = await exchange.run();
        this.#pace.add(timer.monotonic() - start);
        return votes;
      } catch (error) {
        if (error !== MOVED) throw error;
      } finally {
        stopListening();
        signal.removeEventListener("abort", abort);
      }
    }
  }

  /** Signs a query with these operations, sends it to all replicas, and reports each result that a quorum gave. */
  async poll(operations: readonly Uint8Array[], { signal, patienceMs, onAgreed }: PollSettings): Promise<Polled> {
    const { client, signer } = await this.#ready();
    const { epochs, timer, random } = this.#options;
    const { epoch: { genesis }, replicas, verifier } = await epochs.present();
    const message: Query = { kind: "query", client, nonce: random(), operations };
    const { frame, digest } = await sign(message, signer);
    const maxAnswerBytes = Math.min(operations.length * (genesis.limits.maxResultBytes + 64) + 4096, MAX_BODY_BYTES);
    return await (await polling()).poll({
      replicas,
      operations: operations.length,
      quorum: quorum(genesis.replicas.length),
      timer,
      patienceMs,
      onAgreed,
      post: ({ queryUrl: url }, signal) => this.#answer({ url, frame, signal, maxAnswerBytes }),
      check: (answer, { url }) =>
        this.#doubting(checkQueryReply(answer, { genesis, verifier, digest, operations: operations.length }), url),
    }, signal);
  }

  /** If a reply is not valid, it may be one of a later epoch, of which its replica knows. */
  async #doubting<T extends object>(checked: Promise<T | string>, url: string): Promise<T | string> {
    const reply = await checked;
    if (typeof reply === "string") this.#options.epochs.doubt(url);
    return reply;
  }

  /** If a replica does not serve the request, it may have left the cluster. */
  async #answer(asked: PostOptions): Promise<Answer> {
    const answer = await post(this.#options.fetch, asked);
    if (answer.kind === "frame" || answer.kind === "pending") this.excuse = "";
    else this.#options.epochs.doubt();
    if (answer.kind === "later") this.excuse = `: the replicas refused: ${answer.detail}`;
    // A 410 is no denial: the client is about to learn the later epoch, and then goes to its members.
    return answer.kind === "denied" && answer.status === GONE ? { kind: "failed" } : answer;
  }

  #context({ epoch: { genesis }, replicas, verifier }: PresentEpoch): ExchangeContext {
    return {
      ...this.#options,
      replicas,
      retryMs: this.#pace.patienceMs(PATIENCE_FACTOR, this.#options),
      post: (url, { frame, results }, signal, accept = ACCEPT_PATHS) => {
        const maxAnswerBytes = Math.min(results * (genesis.limits.maxResultBytes + 64) + 4096, MAX_BODY_BYTES);
        return this.#answer({ url, frame, accept, signal, maxAnswerBytes });
      },
      check: (frame, expected: Sendable, { url }) =>
        this.#doubting(checkReply(frame, { genesis, verifier, expected }), url),
    };
  }

  #ready(): Promise<Identity> {
    return this.#identity ??= this.#identify();
  }

  async #identify(): Promise<Identity> {
    const { keyPair, epochs } = this.#options;
    const { epoch: { cluster } } = await epochs.present();
    const signer = await createClientSigner(keyPair?.privateKey ?? newPrivateKey(), cluster);
    return { client: signer.publicKey as ClientId, signer };
  }
}

/** The frame of a message, and the digest by which replies name it. */
async function sign(
  message: ClientRequest | Query,
  signer: ClientSigner,
): Promise<{ readonly frame: Uint8Array; readonly digest: Digest }> {
  const bytes = encodeClientMessage(message);
  const [signature, digest] = await Promise.all([signer.sign(message.kind, bytes), clientSha256(bytes)]);
  return { frame: encodeClientFrame({ message, bytes, signature }), digest };
}

/** An answer as an observer sees it. */
function answerOf(votes: readonly Vote[]): Parameters<NonNullable<RequestObserver["onAnswered"]>>[0] {
  return { sequence: votes[0]!.reply.results[0]!.sequence, replicas: votes.map(({ reply }) => reply.replica) };
}
