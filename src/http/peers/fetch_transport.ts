/**
 * A transport that sends frames to other replicas by `POST /messages`.
 * @module
 */
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { Connections, Transport } from "../../node/ports.ts";
import { type ClusterFile, encodeBundle, isCompressed, UNCOMPRESSED } from "../../wire/mod.ts";
import { CBOR } from "../middleware/submitter.ts";
import { MEMBER_HEADER, type Membership } from "./membership.ts";
import { isClientFrame, RELAY_HEADER, type Relayer, relayOf } from "./relay.ts";

/** Options of {@linkcode FetchTransport}. */
export interface FetchTransportOptions {
  /** The cluster file, with the URLs of the members. */
  readonly clusterFile: ClusterFile;
  /** The cluster's id. */
  readonly cluster: Digest;
  /** This member as a relay: signs bundles with clients' requests, for peers that do not serve every client. */
  readonly relayer?: Relayer;
  /** Proves to the peers that this replica is a member. */
  readonly membership?: Membership;
  /** Where the host bounds connections. */
  readonly connections?: Connections;
  /** The host's `fetch`, or a fake. */
  readonly fetch?: typeof globalThis.fetch;
}

/** Maximum bytes of a response body that are read so that the connection can be reused. */
const MAX_ANSWER_BYTES = 16 * 1024;
/** The same in chunks: one costs up to 10 us, also if it has one byte. */
const MAX_ANSWER_CHUNKS = 32;

/** A delivery failed: the peer did not accept it. */
export class DeliveryError extends Error {
  /** `DeliveryError`. */
  override name = "DeliveryError";
  /** Whether the connection was refused: nothing listens at the peer's address. */
  readonly isRefused: boolean;
  /** Makes the error. `status`: the peer's HTTP status, or 0 if it did not answer. */
  constructor(message: string, readonly status: number, options?: ErrorOptions) {
    super(message, options);
    this.isRefused = isRefusal(options?.cause);
  }
}

/** What runtimes have as `code` of a refused connection: Node, and Bun. Deno has none, and names it in a message. */
const REFUSED_CODES: readonly unknown[] = ["ECONNREFUSED", "ConnectionRefused"];
const MAX_CAUSES = 4;

/** Whether this error of `fetch` says that the connection was refused. */
function isRefusal(error: unknown): boolean {
  for (let i = 0, next = error; i < MAX_CAUSES && next instanceof Error; i++, next = next.cause) {
    if (REFUSED_CODES.includes((next as { readonly code?: unknown }).code)) return true;
    if (/\bconnection refused\b|\bactively refused\b/i.test(next.message)) return true;
  }
  return false;
}

/** Sends each delivery as one POST. The only state is the host's connection pool. */
export class FetchTransport implements Transport {
  /** Where the host bounds connections. */
  declare readonly connections?: Connections;
  readonly #urls: readonly string[];
  readonly #cluster: Digest;
  readonly #relayer: Relayer | undefined;
  readonly #membership: Membership | undefined;
  readonly #fetch: typeof globalThis.fetch;

  /** Reads the members' URLs. @throws {TypeError} if a member has none. */
  constructor(options: FetchTransportOptions) {
    const { clusterFile, cluster, relayer, membership, connections, fetch = globalThis.fetch } = options;
    if (connections) this.connections = connections;
    this.#urls = clusterFile.genesis.replicas.map(({ name }) => {
      const url = clusterFile.urls[name];
      if (url === undefined) throw new TypeError(`urls.${name}: expected a URL, got nothing`);
      return new URL("messages", url.endsWith("/") ? url : `${url}/`).href;
    });
    this.#cluster = cluster;
    this.#relayer = relayer;
    this.#membership = membership;
    this.#fetch = fetch.bind(globalThis);
  }

  /**
   * Resolves once the peer has accepted the frames. @throws {DeliveryError} if it has not by the time `signal` aborts.
   */
  async deliver(to: ReplicaId, frames: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const url = this.#urls[to];
    if (url === undefined) throw new RangeError(`to: expected a replica from 0 to ${this.#urls.length - 1}, got ${to}`);
    const body = encodeBundle(this.#cluster, frames);
    const headers: Record<string, string> = { "content-type": CBOR, ...UNCOMPRESSED };
    if (this.#relayer && frames.some(isClientFrame)) headers[RELAY_HEADER] = relayOf(body, this.#relayer);
    let status: number;
    try {
      if (this.#membership) headers[MEMBER_HEADER] = await this.#membership.prove(to, "deliver", body);
      status = await this.#post(url, { headers, body: body as Uint8Array<ArrayBuffer>, signal });
    } catch (cause) {
      throw new DeliveryError(`no answer from ${url}`, 0, { cause });
    }
    if (status !== 202) throw new DeliveryError(`${url} answered ${status}`, status);
  }

  async #post(url: string, init: RequestInit): Promise<number> {
    const response = await this.#fetch(url, { method: "POST", redirect: "manual", ...init });
    await drain(response);
    return response.status;
  }
}

/** Reads a response to its end: a connection with an unread body cannot be reused. */
async function drain(response: Response): Promise<void> {
  // It may be a million times as long as announced, and to decompress a part of it takes long.
  if (isCompressed(response)) return void await response.body?.cancel();
  const announced = Number(response.headers.get("content-length") ?? NaN);
  // The common case; a third cheaper than reading the stream.
  if (announced <= MAX_ANSWER_BYTES) return void await response.arrayBuffer();
  if (response.body === null) return;
  const reader = response.body.getReader();
  let length = 0;
  for (let chunks = 1, next = await reader.read(); !next.done; chunks++, next = await reader.read()) {
    length += next.value.length;
    if (length > MAX_ANSWER_BYTES || chunks === MAX_ANSWER_CHUNKS) return await reader.cancel();
  }
}
