import { assertEquals, assertLess } from "@std/assert";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import type { Transport } from "../../src/node/ports.ts";
import { type ReplicaNode, ReplicaNode as NodeClass } from "../../src/node/node.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { Author, genesisOf, keyPairOf, resultsIn } from "./_cluster.ts";
import { clusterId } from "../../src/crypto/mod.ts";
import { ManualTimer } from "./_manual_timer.ts";

/** Replicas as functions: some are started by each message, and stopped when they have answered and sent what follows. */
class ColdCluster {
  readonly timer = new ManualTimer();
  readonly genesis = genesisOf(4);
  readonly cluster = clusterId(this.genesis);
  readonly stores = this.genesis.replicas.map(() => new MemoryStore());
  readonly down = new Set<number>();
  deliveries = 0;

  open(self: number): Promise<ReplicaNode> {
    const transport: Transport = {
      deliver: async (to, frames) => {
        if (this.down.has(to)) throw new Error("connection refused");
        this.deliveries++;
        await this.visit(to, (node) => node.receive(frames));
      },
    };
    return NodeClass.open({
      self: self as ReplicaId,
      genesis: this.genesis,
      store: this.stores[self]!.reopen(),
      transport,
      timer: this.timer,
      privateKey: keyPairOf(self + 1).privateKey,
      stateMachine: () => new KeyValue(),
      persistInputs: true,
      start: "new",
      seed: self + 100 * this.deliveries,
    });
  }

  /** One start for one thing to do; the answer comes before what it causes is sent. */
  async visit<T>(self: number, run: (node: ReplicaNode) => Promise<T>): Promise<T> {
    const node = await this.open(self);
    try {
      return await run(node);
    } finally {
      void node.sent().then(() => node.close());
    }
  }

  /** A cron job at each replica. */
  async tick(): Promise<void> {
    for (const id of this.genesis.replicas.keys()) {
      if (!this.down.has(id)) void this.visit(id, (node) => node.receive([]));
    }
    await this.timer.advance(1_000);
  }

  /** Has a request executed: it is handed to every replica, then there are ticks. Gives how many. */
  async execute(frame: Uint8Array, done: (status: ReturnType<ReplicaNode["status"]>[]) => boolean): Promise<number> {
    for (const id of this.genesis.replicas.keys()) {
      if (!this.down.has(id)) void this.visit(id, (node) => node.receive([frame]));
    }
    await this.timer.idle();
    for (let ticks = 0; ticks < 40; ticks++) {
      if (done(await this.statuses())) return ticks;
      await this.tick();
    }
    throw new Error(`not done: ${JSON.stringify((await this.statuses()).map(({ replica }) => replica), null, 1)}`);
  }

  async statuses(): Promise<ReturnType<ReplicaNode["status"]>[]> {
    const statuses = [];
    for (const id of this.genesis.replicas.keys()) {
      if (this.down.has(id)) continue;
      const node = await this.open(id);
      await this.timer.idle();
      statuses.push(node.status());
      await node.close();
    }
    return statuses;
  }
}

function sessionOf(cluster: ColdCluster) {
  const ada = new Author(9, cluster.cluster);
  return { ada, open: ada.frame(ada.request()) };
}

const executed = (number: number) => (statuses: readonly { replica: { lastExecuted: number } }[]) =>
  statuses.every(({ replica }) => replica.lastExecuted >= number);

Deno.test("four replicas that are started for each message and stopped after it agree on one order", async () => {
  const cluster = new ColdCluster();
  const { ada, open } = sessionOf(cluster);
  let ticks = await cluster.execute(open, executed(1));
  for (let timestamp = 1; timestamp <= 6; timestamp++) {
    const request = ada.request({ session: 1, timestamp, lowestUnanswered: timestamp, operations: ["INCR n"] });
    ticks += await cluster.execute(ada.frame(request), executed(timestamp + 1));
  }
  assertLess(ticks, 7 * 5);
  const statuses = await cluster.statuses();
  assertEquals(new Set(statuses.map(({ replica }) => replica.history)).size, 1);
  assertEquals(statuses.map(({ halted }) => halted), [undefined, undefined, undefined, undefined]);
  // Executed once each: six increments made six.
  const last = ada.request({ session: 1, timestamp: 6, lowestUnanswered: 6, operations: ["INCR n"] });
  const node = await cluster.open(2);
  const answer = node.submit(ada.frame(last));
  await cluster.timer.idle();
  assertEquals(resultsIn(await answer), ["ok 6"]);
  await node.close();
});

Deno.test("replicas that are started by messages do not wake each other when there is nothing to do", async () => {
  const cluster = new ColdCluster();
  const { open } = sessionOf(cluster);
  await cluster.execute(open, executed(1));
  for (let i = 0; i < 3; i++) await cluster.tick();
  const before = cluster.deliveries;
  for (let i = 0; i < 10; i++) await cluster.tick();
  // One status message each to three others, every other tick: idleStatusMs.
  assertLess(cluster.deliveries - before, 6 * 4 * 3 + 1);
});

Deno.test("a dead primary is replaced though no backup stays awake", async () => {
  const cluster = new ColdCluster();
  cluster.down.add(0);
  const { open } = sessionOf(cluster);
  const ticks = await cluster.execute(open, executed(1));
  assertLess(ticks, 20);
  for (const { replica } of await cluster.statuses()) assertEquals(replica.view > 0, true);
});

Deno.test("wake handles overdue alarms though the host's timers did not run, and resolves after the messages are sent", async () => {
  const timer = new ManualTimer();
  const sent: ReplicaId[] = [];
  const node = await NodeClass.open({
    self: 1 as ReplicaId,
    genesis: genesisOf(4),
    store: new MemoryStore(),
    transport: { deliver: (to) => Promise.resolve(void sent.push(to)) },
    timer,
    privateKey: keyPairOf(2).privateKey,
    stateMachine: () => new KeyValue(),
    persistInputs: true,
    start: "new",
  });
  await timer.idle();
  sent.length = 0;
  await node.wake();
  assertEquals(sent, []);
  // Its host sleeps: no alarm of its fires, whatever the time.
  timer.sleep(60_000);
  await node.wake();
  assertEquals(sent, [0, 2, 3]);
  await node.close();
});
