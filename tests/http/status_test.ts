import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { millis, sequenceNumber } from "../../src/core/messages/ids.ts";
import { harness } from "./helpers.ts";

const urls = { Apple: "http://a.test", Ball: "http://b.test", Candy: "http://c.test", Dog: "http://d.test" };

Deno.test("/status shows node, table, view, stages, watermarks, buffers, peers and the alarm", async () => {
  const { app } = harness({ urls });
  const response = await app.request("/status");
  assertMatch(response.headers.get("content-type")!, /^application\/json/);
  const status = await response.json();
  assertEquals([status.nodeID, status.replica, status.viewID, status.primary], ["Ball", 1, 4, "Apple"]);
  assertEquals(status.nodeTable, urls);
  assertEquals([status.lastExecuted, status.lowWatermark, status.highWatermark], [130, 128, 384]);
  assertEquals(status.slots, [{ sequence: 131, stage: "prepared", prepares: 2, commits: 1 }]);
  assertEquals(status.buffers, { inbox: 2, pendingRequests: 3 });
  assertEquals(status.peers.map((peer: { nodeID: string }) => peer.nodeID), ["Apple", "Candy", "Dog"]);
  assertEquals([status.now, status.alarmAt, status.alarmInMs], [1_000_000, 1_000_150, 150]);
  assertEquals([status.ready, status.halted], [true, null]);
});

Deno.test("/status?pretty shows the same as text", async () => {
  const { app } = harness({ urls });
  const response = await app.request("/status?pretty");
  assertMatch(response.headers.get("content-type")!, /^text\/plain/);
  const text = await response.text();
  assertStringIncludes(text, "Ball (2 of 4): ready");
  assertMatch(text, /view +4, primary Apple/);
  assertMatch(text, /waiting +3 requests, 2 frames; next alarm in 150 ms/);
  assertMatch(text, /Candy +http:\/\/c\.test +2 +20 +0/);
  assertMatch(text, /131 +prepared +2 +1/);
});

Deno.test("/status says so when the replica has halted", async () => {
  const { app, node } = harness();
  node.overrides = { halted: "its invariant broke" };
  const status = await (await app.request("/status")).json();
  assertEquals([status.ready, status.halted], [false, "its invariant broke"]);
  assertStringIncludes(await (await app.request("/status?pretty")).text(), "halted: its invariant broke");
  node.overrides = { halted: `its ${"very ".repeat(15)}last words` };
  assertStringIncludes(await (await app.request("/status?pretty")).text(), "very last words\n");
});

Deno.test("/status says so while the replica waits for its view to start", async () => {
  const { app, node } = harness();
  node.overrides = { replica: { ...node.status().replica, active: false } };
  assertEquals((await (await app.request("/status")).json()).active, false);
  assertMatch(await (await app.request("/status?pretty")).text(), /view +4, primary Apple, not started yet/);
});

Deno.test("/status?pretty fits a screen of 24 lines of 80 characters with its command, whatever is open and however long its texts are", async () => {
  const { app, node } = harness({ urls });
  const { replica, outboxes } = node.status();
  const slots = Array.from({ length: 512 }, (_, i) => ({ ...replica.slots[0]!, sequence: sequenceNumber(131 + i) }));
  const unreachable = { reason: "x".repeat(500), since: millis(0) };
  const lastInputFault = { error: "x".repeat(500) };
  const faults = { inputFaults: 1, lastInputFault } as unknown as ReturnType<typeof node.status>;
  node.overrides = {
    ...faults,
    replica: { ...replica, slots },
    outboxes: outboxes.map((outbox) => ({ ...outbox, unreachable })),
  };
  const lines = (await (await app.request("/status?pretty")).text()).trimEnd().split("\n");
  assert(lines.length <= 22, `${lines.length} lines`);
  assert(lines.every((line) => line.length <= 80));
  assertEquals(lines.at(-1), "(and 510 more)");
  assertEquals((await (await app.request("/status")).json()).slots.length, 512);
});
