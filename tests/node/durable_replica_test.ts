import { assert, assertEquals, assertMatch } from "@std/assert";
import { InvariantError } from "../../src/core/invariant.ts";
import { pack } from "../../src/wire/mod.ts";
import { StoreConflictError } from "../../src/node/ports.ts";
import { Bench, greeting, type Script, viewRecord } from "./_fake_core.ts";

/** Each status that comes is recorded, and all are told. */
const recordAndTell: Script = (input, env) =>
  input.kind === "status" ? { records: [viewRecord(input.status.message.executed)], messages: [greeting(env)] } : {};

const onlyTell: Script = (input, env) => input.kind === "status" ? { messages: [greeting(env)] } : {};

Deno.test("no message is sent before the commit of its binding records", async () => {
  const { node, timer, store, sent, ...bench } = await openBench(recordAndTell);
  store.holding = true;
  let answered = false;
  const answer = node.receive([bench.statusFrame(1)]).then((answers) => (answered = true, answers));
  await timer.idle();
  assertEquals([store.commits.length, sent.of.length, answered], [2, 0, false]);
  store.letGo();
  await timer.idle();
  assertEquals([sent.of.length, await answer], [3, [null]]);
  await node.close();
});

Deno.test("messages of later steps wait for the commit of earlier ones, even without binding records of their own", async () => {
  let records = [viewRecord(1)];
  const { node, timer, store, sent, ...bench } = await openBench((input, env) => {
    if (input.kind !== "status") return {};
    return { records: records.splice(0), messages: [greeting(env)] };
  });
  store.holding = true;
  void node.receive([bench.statusFrame(1)]);
  await timer.idle();
  void node.receive([bench.statusFrame(2)]);
  await timer.idle();
  assertEquals([store.commits.length, sent.of.length], [2, 0]);
  store.letGo();
  await timer.idle();
  assertEquals([store.commits.length, sent.to(1)], [2, 2]);
  records = [];
  await node.close();
});

Deno.test("inputs that arrive together are committed together, and those that arrive during a commit with the next one", async () => {
  const { node, timer, store, sent, ...bench } = await openBench(recordAndTell);
  store.holding = true;
  for (let i = 1; i <= 5; i++) void node.receive([bench.statusFrame(i)]);
  await timer.idle();
  for (let i = 6; i <= 8; i++) void node.receive([bench.statusFrame(i)]);
  await timer.idle();
  assertEquals(store.commits.length, 2);
  store.letGo();
  await timer.idle();
  assertEquals(store.commits.length, 3);
  assertEquals(sent.of.filter(({ to }) => to === 1).map(({ frames }) => frames.length), [5, 3]);
  await node.close();
});

Deno.test("without a binding record nothing is committed before sending", async () => {
  const { node, timer, store, sent, ...bench } = await openBench(onlyTell);
  await Promise.all([node.receive([bench.statusFrame(1)]), timer.idle()]);
  assertEquals([store.commits.length, sent.to(1)], [1, 1]);
  await node.close();
});

Deno.test("soft records are committed with the next binding one, or when there are many, or at the close", async () => {
  const soft: Script = (input) =>
    input.kind === "status"
      ? { records: [{ kind: "forget", through: input.status.message.executed }] }
      : input.kind === "checkpoint"
      ? { records: [viewRecord(1)] }
      : {};
  const { node, timer, store, ...bench } = await openBench(soft, { limits: { maxSoftRecords: 2 } });
  const receive = async (executed: number) =>
    void await Promise.all([node.receive([bench.statusFrame(executed)]), timer.idle()]);
  await receive(1);
  await receive(2);
  assertEquals(store.commits.length, 1);
  await receive(3);
  assertEquals(store.commits.length, 2);
  await receive(4);
  await node.close();
  assertEquals(store.commits.length, 3);
});

Deno.test("after a conflict the replica is reloaded from the store and the inputs are stepped again", async () => {
  const { node, timer, store, sent, ...bench } = await openBench(recordAndTell);
  await store.interfere();
  const answer = node.receive([bench.statusFrame(1)]);
  await timer.idle();
  assertEquals([sent.of.length, bench.cores.length], [0, 1]);
  const meanwhile = node.receive([bench.statusFrame(2)]);
  await timer.advance(1_000);
  assertEquals([await answer, await meanwhile], [[null], [null]]);
  assertEquals(bench.stepped, ["start", "status", "start", "status", "status"]);
  assertEquals([sent.to(1), bench.cores.length, node.status().reloads], [2, 2, 1]);
  assertEquals((await store.load()).records.get("view"), pack([2, [], []]));
  await node.close();
});

Deno.test("consecutive conflicts are retried with growing delays, which the seed determines", async () => {
  const delaysOf = async (seed: number) => {
    const { node, timer, store, ...bench } = await openBench(recordAndTell, { seed });
    store.failures.push(...Array.from({ length: 6 }, () => new StoreConflictError(0, 1)));
    void node.receive([bench.statusFrame(1)]);
    const delays: number[] = [];
    for (let i = 0; i < 6; i++) {
      await timer.idle();
      delays.push(timer.alarmsInMs[0]!);
      await timer.advance(delays[i]!);
    }
    await node.close();
    return delays;
  };
  const delays = await delaysOf(1);
  assert(delays.at(-1)! > 4 * delays[0]!, `${delays}`);
  assertEquals(delays, await delaysOf(1));
  assert(`${delays}` !== `${await delaysOf(2)}`);
});

