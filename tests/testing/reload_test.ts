import { assert, assertEquals } from "@std/assert";
import type { ReplicaStatus } from "../../src/core/io.ts";
import { reloadDifference } from "../../src/testing/checks/reload.ts";
import { FakeNode } from "../http/fake_node.ts";

const options = { persistInputs: true, ignored: new Set<never>(), isSealed: false };

function statusOf(facts: object): ReplicaStatus {
  return { ...new FakeNode().status().replica, slots: [], ...facts };
}

const fetching = { transferring: true, lowWatermark: 48, lastExecuted: 33 };

function votedOn(sequence: number) {
  return { slots: [{ sequence, stage: "prepared", prepares: 1, commits: 0 }] };
}

Deno.test("what is read from a store may know of a later state to fetch than memory does, which turns to it when it is idle", () => {
  const again = statusOf({ ...fetching, lowWatermark: 96 });
  // One that fetches nothing yet has let go of the checkpoints that say so.
  const notYet = statusOf({ ...fetching, transferring: false });
  for (const memory of [statusOf(fetching), statusOf({ ...fetching, ...votedOn(50) }), notYet]) {
    assertEquals(reloadDifference(memory, again, options), null);
  }
});

Deno.test("what is read from a store is never behind what binds memory", () => {
  const difference = (memory: object, again: object) =>
    reloadDifference(statusOf({ ...fetching, ...memory }), statusOf({ ...fetching, ...again }), options);
  assertEquals(difference({}, { lowWatermark: 32 }), "lowWatermark 32; in memory it is 48");
  const done = { transferring: false, lastExecuted: 48 };
  assertEquals(difference(done, { ...done, lowWatermark: 96 }), "lowWatermark 96; in memory it is 48");
  assertEquals(difference(votedOn(100), { lowWatermark: 96 }), "100 idle; in memory it is prepared");
});

Deno.test("a checkpoint for which memory waits for chunks may be taken by what is read from the store", () => {
  const [memory, again] = [statusOf({ stateRoot: "aa".repeat(32) }), statusOf({ stateRoot: "bb".repeat(32) })];
  assertEquals(reloadDifference(memory, again, { ...options, isSealed: true }), null);
  assert(reloadDifference(memory, again, options)?.startsWith("stateRoot bb"));
});
