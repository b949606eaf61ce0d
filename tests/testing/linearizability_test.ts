/** The search for an order that explains what clients were told. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encodeOperation, type KeyValueOperation } from "../../src/machines/mod.ts";
import { History, type Invocation } from "../../src/testing/clients/history.ts";
import { findNonLinearizable } from "../../src/testing/invariants/linearizability.ts";
import { keyValueModel } from "../../src/testing/plan/workload.ts";

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
  return findNonLinearizable(history.invocations, keyValueModel());
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

type Short = readonly [
  operation: "read" | `write ${string}` | `swap ${string} ${string}`,
  from: number,
  to: number,
  answer?: unknown,
];

/** Operations on one register, each of a request of its own. A swap's answer is whether it swapped. */
function isExplained(...shorts: readonly Short[]): boolean {
  return flawOf(...shorts.map(([text, from, to, answer]): Asked => {
    const [op, ...words] = text.split(" ");
    if (op === "read") return { from, to, operations: [[{ op: "get", key: "a" }, answer]] };
    if (op === "write") return { from, to, operations: [[{ op: "set", key: "a", value: words[0]! }, "OK"]] };
    const [expected, value] = [words[0] === "null" ? null : words[0]!, words[1]!];
    return { from, to, operations: [[{ op: "cas", key: "a", expected, value }, answer]] };
  })) === null;
}

Deno.test("a read sees the last write, or one that overlaps it", () => {
  assert(isExplained(["read", 0, 1, null], ["write 1", 2, 3], ["read", 4, 5, "1"]));
  assert(isExplained(["write 1", 0, 1], ["write 2", 2, 6], ["read", 3, 4, "1"]));
  assert(isExplained(["write 1", 0, 1], ["write 2", 2, 6], ["read", 3, 4, "2"]));
});

Deno.test("a stale read, a lost write and a read from the future have no explanation", () => {
  assert(!isExplained(["write 1", 0, 1], ["write 2", 2, 3], ["read", 4, 5, "1"]));
  assert(!isExplained(["write 1", 0, 1], ["read", 2, 3, null]));
  assert(!isExplained(["read", 0, 1, "1"], ["write 1", 2, 3]));
});

Deno.test("two reads after one another don't see writes in the opposite order", () => {
  const writes: Short[] = [["write 1", 0, 9], ["write 2", 0, 9]];
  assert(isExplained(...writes, ["read", 1, 2, "2"], ["read", 3, 4, "1"]));
  assert(!isExplained(...writes, ["read", 1, 2, "2"], ["read", 3, 4, "1"], ["read", 5, 6, "2"]));
});

Deno.test("an operation without an answer may have run at any time since it was asked, or not at all", () => {
  assert(isExplained(["write 1", 0, Infinity], ["read", 1, 2, null], ["read", 50, 51, "1"]));
  assert(isExplained(["write 1", 0, Infinity], ["read", 1, 2, null]));
  assert(!isExplained(["read", 0, 1, "1"], ["write 1", 2, Infinity]));
});

Deno.test("of two swaps from one value only one succeeds", () => {
  const [done, first] = [{ swapped: true }, ["swap null 1", 0, 9, { swapped: true }] as const];
  assert(isExplained(first, ["swap null 2", 0, 9, { swapped: false, value: "1" }], ["read", 10, 11, "1"]));
  assert(!isExplained(first, ["swap null 2", 0, 9, done]));
});

Deno.test("one wrong read in a long history of eight clients at once is found", () => {
  const history: Short[] = [];
  let value: string | null = null;
  for (let i = 0; i < 200; i++) {
    // Eight overlap at any time; each takes effect in the middle.
    const [from, to] = [10 * i - 40, 10 * i + 40];
    if (i % 3 === 0) value = `v${i}`;
    history.push(i % 3 === 0 ? [`write v${i}`, from, to] : ["read", from, to, value]);
  }
  assert(isExplained(...history));
  history[100] = ["read", 10 * 100 - 40, 10 * 100 + 40, "v3"];
  assert(!isExplained(...history));
});
