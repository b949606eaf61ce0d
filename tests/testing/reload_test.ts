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

Deno.test("a reloaded replica may fetch a later state than the one in memory, which switches to it when it is idle", () => {
  const again = statusOf({ ...fetching, lowWatermark: 96 });
  // One that fetches nothing yet has let go of the checkpoints that say so.
  const notYet = statusOf({ ...fetching, transferring: false });
  for (const memory of [statusOf(fetching), statusOf({ ...fetching, ...votedOn(50) }), notYet]) {
    assertEquals(reloadDifference(memory, again, options), null);
  }
});

Deno.test("a reloaded replica has everything that binds the one in memory", () => {
  const difference = (memory: object, again: object) =>
    reloadDifference(statusOf({ ...fetching, ...memory }), statusOf({ ...fetching, ...again }), options);
  assertEquals(difference({}, { lowWatermark: 32 }), "lowWatermark 32; in memory it is 48");
  const done = { transferring: false, lastExecuted: 48 };
  assertEquals(difference(done, { ...done, lowWatermark: 96 }), "lowWatermark 96; in memory it is 48");
  assertEquals(difference(votedOn(100), { lowWatermark: 96 }), "100 idle; in memory it is prepared");
});

Deno.test("a reloaded replica may have executed the configuration that memory waits to execute: nothing above the end of the epoch counts", () => {
  const ending = { lowWatermark: 24, highWatermark: 32 };
  const difference = (voted: number, lastExecuted: number) =>
    reloadDifference(
      statusOf({ ...ending, highWatermark: 40, lastExecuted: 21, ...votedOn(voted) }),
      statusOf({ ...ending, lastExecuted }),
      { ...options, persistInputs: false },
    );
  assertEquals(difference(33, 32), null);
  assertEquals(difference(32, 32), "32 idle; in memory it is prepared");
  assertEquals(difference(33, 21), "33 idle; in memory it is prepared");
});

Deno.test("a reloaded replica may take a checkpoint for which the one in memory waits for chunks", () => {
  const [memory, again] = [statusOf({ stateRoot: "aa".repeat(32) }), statusOf({ stateRoot: "bb".repeat(32) })];
  assertEquals(reloadDifference(memory, again, { ...options, isSealed: true }), null);
  assert(reloadDifference(memory, again, options)?.startsWith("stateRoot bb"));
});
