import { clusterId } from "../../src/crypto/mod.ts";
import { firstEpoch } from "../../src/wire/epochs/mod.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/mod.ts";
import { Client } from "../../src/client/mod.ts";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import { createApp } from "../../src/http/mod.ts";
import { KeyValue } from "../../src/machines/key_value.ts";
import { ReplicaNode } from "../../src/node/node.ts";
import type { Timer } from "../../src/node/ports.ts";
import { ReplicaObject } from "../../src/runtime/cloudflare.ts";
import { serve as serveReplica, type ServedReplica, systemTimer } from "../../src/runtime/deno.ts";
import { transportOf } from "../../src/runtime/host/transport.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import type { ClusterFile } from "../../src/wire/mod.ts";
import { genesisOf, keyPairOf, NAMES } from "../node/_cluster.ts";
import { freePorts } from "../tools/ports.ts";

type Fetch = (request: Request) => Response | Promise<Response>;

function clusterAt(ports: readonly number[]): ClusterFile {
  return {
    genesis: genesisOf(4),
    urls: Object.fromEntries(NAMES.map((name, i) => [name, `http://127.0.0.1:${ports[i]}`])),
  };
}

function serve(cluster: ClusterFile, id: number, port?: number): Promise<ServedReplica> {
  const { privateKey } = keyPairOf(id + 1);
  const store = new MemoryStore();
  return serveReplica({ cluster, self: id as ReplicaId, privateKey, store, start: "new", ...(port && { port }) });
}

/** What `check` prints of each member, by name. */
async function check(cluster: ClusterFile): Promise<{ readonly code: number; readonly of: Record<string, string> }> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, JSON.stringify(cluster));
    const lines: string[] = [];
    const code = await main(["check", path], (line) => lines.push(line));
    return { code, of: Object.fromEntries(lines.map((line) => [line.split(" ", 1)[0]!, line])) };
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("check finds real replicas healthy, then one unreachable, one of another cluster, and one behind", async () => {
  const ports = freePorts(5);
  const cluster = clusterAt(ports);
  // To the others Dog is where nobody is, so that it hears of nothing.
  const hidden = { ...cluster, urls: { ...cluster.urls, Dog: `http://127.0.0.1:${ports[4]}` } };
  const up = await Promise.all([0, 1, 2].map((id) => serve(hidden, id)));
  up.push(await serve(cluster, 3));
  const client = new Client({ cluster: hidden });
  try {
    await client.invoke("INCR n");
    const first = await check(cluster);
    assertEquals([first.code, ...NAMES.map((name) => first.of[name]!.split(/ {2,}/).at(-1))], [
      0,
      ...NAMES.map(() => "healthy"),
    ]);
    for (let i = 0; i < 10; i++) await client.invoke("INCR n");
    const behind = await check(cluster);
    assertEquals(behind.code, 1);
    assertMatch(behind.of.Dog!, /1[0-9] batches behind$/);

    await up[2]!.close();
    const genesis = { ...cluster.genesis, name: "another" };
    up[2] = await serve({ ...cluster, genesis }, 2);
    await up[3]!.close();
    const { code, of } = await check(cluster);
    assertEquals(code, 3);
    assertMatch(of.Candy!, /another cluster: [0-9a-f]{8}, expected [0-9a-f]{8}/);
    assertMatch(of.Dog!, /unreachable$/);
  } finally {
    client.close();
    await Promise.all(up.map((replica) => replica.close()));
  }
});

Deno.test("check finds a replica whose clock is wrong, one that has not the member's key, and one that was given another's", async () => {
  const ports = freePorts(4);
  const cluster = clusterAt(ports);
  const clock = systemTimer();
  const fast: Timer = { ...clock, now: () => (clock.now() + 60_000) as ReturnType<Timer["now"]> };
  const node = await ReplicaNode.open({
    self: 0 as ReplicaId,
    genesis: cluster.genesis,
    store: new MemoryStore(),
    transport: transportOf(firstEpoch(cluster, clusterId(cluster.genesis)), 0 as ReplicaId, keyPairOf(1).privateKey),
    timer: fast,
    privateKey: keyPairOf(1).privateKey,
    stateMachine: () => new KeyValue(),
    start: "new",
  });
  const stopping = new AbortController();
  const apple = createApp(node, { timer: fast, signal: stopping.signal });
  const ball = await serve(cluster, 1);
  // It says what Ball says, but that it is Candy; it can't sign so.
  const impostor: Fetch = async ({ url, method, headers, body }) => {
    const { pathname } = new URL(url);
    const sent = body && await new Response(body).arrayBuffer();
    const answer = await fetch(`${ball.url}${pathname}`, { method, headers, body: sent });
    return pathname === "/status" ? Response.json({ ...await answer.json(), nodeID: "Candy" }) : answer;
  };
  const storage = {
    sql: { exec: () => [{ number: 0 }] },
    transactionSync: <T>(run: () => T) => run(),
    sync: () => Promise.resolve(),
    setAlarm: () => Promise.resolve(),
  };
  const variables = {
    PBFT_CLUSTER: JSON.stringify(cluster),
    PBFT_REPLICA: "Dog",
    PBFT_PRIVATE_KEY: keyPairOf(1).privateKey,
  };
  const dog = new ReplicaObject({ storage, waitUntil: () => {} }, variables);
  const fetches: readonly [number, Fetch][] = [[0, apple.fetch], [2, impostor], [3, (request) => dog.fetch(request)]];
  const servers = fetches.map(([at, answer]) =>
    Deno.serve({ hostname: "127.0.0.1", port: ports[at]!, onListen: () => {} }, (request) => answer(request))
  );
  try {
    const { code, of } = await check(cluster);
    assertEquals(code, 3);
    assertMatch(of.Apple!, /its clock is (59|60)\.\d s ahead$/);
    assertStringIncludes(of.Ball!, "healthy");
    assertMatch(of.Candy!, /the server at this URL does not hold Candy's key$/);
    assertStringIncludes(
      of.Dog!,
      `answers 503: the replica can't be opened: privateKey: expected the key of Dog, ${keyPairOf(4).publicKey}`,
    );
    assertEquals(of.Dog!.includes(keyPairOf(1).privateKey), false);
  } finally {
    await ball.close();
    await node.close();
    stopping.abort();
    await Promise.all(servers.map((server) => server.shutdown()));
  }
});
