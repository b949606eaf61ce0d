/** The planted bugs fit the code, and what is made of them is honest. */
import { assertEquals, assertThrows } from "@std/assert";
import { textOf } from "../tools/files.ts";
import { Lane, type Outcome } from "./lane.ts";
import { MUTANTS } from "./list/mod.ts";
import { applyEdit, type Mutant } from "./mutant.ts";
import { PROOFS } from "./proofs.ts";
import { schedule } from "./schedule.ts";
import { complaintsOf, verdictOf } from "./verdict.ts";

const mutant: Mutant = { name: "some-bug", why: "it is one", edits: [], breaks: ["agreement"] };
const measured = { runs: 3, seconds: 1 };

function violation(invariant: "agreement" | "no-halt"): Outcome {
  const trial = { profile: "default", seed: 1 } as const;
  return { kind: "violation", line: { trial, violation: { invariant, detail: "", atMs: 1 } }, ...measured };
}

Deno.test("every mutant changes its place in the code, and has a unique name", () => {
  for (const { edits } of [...MUTANTS, ...PROOFS]) {
    const files = new Map<string, string>();
    for (const edit of edits) {
      const before = files.get(edit.file) ?? textOf(edit.file)!;
      files.set(edit.file, applyEdit(before, edit));
    }
    for (const [file, text] of files) assertEquals(text === textOf(file), false, file);
  }
  assertEquals(new Set([...MUTANTS, ...PROOFS].map(({ name }) => name)).size, MUTANTS.length + PROOFS.length);
});

Deno.test("an edit whose text does not occur exactly once is refused", () => {
  const edit = { file: "a.ts", find: "a + b", replace: "a - b" };
  assertEquals(applyEdit("return a + b;", edit), "return a - b;");
  assertThrows(() => applyEdit("return a * b;", edit), RangeError, "found 0 times");
  assertThrows(() => applyEdit("a + b; a + b", edit), RangeError, "found 2 times");
});

Deno.test("a mutant is killed only by a checker that names the broken invariant", () => {
  const outcomes: readonly (readonly [Outcome, ReturnType<typeof verdictOf>])[] = [
    [violation("agreement"), "killed"],
    [violation("no-halt"), "misnamed"],
    [{ kind: "none", ...measured }, "survived"],
    [{ kind: "timeout", ...measured }, "hung"],
    [{ kind: "crash", detail: "", ...measured }, "crashed"],
  ];
  for (const [outcome, verdict] of outcomes) {
    assertEquals(verdictOf({ mutant, outcome }), verdict);
    assertEquals(complaintsOf([{ mutant, outcome }]).length, verdict === "killed" ? 0 : 1);
  }
});

/** Some that are found at once. */
const QUICK = ["quorum-one-less", "speaks-before-it-persists", "gap-in-execution", "only-committed-is-carried"];

Deno.test("some bugs are planted, found and named; the same runs find no violation in the unchanged code", async () => {
  const lane = await Lane.create();
  try {
    const trials = schedule(1, 3);
    for (const one of MUTANTS.filter(({ name }) => QUICK.includes(name))) {
      assertEquals(verdictOf({ mutant: one, outcome: await lane.try(one, trials, 120_000) }), "killed", one.name);
    }
    assertEquals((await lane.try(null, trials.slice(0, 1), 120_000)).kind, "none");
  } finally {
    await lane.remove();
  }
});
