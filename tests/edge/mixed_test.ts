import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  type Place,
  type Running,
  startDeno,
  startDenoKv,
  startNode,
  startWorkerd,
} from "../../examples/mixed/members.ts";
import { main as cli } from "../../src/cli/mod.ts";
import { Client } from "../../src/client/mod.ts";
import { parseClusterFile } from "../../src/wire/mod.ts";
import { freePorts } from "../tools/ports.ts";
import { nodeOf } from "./_runtimes.ts";

const NAMES = ["Apple", "Ball", "Candy", "Dog"] as const;
type Name = typeof NAMES[number];

const STARTERS = {
  Apple: startDeno,
  Candy: startWorkerd,
  Dog: startNode,
};

/** What Deno Deploy puts in front of the instances of an app: each request goes to the next of them. */
class Splitter {
  backends: readonly string[] = [];
  /** How many requests went to each. */
  readonly passed = new Map<string, number>();
  #next = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(port: number) {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, (request) => this.#pass(request));
  }

  async #pass(request: Request): Promise<Response> {
    const backend = this.backends[this.#next++ % this.backends.length];
    this.passed.set(backend!, (this.passed.get(backend!) ?? 0) + 1);
    const body = await request.arrayBuffer();
    const { pathname, search } = new URL(request.url);
    try {
      const { method, headers } = request;
      return await fetch(`${backend}${pathname}${search}`, { method, headers, ...(method === "POST" && { body }) });
    } catch {
      return new Response(null, { status: 502 });
    }
  }

  close(): Promise<void> {
    return this.#server.shutdown();
  }
}

Deno.test({
  name: "four runtimes are one cluster, and each may be ended and started again under load",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const folder = await Deno.makeTempDir();
    const ports = freePorts(6);
    const members = NAMES.map((name, i) => `${name}=http://127.0.0.1:${ports[i]}`);
    await cli(["init", ...members, "--folder", `${folder}/pbft`, "--interval", "16"], () => {});
    const worker = "tests/edge/_evictable_worker.ts";
    const place: Place = { folder: `${folder}/pbft`, nodePath: await nodeOf(22, 13), worker };
    const cluster = parseClusterFile(JSON.parse(await Deno.readTextFile(`${place.folder}/cluster.json`)));
    const running = new Map<Name | "Ball again", Running>();
    // Ball is an app behind a load balancer.
    const splitter = new Splitter(ports[1]!);
    const startBall = (port: number) => startDenoKv(place, "Ball", port);
    const start = (name: Name) => name === "Ball" ? startBall(ports[4]!) : STARTERS[name](place, name);
    splitter.backends = [`http://127.0.0.1:${ports[4]}`];
    const client = new Client({ cluster, timeoutMs: 60_000 });
    try {
      await Promise.all(NAMES.map(async (name) => running.set(name, await start(name))));
      const results: number[] = [];
      /** So many callers, each with one operation after the other under way. */
      const load = (count: number) =>
        Promise.all(Array.from({ length: 10 }, async () => {
          for (let i = 0; i < count / 10; i++) results.push(await client.invoke<number>("INCR n"));
        }));
      await load(200);
      // Cloudflare may evict an object at any moment. It is there again with the next request.
      const evicted = load(200);
      for (let i = 0; i < 5; i++) {
        await (await fetch(`${cluster.urls.Candy}/evict`, { method: "POST" })).body?.cancel();
        await pause(100);
      }
      await evicted;
      assertGreater(await (await fetch(`${cluster.urls.Candy}/starts`)).json(), 5);
      for (const [name, how] of [["Candy", "kill"], ["Ball", "stop"], ["Dog", "kill"], ["Apple", "kill"]] as const) {
        const during = load(200);
        await running.get(name)![how]();
        await pause(300);
        running.set(name, await start(name));
        await during;
      }
      // Two instances of one replica, each with every other request; then one of them is gone.
      const doubled = load(400);
      running.set("Ball again", await startBall(ports[5]!));
      splitter.backends = [4, 5].map((i) => `http://127.0.0.1:${ports[i]}`);
      // The gateway's replies come to either of its instances, whichever has the request.
      const vouched = await Promise.all(Array.from({ length: 10 }, (_, i) => incrementAt(cluster.urls.Ball!, `c${i}`)));
      assertEquals(vouched.sort((a, b) => a - b), Array.from({ length: 10 }, (_, i) => i + 1));
      await Promise.race([doubled, until(() => results.length >= 1_400)]);
      await running.get("Ball")!.kill();
      splitter.backends = splitter.backends.slice(1);
      await doubled;
      assertEquals(splitter.passed.get(`http://127.0.0.1:${ports[5]}`)! > 50, true);
      // Each operation was executed once: the counter has given every number once.
      assertEquals(results.sort((a, b) => a - b), Array.from({ length: 1_600 }, (_, i) => i + 1));
      assertEquals(await client.invoke("GET n"), "1600");
      await assertEqualStates(cluster.urls);
    } finally {
      client.close();
      await Promise.all([...running.values()].map((member) => member.kill()));
      await splitter.close();
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** The result of `POST /req`, asked again as a client is told to that was not answered in time. */
async function incrementAt(url: string, clientID: string): Promise<number> {
  const body = JSON.stringify({ clientID, timestamp: 1, operation: "INCR vouched" });
  const headers = { "content-type": "application/json" };
  for (let attempt = 0;; attempt++) {
    const response = await fetch(`${url}/req`, { method: "POST", headers, body });
    const { result, detail } = await response.json();
    if (response.ok) return result;
    if (response.status < 500 || attempt === 5) throw new Error(`${response.status}: ${detail}`);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await pause(20);
}

async function assertEqualStates(urls: Readonly<Record<string, string>>): Promise<void> {
  for (let attempt = 0;; attempt++) {
    const statuses = await Promise.all(
      Object.values(urls).map(async (url) => await (await fetch(`${url}/status`)).json()),
    );
    const seen = statuses.map((s) => `${s.lastExecuted} ${s.history} ${s.stateRoot} ${s.halted}`);
    if (new Set(seen).size === 1) return assert(statuses.every(({ halted }) => halted === null));
    if (attempt === 200) assertEquals(seen, seen.map(() => seen[0]));
    await pause(100);
  }
}
