/**
 * Signs requests with the client's key and gets them answered by the cluster.
 * @module
 */
import type { ClientId } from "../../core/messages/ids.ts";
import type { ClientRequest, Query } from "../../core/messages/messages.ts";
import {
  clientClusterId,
  clientSha256,
  type ClientSigner,
  type ClientVerifier,
  createClientSigner,
  createClientVerifier,
  newPrivateKey,
} from "../../crypto/client.ts";
import { ACCEPT_PATHS, type ClusterFile, encodeFrame, encodeMessage, MAX_BODY_BYTES } from "../../wire/mod.ts";
import type { Timer } from "../../node/ports.ts";
import type { Vote } from "../proofs/agreement.ts";
import { Exchange, type ExchangeContext, type Sendable } from "./exchange.ts";
import { poll, type PollContext, type Polled } from "../queries/poll.ts";
import { post } from "../transport/post.ts";
import { Replicas } from "../transport/replicas.ts";
import { quorum } from "../../core/messages/quorum.ts";
import { randomNonce } from "../transport/random.ts";
import { checkQueryReply, checkReply } from "../proofs/reply_gate.ts";

/** What a {@linkcode Channel} is made from. */
export interface ChannelOptions {
  readonly cluster: ClusterFile;
  /** The client's Ed25519 seed, 64 hex digits. If it is left out, a new key is generated. */
  readonly privateKey: string | undefined;
  readonly fetch: typeof globalThis.fetch;
  readonly timer: Timer;
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
  readonly verifier: ClientVerifier;
}

/** The connection of one client to its cluster. */
export class Channel {
  readonly #options: ChannelOptions;
  readonly #replicas: Replicas;
  #identity: Promise<Identity> | null = null;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#replicas = new Replicas(options.cluster);
  }

  /** The client's public key. */
  async client(): Promise<ClientId> {
    return (await this.#ready()).client;
  }

  /** Signs a request, sends it, and waits for f + 1 equal replies or until `signal` aborts. */
  async send(request: Omit<ClientRequest, "kind" | "client">, signal: AbortSignal): Promise<Answered> {
    const identity = await this.#ready();
    const message: ClientRequest = { kind: "request", client: identity.client, ...request };
    const bytes = encodeMessage(message);
    const [signature, digest] = await Promise.all([identity.signer.sign("request", bytes), clientSha256(bytes)]);
    const frame = encodeFrame({ message, bytes, signature });
    const results = Math.max(1, request.operations.length);
    signal.throwIfAborted();
    const exchange = new Exchange(this.#context(identity.verifier), { frame, digest, results });
    const abort = () => exchange.abort(signal.reason);
    signal.addEventListener("abort", abort);
    try {
      return { frame, votes: await exchange.run() };
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Signs a query with these operations, sends it to all replicas, and reports each result that a quorum gave. */
  async poll(operations: readonly Uint8Array[], { signal, patienceMs, onAgreed }: PollSettings): Promise<Polled> {
    const { client, signer, verifier } = await this.#ready();
    const { cluster: { genesis }, fetch, timer } = this.#options;
    const message: Query = { kind: "query", client, nonce: randomNonce(), operations };
    const bytes = encodeMessage(message);
    const [signature, digest] = await Promise.all([signer.sign("query", bytes), clientSha256(bytes)]);
    const frame = encodeFrame({ message, bytes, signature });
    const maxAnswerBytes = Math.min(operations.length * (genesis.limits.maxResultBytes + 64) + 4096, MAX_BODY_BYTES);
    return await poll({
      peers: this.#replicas.peers,
      operations: operations.length,
      quorum: quorum(genesis.replicas.length),
      needed: this.#replicas.needed,
      timer,
      patienceMs,
      onAgreed,
      post: ({ queryUrl: url }, ended) => post(fetch, { url, frame, signal: ended, maxAnswerBytes }),
      check: (answer) => checkQueryReply(answer, { genesis, verifier, digest, operations: operations.length }),
    }, signal);
  }

  #context(verifier: ClientVerifier): ExchangeContext {
    const { cluster: { genesis }, fetch, timer, retryMs, maxRetryMs, postMs } = this.#options;
    return {
      replicas: this.#replicas,
      timer,
      retryMs,
      maxRetryMs,
      postMs,
      post: (url, { frame, results }, signal) => {
        const maxAnswerBytes = Math.min(results * (genesis.limits.maxResultBytes + 64) + 4096, MAX_BODY_BYTES);
        return post(fetch, { url, frame, accept: ACCEPT_PATHS, signal, maxAnswerBytes });
      },
      check: (frame, expected: Sendable) => checkReply(frame, { genesis, verifier, expected }),
    };
  }

  #ready(): Promise<Identity> {
    return this.#identity ??= this.#identify();
  }

  async #identify(): Promise<Identity> {
    const { privateKey = newPrivateKey(), cluster } = this.#options;
    const id = await clientClusterId(cluster.genesis);
    const signer = await createClientSigner(privateKey, id);
    return { client: signer.publicKey as ClientId, signer, verifier: createClientVerifier(id) };
  }
}