Deno.test("when the store fails nothing is sent, the status says why, and the replica continues when the store works again", async () => {
  const { node, timer, store, sent, ...bench } = await openBench(recordAndTell);
  store.failures.push(new Error("disk full"), new Error("disk full"));
  const answer = node.receive([bench.statusFrame(1)]);
  await timer.idle();
  assertEquals([sent.of.length, node.status().storeError], [0, "Error: disk full"]);
  await timer.advance(1_000);
  assertEquals([await answer, sent.to(1), node.status().storeError], [[null], 1, undefined]);
  await node.close();
});

Deno.test("a replica whose state differs from that of a quorum halts: nothing more is stepped, sent or accepted, also after a restart", async () => {
  const { node, timer, sent, ...bench } = await openBench((input, env) => {
    if (input.kind === "status" && input.status.message.executed === 2) {
      throw new InvariantError("two and two is five", "divergence");
    }
    return recordAndTell(input, env);
  });
  const answers = node.receive([1, 2, 3].map((i) => bench.statusFrame(i)));
  const waiting = node.submit(bench.author(9).frame(bench.author(9).request()));
  await timer.idle();
  for (const answer of await answers) assertEquals(answer?.reason, "unavailable");
  const refused = await waiting;
  assertMatch("detail" in refused ? refused.detail : "", /two and two is five/);
  assertEquals([bench.stepped, sent.of.length], [["start", "status", "status"], 0]);
  assertMatch(node.status().halted!, /two and two is five/);
  assertEquals((await node.receive([bench.statusFrame(4)]))[0]?.reason, "unavailable");
  await node.close();

  await bench.start(recordAndTell);
  assertMatch(bench.self.node.status().halted!, /two and two is five/);
  const vouched = await bench.self.node.vouch([{ name: "ada", timestamp: 1, operation: new Uint8Array() }]);
  assertEquals("reason" in vouched && vouched.reason, "unavailable");
  assertEquals(bench.stepped.length, 3);
  await bench.self.node.close();
});

Deno.test("the halted mark is written even if the store fails or another instance commits meanwhile", async () => {
  const { node, timer, store, ...bench } = await openBench((input) => {
    if (input.kind === "status") throw new InvariantError("no", "divergence");
    return {};
  });
  store.failures.push(new Error("busy"), new StoreConflictError(1, 2));
  await store.interfere();
  void node.receive([bench.statusFrame(1)]);
  await timer.advance(5_000);
  assert((await store.load()).records.has("halted"));
  await node.close();
});

Deno.test("a commit that finishes after the replica halted sends nothing", async () => {
  const { node, timer, store, sent, ...bench } = await openBench((input, env) => {
    if (input.kind === "status" && input.status.message.executed === 2) throw new InvariantError("no", "divergence");
    return recordAndTell(input, env);
  });
  store.holding = true;
  void node.receive([bench.statusFrame(1)]);
  await timer.idle();
  void node.receive([bench.statusFrame(2)]);
  await timer.idle();
  store.letGo();
  await timer.idle();
  assertEquals(sent.of.length, 0);
  assert((await store.load()).records.has("halted"));
  await node.close();
});

Deno.test("the alarm is set to the time of the last step, and fires once", async () => {
  let alarmAt = 1_000_100;
  const { node, timer, ...bench } = await openBench((input) => {
    if (input.kind === "alarm") alarmAt = 1_000_900;
    return { alarmAt: alarmAt as never };
  });
  alarmAt = 1_000_050;
  void node.receive([bench.statusFrame(1)]);
  await timer.advance(200);
  assertEquals(bench.stepped, ["start", "status", "alarm"]);
  assertEquals(timer.alarmsInMs, [700]);
  await node.close();
  assertEquals(timer.alarmsInMs, []);
});

Deno.test("close waits for the running commit and rejects later input", async () => {
  const { node, timer, store, sent, ...bench } = await openBench(recordAndTell);
  store.holding = true;
  const answer = node.receive([bench.statusFrame(1)]);
  await timer.idle();
  const closed = node.close();
  assertEquals((await node.receive([bench.statusFrame(2)]))[0]?.reason, "unavailable");
  store.letGo();
  await closed;
  assertEquals(await answer, [null]);
  assertEquals((await store.load()).records.get("view"), pack([1, [], []]));
  assertEquals(sent.of.length, 3);
});

async function openBench(...args: Parameters<typeof Bench.open>) {
  const self = await Bench.open(...args);
  const { node, timer, store, sent, cores, stepped } = self;
  return {
    self,
    node,
    timer,
    store,
    sent,
    cores,
    stepped,
    author: self.author.bind(self),
    statusFrame: self.statusFrame.bind(self),
    start: self.start.bind(self),
  };
}
