/** Servers of members in chosen epochs, real HTTP without a protocol: honest ones, and thieves with the keys of closed epochs. */
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import type { ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { ClientRequest, Query, QueryReply, Reply, Result } from "../../src/core/messages/messages.ts";
import { createSigner, sha256 } from "../../src/crypto/mod.ts";
import { sign } from "../../src/node/environment.ts";
import { type Change, type Epoch, followChain } from "../../src/wire/epochs/mod.ts";
import { decodeFrame, encodeFrame, toBase64, utf8, wireLimits } from "../../src/wire/mod.ts";
import { approved, crypto, epochWith, keyOf, linkOf, memberOf, quorumOf } from "../wire/_epochs.ts";
import { operationOf } from "../../src/wire/epochs/mod.ts";

export const NAMES = ["Apple", "Ball", "Candy", "Dog"];
/** The name of the seed of a member's key in an epoch. */
export const seedOf = (name: string, epoch: number) => epoch === 0 ? name : `${name} of epoch ${epoch}`;

/** What answers at one address. */
export type Handler = (path: string, request: Request) => Response | Promise<Response>;

/** A request that was answered. */
export interface Answered {
  readonly epoch: number;
  readonly request: ClientRequest;
}

/** The addresses of all members of all epochs, at one port. */
export class EpochServers {
  readonly handlers = new Map<string, Handler>();
  readonly answered: Answered[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
      const [, address = "", path = ""] = new URL(request.url).pathname.split("/");
      return this.handlers.get(address)?.(path, request) ?? new Response(null, { status: 404 });
    });
  }

  /** The address of a member in an epoch: it has a new one in each. */
  urlsIn(epoch: number): Record<string, string> {
    const { port } = this.#server.addr;
    return Object.fromEntries(NAMES.map((name) => [name, `http://127.0.0.1:${port}/${name}-${epoch}`]));
  }

  first(changes: Parameters<typeof epochWith>[1] = {}): Epoch {
    return { ...epochWith(NAMES, changes), urls: this.urlsIn(0) };
  }

  /** The links of so many further epochs. In each all members have new keys and addresses. `change`: what else changes. */
  async chainFrom(
    first: Epoch,
    count: number,
    { change = () => ({}), fork = "" }: { readonly change?: (epoch: number) => Change; readonly fork?: string } = {},
  ): Promise<{ readonly epochs: readonly Epoch[]; readonly links: readonly Uint8Array[] }> {
    let epochs: readonly Epoch[] = [first];
    const links: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const present = epochs.at(-1)!;
      const number = present.number + 1;
      // A thief has the keys of the epoch at which his fork begins, and makes those that come after.
      const keys = (name: string) => seedOf(name, present.number) + (i > 0 ? fork : "");
      const replicas = NAMES.map((name) => memberOf(name, seedOf(name, number) + fork));
      const next: Change = { replicas, urls: this.urlsIn(number), ...change(number) };
      const operation = operationOf(present, await approved(present, next, quorumOf(present), keys));
      const link = await linkOf(present, operation, { keys });
      links.push(link);
      epochs = [...epochs, ...(await followChain(present, [link], crypto)).slice(1)];
    }
    return { epochs, links };
  }

  /** A member signs for an epoch, says what it is told to, and shows links. `seed`: whose key it has. */
  member(
    { epoch, name, says, links, seed }: {
      readonly epoch: Epoch;
      readonly name: string;
      readonly says: string;
      readonly links: (after: number) => readonly Uint8Array[];
      readonly seed?: string;
    },
  ): Handler {
    const { context, number, genesis, cluster } = epoch;
    const signer = createSigner(keyOf(seed ?? seedOf(name, number)).privateKey, context, number);
    const replica = NAMES.indexOf(name) as ReplicaId;
    const at = (number * 64 + 1) as SequenceNumber;
    const ok = (value: string): Result => ({ sequence: at, status: "ok", value: utf8(value) });
    return async (path, incoming) => {
      if (path === "epochs") {
        const after = Number(new URL(incoming.url).searchParams.get("after"));
        return Response.json({ cluster, epoch: number, after, links: links(after).map(toBase64) });
      }
      const body = new Uint8Array(await incoming.arrayBuffer());
      const tooLarge = () => Response.json({ detail: "too large" }, { status: 413 });
      if (body.length > genesis.limits.maxRequestBytes) return tooLarge();
      const { signed } = decodeFrame(body, wireLimits({ ...genesis, limits: DEFAULT_LIMITS }));
      const digest = sha256(signed.bytes);
      const message = signed.message as ClientRequest | Query;
      const { limits } = genesis;
      if (message.operations.length > limits.maxRequestOperations || signed.bytes.length > limits.maxRequestBytes) {
        return tooLarge();
      }
      const results = message.operations.length === 0
        ? [ok("1")]
        : message.operations.map(() => ok(JSON.stringify(says)));
      if (message.kind === "query") {
        const reply: QueryReply = { kind: "query-reply", replica, view: 0 as View, query: digest, results };
        return new Response(encodeFrame(sign(signer, reply)) as Uint8Array<ArrayBuffer>);
      }
      this.answered.push({ epoch: number, request: message });
      const reply: Reply = { kind: "reply", replica, view: 0 as View, request: digest, results };
      return new Response(encodeFrame(sign(signer, reply)) as Uint8Array<ArrayBuffer>);
    };
  }

  /** Members who have left: they say so, and where the cluster went. */
  gone(links: (after: number) => readonly Uint8Array[]): Handler {
    return (path, incoming) => {
      if (path !== "epochs") return Response.json({ detail: "no member" }, { status: 410 });
      const after = Number(new URL(incoming.url).searchParams.get("after"));
      return Response.json({ after, links: links(after).map(toBase64) });
    };
  }

  /** Puts a handler at the addresses of these members in an epoch. */
  put(epoch: number, of: (name: string) => Handler, names: readonly string[] = NAMES): void {
    for (const name of names) this.handlers.set(`${name}-${epoch}`, of(name));
  }

  async close(): Promise<void> {
    await this.#server.shutdown();
  }
}
