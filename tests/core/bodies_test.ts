import { assertEquals } from "@std/assert";
import { Bench, prepare, prePrepare, said } from "../paper/_bench.ts";

/** Whom the replica asks for bodies meanwhile. */
function fetches(bench: Bench, ms: number): string[] {
  return bench.wait(ms).flatMap(({ ready }) => said(ready)).filter((what) => what.startsWith("fetch"));
}

Deno.test("a missing body is requested from the replicas that have accepted it, then from the others, and after each round more rarely", () => {
  const bench = new Bench(1);
  bench.take(prepare(3));
  assertEquals(said(bench.take(prePrepare(0))), ["fetch to 0"]);
  assertEquals(fetches(bench, 310), ["fetch to 3", "fetch to 2"]);
  assertEquals(fetches(bench, 250), []);
  const before = fetches(bench, 5_000).length;
  assertEquals(fetches(bench, 5_000).length < before, true);
});

Deno.test("a body that is no longer needed is not requested again", () => {
  const bench = new Bench(1);
  bench.take(prePrepare(0));
  bench.prePrepare();
  assertEquals(fetches(bench, 310), []);
});
