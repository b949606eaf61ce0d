/** The client over epochs, over HTTP: it slept for five of them, thieves have the keys of closed ones, and limits change. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Client } from "../../src/client/mod.ts";
import { RequestDeniedError, TimeoutError } from "../../src/client/errors.ts";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import type { Epoch } from "../../src/wire/epochs/mod.ts";
import { toBase64 } from "../../src/wire/mod.ts";
import { EpochServers, type Handler, NAMES, seedOf } from "./_epoch_servers.ts";

/** Settings that let a test end soon where a client may not succeed. */
const QUICK = { timeoutMs: 500, retryMs: 50, maxRetryMs: 200 };

async function withServers(run: (servers: EpochServers) => Promise<void>): Promise<void> {
  const servers = new EpochServers();
  try {
    await run(servers);
  } finally {
    await servers.close();
  }
}

/** The cluster file that a client was given once. */
const fileOf = ({ genesis, urls }: Epoch) => ({ genesis, urls });
const after = (links: readonly Uint8Array[]) => (epoch: number) => links.slice(epoch);

/** An honest cluster in its last epoch. Members of the earlier ones have left. */
function serveHonest(servers: EpochServers, epochs: readonly Epoch[], links: readonly Uint8Array[]): void {
  const last = epochs.at(-1)!;
  for (const { number } of epochs.slice(0, -1)) servers.put(number, () => servers.gone(after(links)));
  servers.put(last.number, (name) => servers.member({ epoch: last, name, says: "honest", links: after(links) }));
}

Deno.test("a client that slept for five epochs, in which all keys and addresses changed, goes on, and so does one with some links", () =>
  withServers(async (servers) => {
    const { epochs, links } = await servers.chainFrom(servers.first(), 5);
    serveHonest(servers, epochs, links);
    for (const known of [0, 3, 5]) {
      const client = new Client({ cluster: fileOf(epochs[0]!), chain: links.slice(0, known) });
      assertEquals([await client.invoke("GET x"), await client.query("GET x")], ["honest", "honest"]);
      assertEquals(client.chain, links);
      client.close();
    }
  }));

Deno.test("a client whose last epoch has nobody left goes on by the addresses of a newer cluster file", () =>
  withServers(async (servers) => {
    const { epochs, links } = await servers.chainFrom(servers.first(), 3);
    const [first, last] = [epochs[0]!, epochs.at(-1)!];
    // Of the earlier epochs nobody is there any more.
    for (const { number } of epochs.slice(0, -1)) {
      servers.put(number, () => () => new Response("nobody", { status: 503 }));
    }
    servers.put(last.number, (name) => servers.member({ epoch: last, name, says: "honest", links: after(links) }));
    const moved = Object.fromEntries(NAMES.map((name) => [name, last.urls[name]!]));
    for (const known of [0, 1, 2]) {
      const chain = links.slice(0, known);
      const client = new Client({ cluster: { genesis: first.genesis, urls: moved }, chain, timeoutMs: 30_000 });
      assertEquals(await client.invoke("GET x"), "honest");
      assertEquals(client.chain, links);
      client.close();
    }
  }));

/** What a thief at the address of a member shows as the chain after epoch 3, with all keys of epochs 0 to 2. */
async function forgeries(servers: EpochServers, epochs: readonly Epoch[], links: readonly Uint8Array[]) {
  const fork = async (epoch: number, count: number) =>
    (await servers.chainFrom(epochs[epoch]!, count, { fork: " of a thief" })).links;
  const [fromZero, fromTwo] = [await fork(0, 4), await fork(2, 2)];
  return {
    "a chain from epoch 0": () => fromZero,
    "its last link": () => fromZero.slice(3),
    "a chain from epoch 2": () => fromTwo,
    "the link after epoch 3 of a fork": () => fromTwo.slice(1),
    "the links before it": () => links.slice(0, 3),
    "a link of the past": () => links.slice(2, 3),
    "two thousand links": () => Array.from({ length: 2_000 }, () => fromZero[0]!.slice(0, 300)),
    "nothing that is a link": () => [new Uint8Array(), new Uint8Array(9)],
  };
}

/** Answers that are no answers. */
const BROKEN: Readonly<Record<string, () => Response>> = {
  "an endless body": () =>
    new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(32)) })),
  "a redirect": () => Response.redirect("http://127.0.0.1:1/epochs", 302),
  "null": () => new Response("null"),
  "no list": () => new Response('{"links":7}'),
  "no base64": () => new Response('{"links":["!"]}'),
  "an open brace": () => new Response("{"),
};

/** Has a thief at these addresses, who signs for an epoch with the keys of one of epochs 0 to 2. */
function putThief(
  servers: EpochServers,
  names: readonly string[],
  { epochs, at, signs, show }: {
    readonly epochs: readonly Epoch[];
    readonly at: readonly number[];
    readonly signs: number;
    readonly show: Handler;
  },
): void {
  for (const number of at) {
    servers.put(number, (name) => {
      const seed = seedOf(name, signs % 3);
      const says = servers.member({ epoch: epochs[signs]!, name, seed, says: "forged", links: () => [] });
      return (path, request) => path === "epochs" ? show(path, request) : says(path, request);
    }, names);
  }
}

