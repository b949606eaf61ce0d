/**
 * What a client can be told.
 * @module
 */
import type { Timer } from "../node/ports.ts";
import type { ClusterFile } from "../wire/mod.ts";
import { webTimer } from "./transport/timer.ts";

/** How a {@linkcode Client} is made. */
export interface ClientOptions {
  /** The genesis and where its replicas are: what is in a `cluster.json`. */
  readonly cluster: ClusterFile;
  /**
   * The client's Ed25519 key pair, hex. It is who the client is to the state machine. Left out: a new one.
   * Clients that run at the same time may share it; each has a session of its own.
   */
  readonly keyPair?: { readonly privateKey: string };
  /** In place of the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
  /** In place of the host's clock. */
  readonly timer?: Timer;
  /** How long an operation may take, waiting included, ms. Default 30,000. `signal` can make it shorter. */
  readonly timeoutMs?: number;
  /** After this long without agreement all replicas are asked, ms; it doubles each time. Default 500. */
  readonly retryMs?: number;
  /** The longest pause between retries, ms. Default 8,000. */
  readonly maxRetryMs?: number;
  /** A POST that has had no answer for this long is given up, ms. Default 10,000. */
  readonly postMs?: number;
  /** Signed requests on their way at the same time. Operations that come meanwhile gather for the next. Default 2. */
  readonly maxInFlight?: number;
  /** Queries on their way at the same time, each of them to all replicas; others wait. Default 32. */
  readonly maxQueriesInFlight?: number;
  /** Operations that may wait to be sent, and as many queries; more are refused with a `QueueFullError`. Default 65,536. */
  readonly maxWaitingOperations?: number;
  /** The same in bytes. Default 32 MiB. */
  readonly maxWaitingBytes?: number;
}

/** {@linkcode ClientOptions} with the defaults in place. */
export type ClientSettings = Required<Omit<ClientOptions, "keyPair" | "cluster">>;

/** @throws {RangeError} naming the option that is not a positive number. */
export function settingsOf(options: ClientOptions): ClientSettings {
  return {
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    timer: options.timer ?? webTimer(),
    timeoutMs: positive(options, "timeoutMs", 30_000),
    retryMs: positive(options, "retryMs", 500),
    maxRetryMs: positive(options, "maxRetryMs", 8_000),
    postMs: positive(options, "postMs", 10_000),
    maxInFlight: positive(options, "maxInFlight", 2),
    maxQueriesInFlight: positive(options, "maxQueriesInFlight", 32),
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
