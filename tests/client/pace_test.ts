import { assertEquals } from "@std/assert";
import { Pace } from "../../src/client/calls/pace.ts";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import { sequenceNumber } from "../../src/core/messages/ids.ts";
import type { Result } from "../../src/core/messages/messages.ts";

function results(count: number, bytes: number, status: Result["status"] = "ok"): Result[] {
  return Array.from({ length: count }, () => ({ sequence: sequenceNumber(1), status, value: new Uint8Array(bytes) }));
}

function pace(): Pace {
  return new Pace({ ...DEFAULT_LIMITS, maxRequestOperations: 100, maxSessionReplyBytes: 1000 });
}

Deno.test("small results leave the pace alone", () => {
  const it = pace();
  it.learn(results(50, 5));
  assertEquals([it.maxOperations, it.isOneByOne], [100, false]);
});

Deno.test("large results make requests small and single, so that each takes half of the room", () => {
  const it = pace();
  it.learn(results(10, 100));
  assertEquals([it.maxOperations, it.isOneByOne], [5, true]);
  it.learn(results(5, 100));
  assertEquals(it.maxOperations, 5);
  it.learn(results(1, 1000));
  assertEquals(it.maxOperations, 1);
});

Deno.test("only what ran tells how large results are", () => {
  const it = pace();
  it.learn([...results(10, 100), ...results(50, 18, "refused")]);
  assertEquals(it.maxOperations, 5);
});

Deno.test("the pace quickens again when results are small, and not when requests are refused", () => {
  const it = pace();
  it.learn(results(10, 100));
  it.learn(results(5, 18, "refused"));
  assertEquals(it.maxOperations, 5);
  for (const expected of [10, 20, 40, 80, 100]) {
    it.learn(results(5, 1));
    assertEquals(it.maxOperations, expected);
  }
  assertEquals(it.isOneByOne, false);
});