Deno.test("thieves with all keys of epochs 0 to 2 convince nobody who knows epoch 3, and one honest address is enough to go on", () =>
  withServers(async (servers) => {
    const { epochs, links } = await servers.chainFrom(servers.first(), 5);
    serveHonest(servers, epochs, links);
    const shows: [string, Handler][] = [
      ...Object.entries(await forgeries(servers, epochs, links)).map(([what, links]): [string, Handler] => {
        const body = JSON.stringify({ links: links().map(toBase64) });
        return [what, () => new Response(body)];
      }),
      ...Object.entries(BROKEN).map(([what, respond]): [string, Handler] => [what, () => respond()]),
    ];
    for (const [i, [what, show]] of shows.entries()) {
      // They sign for epoch 0 or 2, or in the name of epoch 3 with the keys of epoch 0.
      putThief(servers, NAMES.slice(0, 3), { epochs, at: [0, 1, 2, 3], signs: [0, 2, 3][i % 3]!, show });
      const client = new Client({
        cluster: fileOf(epochs[0]!),
        chain: links.slice(0, 3),
        retryMs: 50,
        maxRetryMs: 200,
      });
      assertEquals([await client.invoke("GET x"), await client.query("GET x")], ["honest", "honest"], what);
      assertEquals(client.chain, links, what);
      client.close();
    }
    // At all addresses: nothing is believed.
    for (const signs of [0, 3]) {
      putThief(servers, NAMES, { epochs, at: [0, 1, 2, 3, 4, 5], signs, show: shows[signs]![1] });
      const client = new Client({ cluster: fileOf(epochs[0]!), chain: links.slice(0, 3), ...QUICK });
      const calls = [client.invoke("GET x"), client.query("GET x")];
      for (const call of calls) await assertRejects(() => call, TimeoutError);
      assertEquals(client.chain.length, 3);
      client.close();
    }
    // Who knows only the genesis has no such defence: docs/membership.md says so.
    const fork = await servers.chainFrom(epochs[0]!, 1, { fork: " of a thief" });
    servers.put(0, () => servers.gone(after(fork.links)));
    servers.put(
      1,
      (name) =>
        servers.member({
          epoch: fork.epochs[1]!,
          name,
          seed: `${seedOf(name, 1)} of a thief`,
          says: "forged",
          links: () => [],
        }),
    );
    const deceived = new Client({ cluster: fileOf(epochs[0]!) });
    assertEquals(await deceived.invoke("GET x"), "forged");
    deceived.close();
    // Somebody who knows one more link is not deceived.
    const wary = new Client({ cluster: fileOf(epochs[0]!), chain: links.slice(0, 1), ...QUICK });
    await assertRejects(() => wary.invoke("GET x"), TimeoutError);
    wary.close();
  }));

/** The limits of a cluster that changes them in epoch 1. */
async function withLimits(
  before: { readonly maxRequestBytes?: number; readonly maxRequestOperations?: number },
  then: typeof before,
  run: (servers: EpochServers, epochs: readonly Epoch[], links: readonly Uint8Array[]) => Promise<void>,
): Promise<void> {
  await withServers(async (servers) => {
    const first = servers.first({ limits: { ...DEFAULT_LIMITS, ...before } });
    const { epochs, links } = await servers.chainFrom(first, 1, { change: () => ({ limits: then }) });
    serveHonest(servers, epochs, links);
    await run(servers, epochs, links);
  });
}

Deno.test("after a change of limits a client bundles by those in force, whether they rose or fell", async () => {
  for (const [before, then] of [[4, 16], [16, 4]] as const) {
    await withLimits({ maxRequestOperations: before }, { maxRequestOperations: then }, async (servers, epochs) => {
      const client = new Client({ cluster: fileOf(epochs[0]!), maxInFlight: 1 });
      await Promise.all(Array.from({ length: 40 }, (_, i) => client.invoke(`SET x ${i}`)));
      const sizes = servers.answered.map(({ request }) => request.operations.length);
      assertEquals(Math.max(...sizes), then, `${sizes}`);
      client.close();
    });
  }
});

Deno.test("an operation that only the present limits allow is sent, also as the first of a client that knows the genesis", async () => {
  const [small, large] = [8_192, 65_536];
  const operation = `SET x ${"v".repeat(20_000)}`;
  await withLimits({ maxRequestBytes: small }, { maxRequestBytes: large }, async (_servers, epochs, links) => {
    for (const chain of [[], links]) {
      const client = new Client({ cluster: fileOf(epochs[0]!), chain });
      assertEquals([await client.invoke(operation), await client.query(operation)], ["honest", "honest"]);
      const error = await assertRejects(() => client.invoke("x".repeat(large)), RangeError);
      assert(error.message.includes(`got ${large}`) && Number(/at most (\d+)/.exec(error.message)![1]) > small);
      client.close();
    }
  });
  await withLimits({ maxRequestBytes: large }, { maxRequestBytes: small }, async (_servers, epochs, links) => {
    // It waits for the session, in whose opening the client learns of the limits.
    const unaware = new Client({ cluster: fileOf(epochs[0]!) });
    const calls = [unaware.invoke("GET x"), unaware.invoke(operation), unaware.invoke("GET y")];
    await assertRejects(() => calls[1]!, RequestDeniedError);
    assertEquals(await Promise.all([calls[0], calls[2]]), ["honest", "honest"]);
    unaware.close();
    const client = new Client({ cluster: fileOf(epochs[0]!), chain: links });
    await client.invoke("GET x");
    await assertRejects(() => client.invoke(operation), RangeError);
    await assertRejects(() => client.query(operation), RangeError);
    client.close();
  });
});
