import { assertEquals } from "@std/assert";
import { replicaId } from "../../src/core/messages/ids.ts";
import { PeerTrouble } from "../../src/node/out/peer_trouble.ts";
import type { Trouble } from "../../src/node/trouble.ts";
import { ManualTimer } from "./_manual_timer.ts";

function setUp() {
  const timer = new ManualTimer();
  const told: Trouble[] = [];
  const trouble = new PeerTrouble({ peer: replicaId(2), timer, onTrouble: (what) => void told.push(what) });
  const failing = async (ms: number, error: unknown) => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      trouble.failed(error);
      await timer.advance(1_000);
    }
  };
  return { timer, told, trouble, failing };
}

const REFUSED = new Error("no answer from http://c.test", {
  cause: new TypeError("fetch failed", { cause: new Error("refused") }),
});

Deno.test("a peer that can't be reached is told once, with the reason, and then every ten minutes", async () => {
  const { told, failing, trouble } = setUp();
  await failing(60_000, REFUSED);
  const reason = "no answer from http://c.test: fetch failed: refused";
  assertEquals(told, [{ kind: "peer-unreachable", peer: replicaId(2), reason }]);
  assertEquals([trouble.failures, trouble.unreachable?.reason], [60, reason]);
  await failing(3_600_000 - 60_000, REFUSED);
  assertEquals(told.length, 6);
});

Deno.test("a peer that is away for a moment is no news", async () => {
  const { told, failing, trouble } = setUp();
  await failing(2_000, REFUSED);
  trouble.succeeded();
  assertEquals([told, trouble.unreachable, trouble.failures], [[], null, 2]);
});

Deno.test("that it can be reached again is told if that it could not was", async () => {
  const { told, failing, trouble } = setUp();
  await failing(10_000, REFUSED);
  trouble.succeeded();
  trouble.succeeded();
  assertEquals(told.at(-1), { kind: "peer-reached", peer: replicaId(2), afterMs: 10_000 });
  assertEquals(told.length, 2);
});

Deno.test("another reason is told within a minute, and reasons that alternate don't flood", async () => {
  const { told, failing } = setUp();
  for (let i = 0; i < 60; i++) await failing(2_000, new Error(`reason ${i % 2}`));
  assertEquals(told.length <= 3 && told.length >= 2, true, `${told.length}`);
});

Deno.test("whatever was thrown has a reason of bounded length", () => {
  for (const thrown of [null, undefined, "text", Symbol("s"), {}, new Error("x".repeat(10_000))]) {
    const { trouble } = setUp();
    trouble.failed(thrown);
    assertEquals(typeof trouble.unreachable!.reason, "string");
    assertEquals(trouble.unreachable!.reason.length <= 300, true);
  }
});
