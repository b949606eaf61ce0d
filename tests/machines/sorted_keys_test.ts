import { assertEquals } from "@std/assert";
import { SortedKeys } from "../../src/machines/_sorted_keys.ts";
import { Random } from "./_random.ts";

Deno.test("sorted keys stay what a sorted list of the same keys is, as they come and go", () => {
  for (const seed of [1, 2, 3]) {
    const random = new Random(seed);
    const keys = new SortedKeys();
    const model = new Set<string>();
    const check = (start: string) =>
      assertEquals([...keys.from(start)], [...model].sort().filter((key) => key >= start));
    for (let step = 0; step < 6_000; step++) {
      const key = random.below(4_000).toString(36);
      // Grows at first, shrinks to nothing in the end.
      const adds = random.below(6_000) > step;
      if (adds && !model.has(key)) {
        keys.add(key);
        model.add(key);
      } else if (!adds && model.size > 0) {
        const victim = model.has(key) ? key : [...model][random.below(model.size)]!;
        keys.delete(victim);
        model.delete(victim);
      }
      if (step % 500 === 0) check(random.pick(["", key, "zzzz", "5"]));
    }
    for (const key of model) keys.delete(key);
    model.clear();
    check("");
  }
});

Deno.test("sorted keys that were filled at once are those that were added one by one", () => {
  const random = new Random(4);
  const all = Array.from({ length: 2_000 }, (_, index) => `${index}`);
  const filled = new SortedKeys();
  filled.add("gone after fill");
  filled.fill(random.shuffled(all));
  const added = new SortedKeys();
  for (const key of random.shuffled(all)) added.add(key);
  assertEquals([...filled.from("")], [...added.from("")]);
  assertEquals([...filled.from("1990")].slice(0, 3), ["1990", "1991", "1992"]);
});
