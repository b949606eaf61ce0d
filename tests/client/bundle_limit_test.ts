import { assertEquals } from "@std/assert";
import { BundleLimit } from "../../src/client/calls/bundle_limit.ts";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import { sequenceNumber } from "../../src/core/messages/ids.ts";
import type { Result } from "../../src/core/messages/messages.ts";

function results(count: number, bytes: number, status: Result["status"] = "ok"): Result[] {
  return Array.from({ length: count }, () => ({ sequence: sequenceNumber(1), status, value: new Uint8Array(bytes) }));
}

function bundleLimit(): BundleLimit {
  return new BundleLimit({ limits: { ...DEFAULT_LIMITS, maxRequestOperations: 100, maxSessionReplyBytes: 1000 } });
}

Deno.test("small results do not change the limit", () => {
  const it = bundleLimit();
  it.learn(results(50, 5));
  assertEquals([it.maxOperations, it.isOneByOne], [100, false]);
});

Deno.test("large results make requests small and single, so that each takes half of the room", () => {
  const it = bundleLimit();
  it.learn(results(10, 100));
  assertEquals([it.maxOperations, it.isOneByOne], [5, true]);
  it.learn(results(5, 100));
  assertEquals(it.maxOperations, 5);
  it.learn(results(1, 1000));
  assertEquals(it.maxOperations, 1);
});

Deno.test("only executed operations count for the size of results", () => {
  const it = bundleLimit();
  it.learn([...results(10, 100), ...results(50, 18, "refused")]);
  assertEquals(it.maxOperations, 5);
});

Deno.test("the limit rises again when results are small, but not when requests are refused", () => {
  const it = bundleLimit();
  it.learn(results(10, 100));
  it.learn(results(5, 18, "refused"));
  assertEquals(it.maxOperations, 5);
  for (const expected of [10, 20, 40, 80, 100]) {
    it.learn(results(5, 1));
    assertEquals(it.maxOperations, expected);
  }
  assertEquals(it.isOneByOne, false);
});
