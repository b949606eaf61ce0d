/**
 * Replicas without a protocol: a `fetch` that answers signed requests with signed replies as if they had been ordered.
 * Each replica behaves as it is told.
 */
import { DEFAULT_LIMITS, type Genesis, type Limits } from "../../src/core/config.ts";
import {
  type Digest,
  type ReplicaId,
  replicaId,
  type SequenceNumber,
  sequenceNumber,
  view,
} from "../../src/core/messages/ids.ts";
import type { ClientRequest, Query, QueryReply, Reply, Result } from "../../src/core/messages/messages.ts";
import { clusterId, createSigner, createVerifier, generateKeyPair, sha256 } from "../../src/crypto/mod.ts";
import {
  type ClusterFile,
  decodeFrame,
  encodeFrame,
  encodeMessage,
  encodeReplyFrame,
  fromUtf8,
  replyTree,
  rootBytes,
  utf8,
} from "../../src/wire/mod.ts";
import type { Signer } from "../../src/node/ports.ts";

/** A POST that has come in. */
export interface Asked {
  readonly replica: ReplicaId;
  readonly request: ClientRequest;
  readonly digest: Digest;
  readonly signal: AbortSignal;
}

/** A query that has come in. */
export interface AskedQuery {
  readonly replica: ReplicaId;
  readonly query: Query;
  readonly digest: Digest;
  readonly signal: AbortSignal;
}

/** How a replica answers a query. */
export type QueryBehaviour = (asked: AskedQuery, cluster: FakeCluster) => Response | Promise<Response>;

/** How a replica answers. */
export type Behaviour = (asked: Asked, cluster: FakeCluster) => Response | Promise<Response>;

/** Says what is right. */
export const correct: Behaviour = (asked, cluster) => cluster.reply(asked);
/** Takes the POST and says nothing until it is given up. */
export const mute: Behaviour = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
/** Can't be reached. */
export const down: Behaviour = () => Promise.reject(new TypeError("connection refused"));
/** Signs another result. */
export const lying: Behaviour = (asked, cluster) => {
  const results = cluster.execute(asked).map((result) => ({ ...result, value: utf8('"a lie"') }));
  return cluster.reply(asked, { results });
};

/** What a reply says in place of what is right. */
export interface ReplyChanges extends Partial<Omit<Reply, "kind">> {
  /** Who signs it; the replica itself if left out. */
  readonly signedBy?: number;
}

