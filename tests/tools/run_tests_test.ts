import { assertEquals } from "@std/assert";
import { textOf } from "./files.ts";
import { argumentsOf, LONGEST } from "./run_tests.ts";

const rest = (...given: string[]) => argumentsOf(given).slice(argumentsOf(["mod.ts"]).length - 1);

Deno.test("the test files that run first are there", () => {
  assertEquals(LONGEST.filter((path) => textOf(path) === undefined), []);
});

Deno.test("without a path all tests run, the longest first; with a path only those below it", () => {
  assertEquals(rest(), [...LONGEST, "."]);
  assertEquals(rest("--ignore=tests/e2e"), ["--ignore=tests/e2e", ...LONGEST, "."]);
  for (const path of ["tests/core", "mod.ts", "tests/nowhere_test.ts"]) assertEquals(rest(path), [path]);
  assertEquals(rest("--filter", "a view"), ["--filter", "a view", ...LONGEST, "."]);
});
