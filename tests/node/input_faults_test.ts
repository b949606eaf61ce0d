import { assert, assertEquals, assertMatch } from "@std/assert";
import { InvariantError } from "../../src/core/invariant.ts";
import { decodeFrame, encodeFrame, frameKind, utf8 } from "../../src/wire/mod.ts";
import { newStatus } from "../../src/testing/drills/peers.ts";
import { Cluster } from "./_cluster.ts";
import { Bench, greeting, type Script, viewRecord } from "./_fake_core.ts";

/** Throws on the status with the number 2, as if a liar had found it out. */
const throwsOnTwo: Script = (input, env) => {
  if (input.kind !== "status") return {};
  if (input.status.message.executed === 2) throw new InvariantError("two and two is five");
  return { records: [viewRecord(input.status.message.executed)], messages: [greeting(env)] };
};

Deno.test("an input on which the core throws is dropped, counted and shown; inputs before and after it are not lost", async () => {
  const bench = await Bench.open(throwsOnTwo);
  const { node, timer, store, sent } = bench;
  const faults: unknown[] = [];
  node.observe({ onFault: ({ input, from, error }) => void faults.push([input, from, error]) });
  const answers = node.receive([1, 2, 3].map((i) => bench.statusFrame(i)));
  await timer.advance(1_000);
  assertEquals(await answers, [null, null, null]);
  assertEquals(bench.stepped, ["start", "status", "status", "start", "status", "status"]);
  const { halted, inputFaults, lastInputFault, reloads } = node.status();
  assertEquals([halted, inputFaults, reloads], [undefined, 1, 1]);
  assertEquals([lastInputFault?.input, lastInputFault?.from], ["status", 1]);
  assertMatch(lastInputFault!.error, /two and two is five/);
  assertEquals(faults, [["status", 1, "InvariantError: two and two is five"]]);
  assertEquals([sent.to(2), (await store.load()).records.has("halted")], [2, false]);
  await node.close();
});

Deno.test("an input on which the core threw is quarantined for a minute", async () => {
  const bench = await Bench.open(throwsOnTwo);
  const { node, timer } = bench;
  await Promise.all([node.receive([bench.statusFrame(2)]), timer.advance(100)]);
  for (let i = 0; i < 20; i++) await Promise.all([node.receive([bench.statusFrame(2)]), timer.advance(100)]);
  assertEquals([bench.stepped, node.status().reloads], [["start", "status", "start"], 1]);
  await timer.advance(60_000);
  await Promise.all([node.receive([bench.statusFrame(2)]), timer.advance(100)]);
  assertEquals([node.status().reloads, node.status().halted], [2, undefined]);
  await node.close();
});

Deno.test("a sender of many inputs on which the core throws causes reloads with growing pauses, and quarantines only itself", async () => {
  const bench = await Bench.open((input, env) => {
    if (input.kind === "status" && input.status.message.replica === 1) {
      throw new TypeError("undefined is not a function");
    }
    return throwsOnTwo(input, env);
  });
  const { node, timer, sent } = bench;
  for (let i = 10; i < 610; i++) {
    void node.receive([bench.statusFrame(i)]);
    if (i % 10 === 0) void node.receive([bench.author(3).frame({ ...newStatus(2), executed: i as never })]);
    await timer.advance(100);
  }
  const { inputFaults, reloads, halted } = node.status();
  assert(inputFaults <= 10 && reloads === inputFaults, `${inputFaults} faults, ${reloads} reloads in a minute`);
  assertEquals(halted, undefined);
  assertEquals(sent.to(3), 60);
  await node.close();
});

Deno.test("a commit that runs when the core throws is awaited, and its messages are sent", async () => {
  const bench = await Bench.open(throwsOnTwo);
  const { node, timer, store, sent } = bench;
  store.holding = true;
  void node.receive([bench.statusFrame(1)]);
  await timer.idle();
  void node.receive([bench.statusFrame(2)]);
  await timer.advance(1_000);
  assertEquals([sent.to(2), bench.cores.length], [0, 1]);
  store.letGo();
  await timer.advance(1_000);
  assertEquals([sent.to(2), bench.cores.length, node.status().halted], [1, 2, undefined]);
  assertEquals(bench.cores[1]!.storedState.view, 1);
  await node.close();
});

