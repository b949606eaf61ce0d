import { assert, assertEquals, assertMatch } from "@std/assert";
import type { ReplicaEvent } from "../../src/core/events.ts";
import { snapshotMachine } from "../../src/machines/mod.ts";
import { fromUtf8, utf8 } from "../../src/wire/mod.ts";
import { Cluster } from "./_cluster.ts";

Deno.test("a state machine that fails to load its state does not halt the replica: the error is reported, and a fixed machine continues", async () => {
  let isBroken = false;
  const events: ReplicaEvent[] = [];
  const createMachine = () => {
    let count = 0;
    return snapshotMachine({
      version: "key-value/1",
      execute: () => utf8(String(++count)),
      snapshot: () => utf8(String(count)),
      restore(bytes) {
        if (isBroken) throw new Error("can't read this");
        count = Number(fromUtf8(bytes));
      },
    });
  };
  const observers = [{ onEvent: (event: ReplicaEvent) => void events.push(event) }];
  const cluster = await Cluster.open({ node: () => ({ stateMachine: createMachine, observers }) });
  const ask = async (timestamp: number) => {
    const answer = cluster.node(0).vouch([{ name: "ada", timestamp, operation: utf8("x") }]);
    await cluster.timer.advance(500);
    const settled = await answer;
    if ("reason" in settled) throw new Error(settled.detail);
    return fromUtf8(settled.results[0]!.value);
  };
  for (let i = 1; i <= 5; i++) assertEquals(await ask(i), String(i)); // K = 4
  cluster.crash(3);
  isBroken = true;
  const node = await cluster.start(3);
  await cluster.timer.advance(1_000);
  assertEquals(node.status().halted, undefined);
  assertMatch(node.status().storeError!, /restore\(\) threw Error: can't read this/);
  const failures = events.flatMap((event) => event.kind === "operation-failed" ? [event] : []);
  assert(failures.length > 1);
  assertMatch(failures[0]!.stack!, /state_machine_test/);
  isBroken = false;
  await cluster.timer.advance(10_000);
  assertEquals(node.status().storeError, undefined);
  for (let i = 6; i <= 9; i++) assertEquals(await ask(i), String(i));
  await cluster.timer.advance(5_000);
  assertEquals(node.status().replica.history, cluster.node(0).status().replica.history);
  await cluster.close();
});
