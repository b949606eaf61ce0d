import { assertEquals } from "@std/assert";
import { count, line, works } from "./count.ts";
import { GATES } from "./gates.ts";
import type { Counts } from "./counted_cluster.ts";

/** The counts are exact; this much lies between two orders of the same events. */
const MORE = 1.02;
/** A gate that is so much too high holds nothing. */
const LESS = 0.9;

Deno.test("each work has a gate", () => assertEquals(Object.keys(GATES), [...works]));

for (const work of works) {
  Deno.test(`${work}: an operation costs what its gate says`, async () => {
    const counts = await count(work);
    const wrong = Object.entries(GATES[work]!).flatMap(([name, gate]) => {
      const got = counts[name as keyof Counts];
      if (got > gate * MORE) return [`${name}: expected at most ${gate}, got ${got}`];
      return got < gate * LESS ? [`${name}: expected about ${gate}, got ${got}, which is better: lower the gate`] : [];
    });
    assertEquals(wrong, [], `in tests/bench/gates/gates.ts it would be\n  ${line(work, counts)}\n`);
  });
}
