/**
 * The options of a client.
 * @module
 */
import type { Timer } from "../node/ports.ts";
import type { ClusterFile } from "../wire/mod.ts";
import type { ClientObserver } from "./observer.ts";
import { randomNonce } from "./transport/random.ts";
import { webTimer } from "./transport/timer.ts";

/** Options of {@linkcode Client}. */
export interface ClientOptions {
  /** The genesis and the URLs of its replicas: the content of a `cluster.json`. */
  readonly cluster: ClusterFile;
  /**
   * The client's Ed25519 key pair, hex. The state machine knows the client by its public key. Default: a new key pair.
   * Several clients may use the same key pair at the same time: each has its own session.
   */
  readonly keyPair?: { readonly privateKey: string };
  /**
   * Links that the client has followed before, from epoch 0 on, as {@linkcode ClientOptions.onChain} gave them.
   * Default: none.
   */
  readonly chain?: readonly Uint8Array[];
  /**
   * Called with all links from epoch 0 on when the client has learned that the members have changed. Keep them: a
   * client that knows a later epoch cannot be deceived with keys of an earlier one.
   */
  readonly onChain?: (chain: readonly Uint8Array[]) => void;
  /** Follows the calls of the client, for traces and metrics: see `@pbft/edge/telemetry`. */
  readonly observer?: ClientObserver;
  /**
   * Only one of the replicas that are asked sends a result of more than 1 KiB; the others prove that theirs is the
   * same. If that fails, they send it, too. Receipts are the same. Default: false.
   */
  readonly digestReplies?: boolean;
  /** Replaces the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
  /** Replaces the host's clock. */
  readonly timer?: Timer;
  /**
   * Replaces the host's random numbers, for tests and simulations: gives integers from 1 to 2^53 - 1. They spread the
   * load and the retries, and number sessions and queries. No key is made of them.
   */
  readonly random?: () => number;
  /**
   * The timeout of an operation, ms. It includes the time in the queue. Default 30,000. A `signal` can end a call
   * earlier.
   */
  readonly timeoutMs?: number;
  /**
   * If there is no agreement after this time, the request is sent to all replicas, ms. It doubles with each retry.
   * Default 500.
   */
  readonly retryMs?: number;
  /** The longest time between retries, ms. Default 8,000. */
  readonly maxRetryMs?: number;
  /** A POST that has no answer after this time is cancelled, ms. Default 10,000. */
  readonly postMs?: number;
  /** The most signed requests in flight. Operations that are submitted meanwhile share the next request. Default 2. */
  readonly maxInFlight?: number;
  /**
   * The most signed queries in flight. Each goes to a quorum, and to all if that is not enough. Queries that are made
   * meanwhile share the next. Default 4.
   */
  readonly maxQueriesInFlight?: number;
  /**
   * The most operations that wait to be sent, and the most queries. More are refused with a `QueueFullError`. Default
   * 65,536.
   */
  readonly maxWaitingOperations?: number;
  /** The most bytes of them. Default 32 MiB. */
  readonly maxWaitingBytes?: number;
}

/** {@linkcode ClientOptions} completed with the defaults. */
export type ClientSettings =
  & Required<Omit<ClientOptions, "keyPair" | "cluster" | "observer" | "digestReplies">>
  & { readonly observer: ClientObserver | undefined };

/** Completes and checks the options. @throws {RangeError} naming the option that is not a positive number. */
export function settingsOf(options: ClientOptions): ClientSettings {
  return {
    chain: options.chain ?? [],
    onChain: options.onChain ?? (() => {}),
    observer: options.observer,
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    timer: options.timer ?? webTimer(),
    random: options.random ?? randomNonce,
    timeoutMs: positive(options, "timeoutMs", 30_000),
    retryMs: positive(options, "retryMs", 500),
    maxRetryMs: positive(options, "maxRetryMs", 8_000),
    postMs: positive(options, "postMs", 10_000),
    maxInFlight: positive(options, "maxInFlight", 2),
    maxQueriesInFlight: positive(options, "maxQueriesInFlight", 4),
    maxWaitingOperations: positive(options, "maxWaitingOperations", 65_536),
    maxWaitingBytes: positive(options, "maxWaitingBytes", 32 * 1024 * 1024),
  };
}

function positive(options: ClientOptions, name: keyof ClientOptions, otherwise: number): number {
  const value = options[name] ?? otherwise;
  if (typeof value !== "number" || !(value > 0)) {
    throw new RangeError(`${name}: expected a number above 0, got ${value}`);
  }
  return value;
}
