import { assertEquals, assertThrows } from "@std/assert";
import { MAX_REPLICAS, memberNames } from "../../src/cli/local_cluster/member_names.ts";

Deno.test("the first four are goPBFT's, and all names are distinct and in order", () => {
  assertEquals(memberNames(4), ["Apple", "Ball", "Candy", "Dog"]);
  const names = memberNames(MAX_REPLICAS);
  assertEquals(new Set(names).size, MAX_REPLICAS);
  assertEquals(names, names.toSorted());
});

for (const n of [0, -1, 1.5, NaN, MAX_REPLICAS + 1]) {
  Deno.test(`there are no ${n} names`, () => {
    assertThrows(() => memberNames(n), RangeError, `got ${n}`);
  });
}
