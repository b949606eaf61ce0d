import { assert, assertEquals, assertRejects } from "@std/assert";
import { Client, ProofError, verifyReceipt } from "../../src/client/mod.ts";
import { createSigner, sha256 } from "../../src/crypto/mod.ts";
import { serve } from "../../src/runtime/deno.ts";
import type { ServedReplica } from "../../src/runtime/host/options.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { approve, type Change, firstEpoch, followChain, operationOf, propose } from "../../src/wire/epochs/mod.ts";
import { type ClusterFile, fromBase64, fromUtf8, utf8 } from "../../src/wire/mod.ts";
import { clusterId } from "../../src/crypto/mod.ts";
import { clusterFile, FOUR, keyOf, memberOf, OTHERS, until } from "../node/_epochs.ts";
import { crypto } from "../wire/_epochs.ts";
import { freePorts } from "../tools/ports.ts";

const at = (names: readonly string[], ports: readonly number[]) =>
  Object.fromEntries(names.map((name, i) => [name, `http://127.0.0.1:${ports[i]}`]));

async function req(url: string, clientID: string, timestamp: number, operation: string): Promise<[number, string]> {
  const body = JSON.stringify({ clientID, timestamp, operation });
  const response = await fetch(`${url}/req`, { method: "POST", headers: { "content-type": "application/json" }, body });
  return [response.status, await response.text()];
}

async function approved(cluster: ClusterFile, change: Change): Promise<string> {
  const epoch = firstEpoch(cluster, clusterId(cluster.genesis));
  let proposal = propose(epoch, change);
  for (const name of FOUR.slice(1)) {
    const signer = createSigner(keyOf(name).privateKey, epoch.cluster, 1);
    proposal = await approve(epoch, proposal, { signer, hash: sha256 });
  }
  return fromUtf8(operationOf(epoch, proposal));
}

/** Serves four members, and four that are to replace them. */
async function serveAll() {
  const ports = freePorts(8);
  const urls = { ...at(FOUR, ports), ...at(OTHERS, ports.slice(4)) };
  const cluster: ClusterFile = { genesis: clusterFile.genesis, urls: at(FOUR, ports) };
  const served = new Map<string, ServedReplica>();
  for (const [i, name] of [...FOUR, ...OTHERS].entries()) {
    const options = { cluster, self: name, privateKey: keyOf(name).privateKey, store: new MemoryStore(), chain: [] };
    served.set(name, await serve({ ...options, start: "new", hostname: "127.0.0.1", port: ports[i]! }));
  }
  const close = () => Promise.all([...served.values()].map((one) => one.close()));
  return { urls, cluster, served, close, others: at(OTHERS, ports.slice(4)) };
}

Deno.test("four served members are replaced by four others over HTTP, and /epochs proves it", async () => {
  const { urls, cluster, others, close } = await serveAll();
  try {
    for (let i = 1; i <= 12; i++) assertEquals((await req(urls["Ball"]!, "a", i, "INCR n"))[0], 200);
    const before = await fetch(`${urls["Eagle"]}/status`);
    assertEquals(before.status, 410, "it is no member yet, and says where the cluster is");
    assert((await before.text()).includes(urls["Apple"]!));
    const operation = await approved(cluster, { replicas: OTHERS.map(memberOf), urls: others });
    const [status, text] = await req(urls["Candy"]!, "admin", 1, operation);
    assertEquals([status, JSON.parse(text).result.epoch], [200, 1], text);
    await until("a new member answers", async () => (await req(urls["Fig"]!, "a", 13, "INCR n"))[0] === 200);
    const [, answer] = await req(urls["Goat"]!, "b", 1, "GET n");
    assert(answer.includes("13"), answer);
    await until("the old ones have left", async () => {
      const answers = await Promise.all(FOUR.map((name) => fetch(`${urls[name]}/status`)));
      for (const { body } of answers) await body?.cancel();
      return answers.every(({ status }) => status === 410);
    });
    const gone = await (await fetch(`${urls["Apple"]}/req`, { method: "POST", body: "{}" })).json();
    assertEquals(gone.urls, others);
    for (const name of ["Apple", "Hat"]) {
      const { links } = await (await fetch(`${urls[name]}/epochs`)).json();
      const chain = (links as string[]).map(fromBase64);
      const epochs = await followChain(firstEpoch(cluster, clusterId(cluster.genesis)), chain, crypto);
      assertEquals(epochs.at(-1)!.genesis.replicas.map(({ name }) => name), OTHERS);
    }
    const malformed = await fetch(`${urls["Hat"]}/epochs?after=-1`);
    assertEquals(malformed.status, 400);
    await malformed.body?.cancel();
    const { epoch } = await (await fetch(`${urls["Hat"]}/epochs`)).json();
    assertEquals(epoch, 1);
  } finally {
    await close();
  }
});

Deno.test("a client works on while all members are replaced, keeps what it learned, and its receipts verify", async () => {
  const { cluster, others, served, close } = await serveAll();
  const learned: (readonly Uint8Array[])[] = [];
  const client = new Client({ cluster, timeoutMs: 60_000, onChain: (chain) => learned.push(chain) });
  const reader = new Client({ cluster, timeoutMs: 60_000 });
  try {
    const first = await client.submit("INCR n");
    let count = 1;
    let isOver = false;
    const load = (async () => {
      for (; !isOver; count++) assertEquals(await client.invoke("INCR n"), count + 1);
    })();
    await until("there is load", () => count > 10);
    const operation = await approved(cluster, { replicas: OTHERS.map(memberOf), urls: others });
    const admin = new Client({ cluster });
    assertEquals((await admin.invoke<{ epoch: number }>(utf8(operation))).epoch, 1);
    admin.close();
    await until("the client has learned of the next epoch", () => learned.length > 0);
    const then = count;
    await until("its operations are executed there", () => count > then + 10);
    isOver = true;
    await load;
    // One that slept follows: the members that it knows have left, and show it the link.
    assertEquals(await reader.query("GET n"), String(count));
    for (const name of FOUR) await served.get(name)!.close();
    const last = await client.submit("INCR n");
    const chain = client.chain;
    assertEquals(chain.length, 1);
    assertEquals((await verifyReceipt(cluster, first.receipt, chain)).voters.length, 2);
    assertEquals((await verifyReceipt(cluster, last.receipt, chain)).result.sequence, last.sequence);
    assertEquals((await verifyReceipt(cluster, first.receipt)).result.sequence, first.sequence);
    await assertRejects(() => verifyReceipt(cluster, last.receipt), ProofError);
    const later = new Client({ cluster, chain });
    assertEquals(await later.invoke("GET n"), String(count + 1), "what it learned was kept");
    later.close();
  } finally {
    client.close();
    reader.close();
    await close();
  }
});
