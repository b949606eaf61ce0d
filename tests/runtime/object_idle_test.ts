/** What Durable Objects do in an hour with nothing to do, in virtual time. Each is evicted as soon as the platform may: nothing is pending. */
import { setImmediate } from "node:timers";
import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { simulatedObjectStorage } from "../../src/cli/simulation/simulated_object.ts";
import { ReplicaObject } from "../../src/runtime/cloudflare.ts";
import { genesisOf, keyPairOf, NAMES } from "../node/_cluster.ts";

const MINUTE_MS = 60_000;

const noCounts = () => ({ alarms: 0, messages: 0, questions: 0, starts: 0, alarmsSet: 0 });

/** An object that may be evicted, and what it has cost. */
class Host {
  readonly #storage = simulatedObjectStorage();
  readonly #env: ConstructorParameters<typeof ReplicaObject>[1];
  #object: ReplicaObject | null = null;
  #start = "new";
  alarmAt = Infinity;
  counts = noCounts();
  /** What runs in the object. */
  readonly running = new Set<Promise<unknown>>();

  constructor(index: number, urls: Readonly<Record<string, string>>) {
    this.#env = {
      PBFT_CLUSTER: JSON.stringify({ genesis: genesisOf(4), urls }),
      PBFT_REPLICA: NAMES[index]!,
      PBFT_PRIVATE_KEY: keyPairOf(index + 1).privateKey,
      PBFT_LOG: "none",
    };
  }

  get isInMemory(): boolean {
    return this.#object !== null;
  }

  async fetch(request: Request): Promise<Response> {
    this.counts[new URL(request.url).pathname === "/messages" ? "messages" : "questions"]++;
    return await this.#opened().fetch(request);
  }

  async alarm(): Promise<void> {
    this.counts.alarms++;
    this.alarmAt = Infinity;
    await this.#opened().alarm();
  }

  run(promise: Promise<unknown>): void {
    const caught = promise.catch(() => {}).finally(() => this.running.delete(caught));
    this.running.add(caught);
  }

  evict(): void {
    this.#object = null;
  }

  #opened(): ReplicaObject {
    if (this.#object) return this.#object;
    this.counts.starts++;
    const context = {
      storage: {
        ...this.#storage,
        setAlarm: (at: number) => {
          this.counts.alarmsSet++;
          return Promise.resolve(void (this.alarmAt = at));
        },
      },
      waitUntil: (promise: Promise<unknown>) => this.run(promise),
    };
    const env = { ...this.#env, ...(this.#start && { PBFT_START: this.#start }) };
    this.#start = "";
    return this.#object = new ReplicaObject(context, env);
  }
}

Deno.test({
  name:
    "an idle Durable Object wakes once a minute for its status, three times for those of others, and leaves nothing pending",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    using time = new FakeTime();
    const { fetch, setTimeout, clearTimeout, performance } = globalThis;
    const pending = new Set<unknown>();
    const urls = Object.fromEntries(NAMES.map((name) => [name, `https://${name.toLowerCase()}.example`]));
    const hosts = NAMES.map((_, i) => new Host(i, urls));
    const sending = new Set<Promise<unknown>>();
    const patched = {
      setTimeout: (run: () => void, ms: number) => {
        const id = setTimeout(() => {
          pending.delete(id);
          run();
        }, ms);
        pending.add(id);
        return id;
      },
      clearTimeout: (id: Parameters<typeof clearTimeout>[0]) => {
        pending.delete(id);
        clearTimeout(id);
      },
      fetch: (input: string | URL | Request, init?: RequestInit) => {
        const request = new Request(input, init);
        const to = NAMES.findIndex((name) => new URL(request.url).hostname.startsWith(name.toLowerCase()));
        const answer = hosts[to]!.fetch(request);
        const done: Promise<unknown> = answer.catch(() => {}).finally(() => sending.delete(done));
        sending.add(done);
        return answer;
      },
      performance: { now: () => Date.now() },
    };
    Object.assign(globalThis, {
      setTimeout: patched.setTimeout,
      clearTimeout: patched.clearTimeout,
      fetch: patched.fetch,
    });
    Object.defineProperty(globalThis, "performance", { value: patched.performance, configurable: true });
    const settle = async () => {
      for (let quiet = 0; quiet < 3; quiet++) {
        if (sending.size > 0 || hosts.some(({ running }) => running.size > 0)) quiet = 0;
        time.tick(0);
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    };
    /** Until `end` each alarm fires, and a timeout if one is pending before it. */
    const pass = async (ms: number) => {
      const end = Date.now() + ms;
      while (true) {
        const next = Math.min(...hosts.map(({ alarmAt }) => alarmAt));
        // In steps, so that timeouts that are pending fire before later alarms.
        const at = Math.min(end, Math.max(Date.now(), next), pending.size > 0 ? Date.now() + 50 : Infinity);
        time.tick(at - Date.now());
        for (const host of hosts) if (host.alarmAt <= Date.now()) host.run(host.alarm());
        await settle();
        if (pending.size === 0) { for (const host of hosts) host.evict(); }
        if (Date.now() >= end) return;
      }
    };
    const counted = async (ms: number) => {
      for (const host of hosts) host.counts = noCounts();
      await pass(ms);
      return hosts.map(({ counts }) => counts);
    };
    try {
      for (const host of hosts) host.run(host.fetch(new Request("https://x.example/status")));
      await settle();
      await pass(5 * MINUTE_MS);
      for (const counts of await counted(60 * MINUTE_MS)) {
        const text = JSON.stringify(counts);
        assert(counts.alarms >= 59 && counts.alarms <= 61, text);
        assert(counts.messages >= 177 && counts.messages <= 183, text);
        // At each start it asks another member whether there is a new epoch. So each is asked as often as it asks, more or less.
        assert(counts.questions >= 30 && counts.questions <= 90, text);
        // At a start, and after the alarm.
        assert(counts.alarmsSet <= counts.starts + counts.alarms + 1, text);
        assert(counts.starts <= 61, text);
      }
      assertEquals([pending.size, hosts.some(({ isInMemory }) => isInMemory)], [0, false]);
    } finally {
      Object.assign(globalThis, { fetch, setTimeout, clearTimeout });
      Object.defineProperty(globalThis, "performance", { value: performance, configurable: true });
    }
  },
});
