import { assertEquals } from "@std/assert";
import { replicaId } from "../../src/core/messages/ids.ts";
import { PeerReachability } from "../../src/node/out/peer_reachability.ts";
import type { HostEvent } from "../../src/node/host_event.ts";
import { ManualTimer } from "./_manual_timer.ts";

function setUp() {
  const timer = new ManualTimer();
  const told: HostEvent[] = [];
  const reachability = new PeerReachability({ peer: replicaId(2), timer, onHostEvent: (what) => void told.push(what) });
  const failing = async (ms: number, error: unknown) => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      reachability.failed(error);
      await timer.advance(1_000);
    }
  };
  return { timer, told, reachability, failing };
}

const REFUSED = new Error("no answer from http://c.test", {
  cause: new TypeError("fetch failed", { cause: new Error("refused") }),
});

Deno.test("an unreachable peer is reported once, with the reason, and then every ten minutes", async () => {
  const { told, failing, reachability } = setUp();
  await failing(60_000, REFUSED);
  const reason = "no answer from http://c.test: fetch failed: refused";
  assertEquals(told, [{ kind: "peer-unreachable", peer: replicaId(2), reason }]);
  assertEquals([reachability.failures, reachability.unreachable?.reason], [60, reason]);
  await failing(3_600_000 - 60_000, REFUSED);
  assertEquals(told.length, 6);
});

Deno.test("a peer that is unreachable for a moment is not reported", async () => {
  const { told, failing, reachability } = setUp();
  await failing(2_000, REFUSED);
  reachability.succeeded();
  assertEquals([told, reachability.unreachable, reachability.failures], [[], null, 2]);
});

Deno.test("that a peer is reachable again is reported if it was reported as unreachable", async () => {
  const { told, failing, reachability } = setUp();
  await failing(10_000, REFUSED);
  reachability.succeeded();
  reachability.succeeded();
  assertEquals(told.at(-1), { kind: "peer-reached", peer: replicaId(2), afterMs: 10_000 });
  assertEquals(told.length, 2);
});

Deno.test("a new reason is reported within a minute, and alternating reasons do not flood the log", async () => {
  const { told, failing } = setUp();
  for (let i = 0; i < 60; i++) await failing(2_000, new Error(`reason ${i % 2}`));
  assertEquals(told.length <= 3 && told.length >= 2, true, `${told.length}`);
});

Deno.test("the reason has a bounded length, whatever was thrown", () => {
  for (const thrown of [null, undefined, "text", Symbol("s"), {}, new Error("x".repeat(10_000))]) {
    const { reachability } = setUp();
    reachability.failed(thrown);
    assertEquals(typeof reachability.unreachable!.reason, "string");
    assertEquals(reachability.unreachable!.reason.length <= 300, true);
  }
});