Deno.test("a commit that fails while the core throws is repeated by the next core", async () => {
  const bench = await Bench.open(throwsOnTwo);
  const { node, timer, store, sent } = bench;
  store.failures.push(new Error("disk full"));
  store.holding = true;
  void node.receive([bench.statusFrame(1)]);
  await timer.idle();
  void node.receive([bench.statusFrame(2)]);
  await timer.idle();
  store.letGo();
  await timer.advance(1_000);
  assertEquals([sent.to(2), node.status().halted, node.status().storeError], [1, undefined, undefined]);
  assertEquals(node.status().reloads, 1);
  await node.close();
});

Deno.test("a core that throws spontaneously halts if it had no external input, and is reloaded otherwise", async () => {
  for (const [touched, halts] of [[false, true], [true, false]]) {
    let isBroken = false;
    const bench = await Bench.open((input) => {
      if (input.kind === "alarm" && isBroken) throw new InvariantError("no");
      return {};
    });
    const { node, timer } = bench;
    if (touched) await Promise.all([node.receive([bench.statusFrame(1)]), timer.idle()]);
    isBroken = true;
    await Promise.all([node.wake(), timer.idle()]);
    isBroken = false;
    await timer.advance(1_000);
    assertEquals(node.status().halted !== undefined, halts, `touched: ${touched}`);
    await node.close();
  }
});

Deno.test("persisted inputs on which the core throws at its start are removed, and the replica starts without them", async () => {
  const first = await Bench.open(() => ({}), { persistInputs: true });
  const { node, timer } = first;
  await Promise.all([
    node.receive([
      first.author(2).frame({ kind: "prepare", replica: 1, view: 0, sequence: 1, digest: "d".repeat(64) } as never),
    ]),
    timer.advance(100),
  ]);
  await node.close();
  const kept: number[] = [];
  await first.start((input) => {
    if (input.kind !== "start") return {};
    kept.push(input.kept?.length ?? 0);
    if (input.kept?.length) throw new InvariantError("no");
    return {};
  }, { persistInputs: true });
  await timer.advance(1_000);
  assertEquals([kept, first.node.status().halted], [[1, 0], undefined]);
  await first.node.close();
  await first.start((input) => {
    if (input.kind === "start") kept.push(input.kept?.length ?? 0);
    return {};
  }, { persistInputs: true });
  assertEquals(kept, [1, 0, 0]);
  await first.node.close();
});

Deno.test("a peer that sends each blob twice does not harm a state transfer", async () => {
  const cluster: Cluster = await Cluster.open({
    node: (id) => ({
      transport: {
        deliver: (to, frames, signal) => {
          const inner = cluster?.network.transportOf(id);
          if (!inner) return Promise.reject(new Error("not yet"));
          if (id !== 3) return inner.deliver(to, frames, signal);
          return inner.deliver(
            to,
            frames.map((frame) => {
              if (frameKind(frame) !== "blobs") return frame;
              const { message } = decodeFrame(frame).signed;
              if (message.kind !== "blobs") return frame;
              const blobs = message.blobs.flatMap((blob) => [blob, blob]);
              return encodeFrame(cluster.author(4).sign({ ...message, blobs }));
            }),
            signal,
          );
        },
      },
    }),
  });
  const { timer } = cluster;
  const write = async (count: number, from: number) => {
    for (let i = 0; i < count; i++) {
      const operation = utf8(`SET key${from + i} v`);
      let isDone = false;
      void cluster.node(0).vouch([{ name: "ada", timestamp: from + i, operation }]).then(() => isDone = true);
      while (!isDone) await timer.advance(10);
    }
  };
  await write(3, 1);
  cluster.crash(2);
  await write(50, 10);
  await cluster.start(2);
  await timer.advance(10_000);
  const { halted, inputFaults, replica } = cluster.node(2).status();
  assertEquals([halted, inputFaults, replica.lastExecuted], [
    undefined,
    0,
    cluster.node(0).status().replica.lastExecuted,
  ]);
  await cluster.close();
});
