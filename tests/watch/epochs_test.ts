/** Watching served replicas, over real connections and over changes of the members. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type ChangeEvent, Client, type MissedEvent, verifyChange, type Watch } from "../../src/client/mod.ts";
import { clusterId, createSigner, sha256 } from "../../src/crypto/mod.ts";
import { serve } from "../../src/runtime/deno.ts";
import type { ServedReplica } from "../../src/runtime/host/options.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { approve, type Epoch, firstEpoch, followChain, operationOf, propose } from "../../src/wire/epochs/mod.ts";
import { type ClusterFile, utf8 } from "../../src/wire/mod.ts";
import { clusterFile, FOUR, keyOf, memberOf, OTHERS, until } from "../node/_epochs.ts";
import { freePorts } from "../tools/ports.ts";
import { crypto } from "../wire/_epochs.ts";

const ALL = [...FOUR, ...OTHERS];

async function serveAll() {
  const ports = freePorts(ALL.length);
  const urlsOf = (names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, `http://127.0.0.1:${ports[ALL.indexOf(name)]}`]));
  const cluster: ClusterFile = { genesis: clusterFile.genesis, urls: urlsOf(FOUR) };
  const served = new Map<string, ServedReplica>();
  const start = async (self: string, chain: readonly Uint8Array[] = []) => {
    const store = new MemoryStore();
    const options = { cluster, self, privateKey: keyOf(self).privateKey, store, chain, start: "new" } as const;
    served.set(self, await serve({ ...options, hostname: "127.0.0.1", port: ports[ALL.indexOf(self)]! }));
  };
  for (const self of FOUR) await start(self);
  return { cluster, start, urlsOf, close: () => Promise.all([...served.values()].map((one) => one.close())) };
}

/** Has the members replaced by these. */
async function replace(client: Client, cluster: ClusterFile, names: readonly string[], urls: Record<string, string>) {
  const first = firstEpoch(cluster, clusterId(cluster.genesis));
  const epoch: Epoch = (await followChain(first, client.chain, crypto)).at(-1)!;
  let proposal = propose(epoch, { replicas: names.map(memberOf), urls });
  for (const { name } of epoch.genesis.replicas) {
    const signer = createSigner(keyOf(name).privateKey, epoch.cluster, epoch.number + 1);
    proposal = await approve(epoch, proposal, { signer, hash: sha256 });
  }
  await client.invoke(utf8(new TextDecoder().decode(operationOf(epoch, proposal))));
  await until("the client follows", () => client.chain.length > epoch.number);
}

/** Takes events until the value `last`. */
async function valuesOf(watch: Watch<ChangeEvent | MissedEvent>, last: number): Promise<number[]> {
  const values: number[] = [];
  for await (const event of watch) {
    if (event.kind === "missed") throw new Error(`missed ${event.from} to ${event.through}`);
    values.push(Number(event.value));
    if (values.at(-1) === last) break;
  }
  return values;
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

Deno.test("a watch goes on while one member is replaced, and then all, and none of the changes is lost or repeated", async () => {
  const { cluster, start, urlsOf, close } = await serveAll();
  const [writer, reader, sleeper] = [0, 1, 2].map(() => new Client({ cluster, timeoutMs: 60_000 }));
  const { promise: atLast, resolve: setLast } = Promise.withResolvers<number>();
  try {
    let [count, isOver] = [0, false];
    const seen: number[] = [];
    const changes: ChangeEvent[] = [];
    const watching = (async () => {
      const last = atLast;
      let end: number | null = null;
      void last.then((value) => end = value);
      for await (const event of reader!.watch({ key: "n" }, { from: 1 })) {
        if (event.kind === "missed") throw new Error(`missed ${event.from} to ${event.through}`);
        seen.push(Number(event.value));
        changes.push(event);
        if (Number(event.value) === end) break;
      }
    })();
    const load = (async () => {
      for (; !isOver; count++) assertEquals(await writer!.invoke("INCR n"), count + 1);
    })();
    await until("there is load", () => seen.length > 10);
    const mixed = [...OTHERS.slice(0, 1), ...FOUR.slice(1)];
    await replace(writer!, cluster, mixed, urlsOf(mixed));
    await start(mixed[0]!, writer!.chain);
    const then = count;
    await until("operations are executed in epoch 1", () => count > then + 10);
    // Those who stay know what came before, for those who were away.
    assertEquals(await valuesOf(sleeper!.watch({ key: "n" }, { from: 1 }), then), upTo(then));
    await replace(writer!, cluster, OTHERS, urlsOf(OTHERS));
    await Promise.all(OTHERS.slice(1).map((name) => start(name, writer!.chain)));
    const later = count;
    await until("operations are executed in epoch 2", () => count > later + 10);
    isOver = true;
    await load;
    setLast(count + 1);
    await writer!.invoke("INCR n");
    await watching;
    assertEquals(seen, upTo(count + 1));
    assert(reader!.chain.length === 2);
    for (const change of [changes[0]!, changes[then]!, changes[later]!, changes.at(-1)!]) {
      assertEquals((await verifyChange(cluster, change, reader!.chain)).sequence, change.sequence);
    }
    assert(
      (await verifyChange(cluster, changes.at(-1)!, reader!.chain)).signers.every((name) => OTHERS.includes(name)),
    );
    await assertRejects(() => verifyChange(cluster, changes.at(-1)!), Error, "signature");
  } finally {
    setLast(0);
    for (const client of [writer, reader, sleeper]) client!.close();
    await close();
  }
});
