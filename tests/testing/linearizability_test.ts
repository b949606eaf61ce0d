/** The search for an order that explains what clients were told. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { encodeOperation, type KeyValueOperation } from "../../src/machines/mod.ts";
import { History, type Invocation } from "../../src/testing/clients/history.ts";
import { findNonLinearizable } from "../../src/testing/invariants/linearizability.ts";
import { keyValueWorkload } from "../../src/testing/plan/workload.ts";

interface Asked {
  readonly from: number;
  /** Infinity: not answered. */
  readonly to: number;
  /** The operations of one request, with what each was answered. */
  readonly operations: readonly (readonly [KeyValueOperation, unknown])[];
}

function flawOf(...requests: readonly Asked[]): string | null {
  const history = new History();
  for (const { from, to, operations } of requests) {
    let last: Invocation | null = null;
    for (const [operation, answer] of operations) {
      last = history.invoke("client", encodeOperation(operation), from, last);
      last.answeredAt = to;
      last.outcome = to === Infinity ? null : JSON.stringify(answer);
    }
  }
  return findNonLinearizable(history.invocations, keyValueWorkload().model!);
}

function sets(values: readonly number[]): Asked["operations"] {
  return values.map((value) => [{ op: "set", key: "a", value: `${value}` }, "OK"]);
}

function get(value: string | null): Asked["operations"] {
  return [[{ op: "get", key: "a" }, value]];
}

Deno.test("a request's operations run in their order", () => {
  const request = { from: 0, to: 10, operations: sets([1, 2]) };
  assertEquals(flawOf(request, { from: 11, to: 12, operations: get("2") }), null);
  assertStringIncludes(flawOf(request, { from: 11, to: 12, operations: get("1") })!, "no order explains");
});

Deno.test("another request's operations may come between them", () => {
  const request = { from: 0, to: 10, operations: sets([1, 2]) };
  assertEquals(flawOf(request, { from: 5, to: 6, operations: get("1") }), null);
});

Deno.test("a request that was not answered has run or not, whatever its operations change", () => {
  const unheard = { from: 0, to: Infinity, operations: sets([1, 1, 2]) };
  for (const value of [null, "2"]) assertEquals(flawOf(unheard, { from: 20, to: 21, operations: get(value) }), null);
  assertStringIncludes(flawOf(unheard, { from: 20, to: 21, operations: get("3") })!, "no order explains");
});

Deno.test("three long requests at once are searched to the end", () => {
  const numbers = Array.from({ length: 12 }, (_, i) => i);
  const requests = [0, 100, 200].map((base) => ({ from: 0, to: 10, operations: sets(numbers.map((i) => base + i)) }));
  assertEquals(flawOf(...requests, { from: 11, to: 12, operations: get("111") }), null);
  assertStringIncludes(flawOf(...requests, { from: 11, to: 12, operations: get("110") })!, "no order explains");
});
