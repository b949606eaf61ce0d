/** The numbers of a replica's own statuses and fetches. */
import { assertEquals, assertGreater } from "@std/assert";
import type { Record } from "../../src/core/records.ts";
import type { Step } from "../../src/core/step.ts";
import { createNumbering, nextNumber } from "../../src/core/upkeep/numbering.ts";

/** One run of a replica, and the bound that its store has at the end. */
function run(count: number, stored?: number): { readonly used: readonly number[]; readonly through: number } {
  const numbering = createNumbering(stored);
  let through = stored ?? -1;
  const persist = (record: Record) => {
    if (record.kind === "numbers") through = record.through;
  };
  const step = { state: { numbering }, now: 5_000, persist } as unknown as Step;
  const used = Array.from({ length: count }, () => {
    const number = nextNumber(step);
    assertEquals(number <= through, true, "the bound is stored before the number is used");
    return number;
  });
  return { used, through };
}

Deno.test("no number is used twice, whenever the replica stops", () => {
  for (const count of [1, 1_023, 1_024, 1_025, 1_026, 2_049, 2_050, 2_051]) {
    const first = run(count);
    assertEquals(new Set(first.used).size, count);
    assertGreater(run(1, first.through).used[0]!, Math.max(...first.used), `after ${count}`);
  }
});

Deno.test("a bound is stored once in a thousand numbers", () => {
  const numbering = createNumbering(undefined);
  let stored = 0;
  const step = { state: { numbering }, now: 5_000, persist: () => void stored++ } as unknown as Step;
  for (let i = 0; i < 10_240; i++) nextNumber(step);
  assertEquals(stored, 10);
});
