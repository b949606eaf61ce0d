import { assert, assertEquals } from "@std/assert";
import type { Action, Operation } from "./history.ts";
import { isLinearizable } from "./linearizability.ts";

const read: Action = { op: "read" };
const write = (value: string): Action => ({ op: "write", value });
const swap = (expected: string | null, value: string): Action => ({ op: "swap", expected, value });

/** [action, from, to, what it was told] */
type Short = readonly [Action, number, number, (string | null | boolean)?];

function isExplained(...operations: readonly Short[]): boolean {
  return isLinearizable(operations.map(([action, from, to, result], i): Operation => {
    return { client: `${i}`, key: "x", action, from, to, result };
  }));
}

Deno.test("a read sees the last write, or one that overlaps it", () => {
  assert(isExplained([read, 0, 1, null], [write("a"), 2, 3], [read, 4, 5, "a"]));
  assert(isExplained([write("a"), 0, 1], [write("b"), 2, 6], [read, 3, 4, "a"]));
  assert(isExplained([write("a"), 0, 1], [write("b"), 2, 6], [read, 3, 4, "b"]));
});

Deno.test("a stale read, a lost write and a read from the future have no explanation", () => {
  assert(!isExplained([write("a"), 0, 1], [write("b"), 2, 3], [read, 4, 5, "a"]));
  assert(!isExplained([write("a"), 0, 1], [read, 2, 3, null]));
  assert(!isExplained([read, 0, 1, "a"], [write("a"), 2, 3]));
});

Deno.test("two reads after one another don't see writes in the opposite order", () => {
  const writes: Short[] = [[write("a"), 0, 9], [write("b"), 0, 9]];
  assert(isExplained(...writes, [read, 1, 2, "b"], [read, 3, 4, "a"]));
  assert(!isExplained(...writes, [read, 1, 2, "b"], [read, 3, 4, "a"], [read, 5, 6, "b"]));
});

Deno.test("what has no answer may have happened at any time since, or not at all, but not before", () => {
  assert(isExplained([write("a"), 0, Infinity], [read, 1, 2, null], [read, 50, 51, "a"]));
  assert(isExplained([write("a"), 0, Infinity], [read, 1, 2, null]));
  assert(!isExplained([read, 0, 1, "a"], [write("a"), 2, Infinity]));
});

Deno.test("of two swaps from one value only one succeeds", () => {
  assert(isExplained([swap(null, "a"), 0, 9, true], [swap(null, "b"), 0, 9, false], [read, 10, 11, "a"]));
  assert(!isExplained([swap(null, "a"), 0, 9, true], [swap(null, "b"), 0, 9, true]));
});

Deno.test("a long history of many clients is judged, and one wrong read in it is found", () => {
  const history: Operation[] = [];
  let value: string | null = null;
  for (let i = 0; i < 200; i++) {
    const action: Action = i % 3 === 0 ? write(`v${i}`) : read;
    if (action.op === "write") value = action.value;
    // Eight overlap at any time; each takes effect in the middle.
    history.push({ client: `${i % 8}`, key: "x", action, from: 10 * i - 40, to: 10 * i + 40, result: value });
  }
  assertEquals(isLinearizable(history), true);
  history[100] = { ...history[100]!, action: read, result: "v3" };
  assertEquals(isLinearizable(history), false);
});
