import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { main as cli } from "../../src/cli/mod.ts";
import { Client } from "../../src/client/mod.ts";
import type { ReplicaId } from "../../src/core/ids.ts";
import { clusterId } from "../../src/crypto/mod.ts";
import { createApp, FetchTransport } from "../../src/http/mod.ts";
import { KeyValue } from "../../src/machines/key_value.ts";
import { Node } from "../../src/node/node.ts";
import { DenoKvStore, EDGE_SETTINGS, serveReplica, systemTimer } from "../../src/runtime/deno.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { type ClusterFile, parseClusterFile } from "../../src/wire/mod.ts";

const NAMES = ["Apple", "Ball", "Candy", "Dog"];

/** A host that starts the replica anew for each request, on one database. */
class ColdHost {
  starts = 0;
  readonly #cluster: ClusterFile;
  readonly #self: number;
  readonly #privateKey: string;
  readonly #path: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #ending = new Set<Promise<void>>();

  constructor(cluster: ClusterFile, options: { self: number; privateKey: string; path: string }) {
    this.#cluster = cluster;
    this.#self = options.self;
    this.#privateKey = options.privateKey;
    this.#path = options.path;
    const port = Number(new URL(cluster.urls[NAMES[this.#self]!]!).port);
    this.#server = Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, (request) => this.#answer(request));
  }

  async #answer(request: Request): Promise<Response> {
    this.starts++;
    const timer = systemTimer();
    const { genesis, urls } = this.#cluster;
    const stopping = new AbortController();
    const node = await Node.open({
      self: this.#self as ReplicaId,
      genesis,
      settings: { ...EDGE_SETTINGS, idleStatusMs: 2_000 },
      store: await DenoKvStore.open(this.#path),
      transport: new FetchTransport({ clusterFile: this.#cluster, cluster: clusterId(genesis) }),
      timer,
      privateKey: this.#privateKey,
      stateMachine: () => new KeyValue(),
      keepsInputs: true,
    });
    const response = await createApp(node, { timer, urls, signal: stopping.signal, waitMs: 300 }).fetch(request);
    const body = await response.arrayBuffer();
    const end = (async () => {
      await node.sent();
      await node.close();
      stopping.abort();
    })();
    this.#ending.add(end);
    end.finally(() => this.#ending.delete(end));
    const { status, headers } = response;
    return new Response(status === 202 && body.byteLength === 0 ? null : body, { status, headers });
  }

  async close(): Promise<void> {
    await this.#server.shutdown();
    while (this.#ending.size > 0) await Promise.all(this.#ending);
  }
}

function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ports = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return ports;
}

Deno.test("a replica on Deno KV that is started anew for each request does its part: nothing goes without it", async () => {
  const folder = await Deno.makeTempDir();
  const ports = freePorts(4);
  const members = NAMES.map((name, i) => `${name}=http://127.0.0.1:${ports[i]}`);
  await cli(["init", ...members, "--folder", `${folder}/pbft`, "--interval", "8"], () => {});
  const cluster = parseClusterFile(JSON.parse(await Deno.readTextFile(`${folder}/pbft/cluster.json`)));
  const keyOf = async (name: string) => (await Deno.readTextFile(`${folder}/pbft/${name}/key`)).trim();
  const store = () => new MemoryStore();
  // Dog is away: each quorum needs Ball.
  const up = await Promise.all(
    ["Apple", "Candy"].map(async (self) =>
      await serveReplica({ cluster, self, privateKey: await keyOf(self), store: store() })
    ),
  );
  const cold = new ColdHost(cluster, { self: 1, privateKey: await keyOf("Ball"), path: `${folder}/kv` });
  const client = new Client({ cluster, timeoutMs: 30_000 });
  try {
    const numbers: number[] = [];
    for (let i = 0; i < 200; i += 4) {
      numbers.push(...await Promise.all([1, 2, 3, 4].map(() => client.invoke<number>("INCR n"))));
    }
    assertEquals(numbers.sort((a, b) => a - b), Array.from({ length: 200 }, (_, i) => i + 1));
    const status = await (await fetch(`${cluster.urls.Ball}/status`)).json();
    assertEquals(status.halted, null);
    assertGreater(status.lastExecuted, 40);
    assertGreater(cold.starts, 200);
    assertLess(cold.starts, 4_000);
  } finally {
    client.close();
    await Promise.all(up.map((replica) => replica.close()));
    await cold.close();
    await Deno.remove(folder, { recursive: true });
  }
});
