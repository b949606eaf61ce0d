/** Hosts that read who they are from variables, over epochs: Durable Objects, and Deno KV as on Deno Deploy, within their limits. */
import { assert, assertEquals } from "@std/assert";
import { simulatedObjectStorage } from "../../src/cli/simulation/simulated_object.ts";
import { type ReplicaEnvironment, ReplicaObject } from "../../src/runtime/cloudflare.ts";
import { serve, wake } from "../../src/runtime/deno.ts";
import type { ServedReplica } from "../../src/runtime/host/options.ts";
import { EDGE_SETTINGS } from "../../src/runtime/host/edge_settings.ts";
import { replicaFromVariables, storeName } from "../../src/runtime/identity/environment.ts";
import { DenoKvStore, type KvDatabase } from "../../src/stores/deno_kv.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import type { ClusterFile } from "../../src/wire/mod.ts";
import { clusterFile, FOUR, keyOf, memberOf, until } from "../node/_epochs.ts";
import { strictKv } from "../stores/_kv_faults.ts";
import { approved, req } from "./_over_http.ts";
import { freePorts } from "../tools/ports.ts";

/** A Durable Object behind a port. It may be evicted: then the next request finds a new one on the same storage. */
class ServedObject {
  readonly #storage = { ...simulatedObjectStorage(), setAlarm: () => Promise.resolve() };
  readonly #server: Deno.HttpServer;
  #object: ReplicaObject | null = null;
  readonly #env: ReplicaEnvironment;
  /** Alarms of objects that were evicted. */
  readonly waiting: Promise<unknown>[] = [];

  constructor(port: number, env: Readonly<Record<string, string>>) {
    this.#env = { PBFT_LOG: "none", ...env } as unknown as ReplicaEnvironment;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port, onListen: () => {} },
      (request) => this.object.fetch(request),
    );
  }

  get object(): ReplicaObject {
    const context = {
      storage: this.#storage,
      waitUntil: (promise: Promise<unknown>) => void this.waiting.push(promise),
    };
    return this.#object ??= new ReplicaObject(context, this.#env);
  }

  /** What is not in the storage is lost. */
  evict(): void {
    this.#object = null;
  }

  close(): Promise<void> {
    return this.#server.shutdown();
  }
}

const json = async (url: string) => await (await fetch(url)).json();

// Objects live on after a request, and so do their timers.
const livesOn = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "members move to a Durable Object and to Deno KV, by variables only, and away from them again",
  livesOn,
  async () => {
    const ports = freePorts(6);
    const at = (i: number) => `http://127.0.0.1:${ports[i]}`;
    const urls = Object.fromEntries(FOUR.map((name, i) => [name, at(i)]));
    const cluster: ClusterFile = { genesis: clusterFile.genesis, urls };
    const variables = (name: string) => ({
      PBFT_CLUSTER: JSON.stringify(cluster),
      PBFT_REPLICA: name,
      PBFT_PRIVATE_KEY: `${keyOf(name).privateKey}\n`,
      PBFT_START: "new",
      PBFT_JOIN: `${at(1)} ${at(2)}`,
    });
    const served = new Map<string, ServedReplica>();
    for (const [i, self] of FOUR.entries()) {
      const options = { cluster, self, privateKey: keyOf(self).privateKey, store: new MemoryStore(), port: ports[i]! };
      served.set(self, await serve({ ...options, hostname: "127.0.0.1", start: "new" }));
    }
    const eagle = new ServedObject(ports[4]!, variables("Eagle"));
    const kv = await Deno.openKv(":memory:");
    const { join, ...fig } = replicaFromVariables((name) => variables("Fig")[name as "PBFT_JOIN"]);
    assertEquals([fig.self, join, storeName(fig)], [
      "Fig",
      [at(1), at(2)],
      `Fig-${keyOf("Fig").publicKey.slice(0, 16)}`,
    ]);
    const store = new DenoKvStore(strictKv(kv as unknown as KvDatabase), { prefix: [storeName(fig)] });
    const deploy = { ...fig, join, store, persistInputs: true, settings: EDGE_SETTINGS, port: ports[5]! };
    served.set("Fig", await serve({ ...deploy, hostname: "127.0.0.1" }));
    try {
      // Neither is a member yet: both say where the cluster is, and a tick of the cron job fails at neither.
      for (const url of [at(4), at(5)]) {
        const answer = await fetch(`${url}/req`, { method: "POST", body: "{}" });
        assertEquals([answer.status, (await answer.json()).urls], [410, urls]);
      }
      await wake(served.get("Fig")!);
      for (let i = 1; i <= 9; i++) assertEquals((await req(at(1), i, "INCR n"))[0], 200);

      // Apple moves to the object, Dog to Deno KV.
      const replicas = [...FOUR.slice(1, 3), "Eagle", "Fig"].map(memberOf);
      const change = { replicas, urls: { Eagle: at(4), Fig: at(5) } };
      const [status, text] = await req(at(2), 1, await approved(served.get("Ball")!.epoch, change), "admin");
      assertEquals([status, JSON.parse(text).result?.epoch], [200, 1], text);
      await until("both are members", async () => {
        const [one, other] = await Promise.all([json(`${at(4)}/epochs`), json(`${at(5)}/epochs`)]);
        return one.epoch === 1 && other.epoch === 1;
      });
      await until("the object answers", async () => (await req(at(4), 10, "INCR n"))[0] === 200);
      // Its votes are needed: one of the others is away.
      await served.get("Ball")!.close();
      eagle.evict();
      await until("the cluster goes on without Ball", async () => (await req(at(5), 11, "INCR n"))[0] === 200);
      assert((await req(at(4), 12, "GET n"))[1].includes("11"));
      assertEquals((await json(`${at(4)}/status`)).nodeID, "Eagle");

      // The object is removed again: it says where the cluster went, also after it was evicted.
      const back = { replicas: ["Candy", "Fig", "Dog", "Ball"].map(memberOf), urls: { Dog: at(3), Ball: at(1) } };
      const [again, answer] = await req(at(2), 2, await approved(served.get("Fig")!.epoch, back), "admin");
      assertEquals([again, JSON.parse(answer).result?.epoch], [200, 2], answer);
      await until("Candy, Fig and Dog are in epoch 2", async () => (await req(at(2), 13, "INCR n"))[0] === 200);
      await until("the object has left", async () => {
        const response = await fetch(`${at(4)}/status`);
        await response.body?.cancel();
        return response.status === 410;
      });
      eagle.evict();
      const gone = await fetch(`${at(4)}/req`, { method: "POST", body: "{}" });
      assertEquals([gone.status, (await gone.json()).urls], [410, {
        Candy: at(2),
        Fig: at(5),
        Dog: at(3),
        Ball: at(1),
      }]);
    } finally {
      await Promise.all([...served.values()].map((one) => one.close()));
      await Promise.all(eagle.waiting);
      await eagle.close();
    }
  },
);