export class FakeCluster {
  readonly file: ClusterFile;
  /** By replica. */
  readonly behaviours: Behaviour[];
  /** By replica. */
  readonly queryBehaviours: QueryBehaviour[];
  /** All queries, in the order in which they came. */
  readonly queried: AskedQuery[] = [];
  /** All POSTs, in the order in which they came. */
  readonly asked: Asked[] = [];
  /** Results instead of an echo of the operation. */
  execution: (operation: string, request: ClientRequest) => Partial<Result> = (operation) => ({
    value: utf8(JSON.stringify({ echo: operation })),
  });
  view = 0;
  /** Signed bytes of other replies with which each reply is signed together; if there are none, it is signed alone. */
  others: readonly Uint8Array[] = [];
  /** The `accept` headers of all requests. */
  readonly accepted: (string | null)[] = [];
  readonly #cluster: Digest;
  readonly #signers: readonly Signer[];
  readonly #executed = new Map<Digest, readonly Result[]>();
  #sequence = 0;
  #watchers: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(n = 4, limits: Partial<Limits> = {}) {
    const keys = Array.from({ length: n }, generateKeyPair);
    const replicas = keys.map(({ publicKey }, index) => ({ name: `R${index}`, publicKey }));
    const genesis: Genesis = {
      name: "fake",
      replicas,
      checkpointInterval: 64,
      logWindow: 256,
      stateMachine: "echo/1",
      limits: { ...DEFAULT_LIMITS, ...limits },
    };
    this.#cluster = clusterId(genesis);
    this.#signers = keys.map(({ privateKey }) => createSigner(privateKey, this.#cluster));
    this.behaviours = replicas.map(() => correct);
    this.queryBehaviours = replicas.map((): QueryBehaviour => (asked, cluster) => cluster.answer(asked));
    this.file = {
      genesis,
      urls: Object.fromEntries(replicas.map(({ name }, index) => [name, `http://replica-${index}.test`])),
    };
  }

  /** In place of the global one. */
  readonly fetch: typeof fetch = async (input, init) => {
    const { hostname, pathname } = new URL(String(input));
    if (pathname === "/queries") return await this.#onQuery(init!, replicaId(Number(hostname.match(/\d+/)![0])));
    if (pathname !== "/requests" || init?.method !== "POST") return new Response(null, { status: 404 });
    const { signed } = decodeFrame(init.body as Uint8Array);
    const request = signed.message as ClientRequest;
    const fits = createVerifier(this.#cluster).verify(request.client, "request", signed.bytes, signed.signature);
    if (!fits) return problem(401, "wrong signature");
    const replica = replicaId(Number(hostname.match(/\d+/)![0]));
    const asked: Asked = { replica, request, digest: sha256(signed.bytes), signal: init.signal! };
    this.asked.push(asked);
    this.accepted.push(new Headers(init.headers).get("accept"));
    this.#watchers = this.#watchers.filter(({ count, resolve }) => this.asked.length < count || resolve());
    const response = await this.behaviours[replica]!(asked, this);
    init.signal!.throwIfAborted();
    return response;
  };

  async #onQuery({ body, signal }: RequestInit, replica: ReplicaId): Promise<Response> {
    const { signed } = decodeFrame(body as Uint8Array);
    const query = signed.message as Query;
    const fits = createVerifier(this.#cluster).verify(query.client, "query", signed.bytes, signed.signature);
    if (!fits) return problem(401, "wrong signature");
    const asked: AskedQuery = { replica, query, digest: sha256(signed.bytes), signal: signal! };
    this.queried.push(asked);
    const response = await this.queryBehaviours[replica]!(asked, this);
    signal!.throwIfAborted();
    return response;
  }

  /** A replica's signed answer to a query. `result`: for each of its operations. */
  answer(
    { replica, query, digest }: AskedQuery,
    result: Partial<Result> | ((operation: string) => Partial<Result>) = {},
    changes: Partial<QueryReply> & { readonly signedBy?: number } = {},
  ): Response {
    const { signedBy = replica, ...rest } = changes;
    const message: QueryReply = {
      kind: "query-reply",
      replica,
      view: view(0),
      query: digest,
      results: query.operations.map((bytes) => {
        const operation = fromUtf8(bytes);
        const value = utf8(JSON.stringify({ read: operation }));
        const changed = typeof result === "function" ? result(operation) : result;
        return { sequence: sequenceNumber(replica), status: "ok", value, ...changed };
      }),
      ...rest,
    };
    const bytes = encodeMessage(message);
    const signature = this.#signers[signedBy]!.sign("query-reply", bytes);
    return new Response(encodeFrame({ message, bytes, signature }) as Uint8Array<ArrayBuffer>);
  }

  /** Resolves once so many POSTs have come in all. */
  until(count: number): Promise<void> {
    if (this.asked.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#watchers.push({ count, resolve }));
  }

  /** Who was asked, in order, from the POST with this index on. */
  askedSince(index: number): number[] {
    return this.asked.slice(index).map(({ replica }) => replica);
  }

  /** The requests that carried operations, in the order in which they were made; signing may let one overtake another. */
  get requests(): ClientRequest[] {
    const seen = new Map(this.asked.map(({ digest, request }) => [digest, request]));
    const requests = [...seen.values()].filter(({ session }) => session !== 0);
    return requests.sort((a, b) => a.session - b.session || a.timestamp - b.timestamp);
  }

  /** Executes a request, once. */
  execute({ request, digest }: Pick<Asked, "request" | "digest">): readonly Result[] {
    let results = this.#executed.get(digest);
    if (results === undefined) {
      results = this.#run(request, sequenceNumber(++this.#sequence));
      this.#executed.set(digest, results);
    }
    return results;
  }

  /** A replica's signed reply. */
  reply(asked: Asked, changes: ReplyChanges = {}): Response {
    const { signedBy = asked.replica, ...rest } = changes;
    const message: Reply = {
      kind: "reply",
      replica: asked.replica,
      view: view(this.view),
      request: asked.digest,
      results: rest.results ?? this.execute(asked),
      ...rest,
    };
    const bytes = encodeMessage(message);
    const signer = this.#signers[signedBy]!;
    if (this.others.length > 0) return new Response(together(signer, { message, bytes }, this.others));
    const signature = signer.sign("reply", bytes);
    return new Response(encodeFrame({ message, bytes, signature }) as Uint8Array<ArrayBuffer>);
  }

  #run(request: ClientRequest, sequence: SequenceNumber): readonly Result[] {
    if (request.session === 0) return [{ sequence, status: "ok", value: utf8(String(sequence)) }];
    return request.operations.map((operation) => ({
      sequence,
      status: "ok",
      value: new Uint8Array(),
      ...this.execution(fromUtf8(operation), request),
    }));
  }
}

/** The frame of a reply that is signed together with others, as the second of all. */
function together(
  signer: Signer,
  reply: { readonly message: Reply; readonly bytes: Uint8Array },
  [first, ...rest]: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const { root, paths } = replyTree([first!, reply.bytes, ...rest], sha256);
  return encodeReplyFrame({ ...reply, signature: signer.sign("replies", rootBytes(root)) }, paths[1]!);
}

/** An HTTP error as replicas give it. */
export function problem(status: number, detail: string, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify({ status, detail }), {
    status,
    headers: { "content-type": "application/problem+json", ...headers },
  });
}
