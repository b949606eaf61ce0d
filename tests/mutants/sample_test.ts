/** Mutants made by rule are small changes of code, the same ones for the same seed. */
import { assert, assertEquals } from "@std/assert";
import { textOf } from "../tools/files.ts";
import { applyEdit } from "./mutant.ts";
import { changesOf } from "./rules.ts";
import { mutantsOf, sampleMutants } from "./sample.ts";

const cases: readonly (readonly [rule: string, line: string, changed: string])[] = [
  ["negated condition", "  if (a(b) && c) {", "  if (!(a(b) && c)) {"],
  ["dropped statement", "    this.#bytes -= bytes;", "//"],
  ["dropped statement", "    step.persist({ kind });", "//"],
  ["dropped guard", "  if (size > max) return null;", "//"],
  ["off by one", "  while (count < most) {", "  while (count <= most) {"],
  ["swapped arguments", "  return isNear(view, sequence);", "  return isNear(sequence, view);"],
  ["removed bound", "  const most = Math.min(length, limit);", "  const most = length;"],
  ["and for or", "  return a && b;", "  return a || b;"],
  ["other constant", "  return known.digest === digest;", "  return known.digest !== digest;"],
];

for (const [rule, line, changed] of cases) {
  Deno.test(`${rule}: ${line.trim()}`, () => {
    assert(
      changesOf(line).some((change) => change.rule === rule && change.line === changed),
      JSON.stringify(changesOf(line)),
    );
  });
}

Deno.test("types, imports and comments are not changed", () => {
  const lines = [
    "  // if (a < b) return;",
    'import { a } from "./a.ts";',
    "  readonly size: number;",
    " * a && b",
    "interface A {",
  ];
  for (const line of lines) assertEquals(changesOf(line), [], line);
});

Deno.test("the same seed gives the same mutants, and each fits the code", () => {
  const sampled = sampleMutants(50, 7);
  assertEquals(sampleMutants(50, 7), sampled);
  assertEquals(sampled.length, 50);
  for (const { edits, words } of sampled) {
    for (const edit of edits) assert(applyEdit(textOf(edit.file)!, edit) !== textOf(edit.file), words);
  }
});

Deno.test("a line that occurs twice is changed at the intended place", () => {
  const text = "a();\n  if (x < y) f();\nb();\n  if (x < y) f();\nc();";
  const second = mutantsOf("a.ts", text).find(({ words }) => words.startsWith("a.ts:4") && words.includes("<="))!;
  assertEquals(applyEdit(text, second.edits[0]!), "a();\n  if (x < y) f();\nb();\n  if (x <= y) f();\nc();");
});
