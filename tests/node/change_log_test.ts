/** The changes of the last batches that a replica keeps for those who watch. */
import { assertEquals } from "@std/assert";
import type { ReplicaEvent } from "../../src/core/events.ts";
import { ChangeLog } from "../../src/node/watching/change_log.ts";

function executed(sequence: number): ReplicaEvent {
  return { kind: "stage", stage: "executed", view: 0, sequence, requests: 1, operations: 1, bytes: 1 } as ReplicaEvent;
}

Deno.test("numbers that a replica skips by a state transfer are not kept, and those before them are dropped", () => {
  const log = new ChangeLog();
  for (const sequence of [1, 2]) log.onEvent(executed(sequence));
  assertEquals([log.first, log.next], [1, 3]);
  for (const sequence of [9, 10]) log.onEvent(executed(sequence));
  assertEquals([log.first, log.next], [9, 11]);
  assertEquals([9, 10].map((sequence) => log.at(sequence).sequence), [9, 10]);
});
