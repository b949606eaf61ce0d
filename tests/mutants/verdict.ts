/**
 * What becomes of a mutant, and the table of them all.
 * @module
 */
import type { Outcome } from "./lane.ts";
import type { Mutant } from "./mutant.ts";
import { wordsOf } from "./schedule.ts";

/** A mutant that was tried. */
export interface Tried {
  readonly mutant: Mutant;
  readonly outcome: Outcome;
}

/** What it came to: only `killed` is good. */
export type Verdict = "killed" | "misnamed" | "survived" | "hung" | "crashed";

/** It must be killed, and by a checker that names what is broken. */
export function verdictOf({ mutant, outcome }: Tried): Verdict {
  switch (outcome.kind) {
    case "violation":
      return mutant.breaks.includes(outcome.line.violation!.invariant) ? "killed" : "misnamed";
    case "none":
      return "survived";
    case "timeout":
      return "hung";
    case "crash":
      return "crashed";
  }
}

/** One line of the table. */
export function lineOf(tried: Tried): string {
  const { mutant: { name }, outcome } = tried;
  const [by, where] = outcome.kind === "violation"
    ? [outcome.line.violation!.invariant, wordsOf(outcome.line.trial)]
    : ["-", "-"];
  return [
    name.padEnd(42),
    verdictOf(tried).padEnd(9),
    by.padEnd(17),
    where.padEnd(37),
    String(outcome.runs).padStart(4),
    outcome.seconds.toFixed(1).padStart(7),
  ].join(" ");
}

/** The heading of such lines. */
export const HEADING = [
  "mutant".padEnd(42),
  "".padEnd(9),
  "by".padEnd(17),
  "in the run".padEnd(37),
  "runs",
  "seconds",
].join(" ");

/** What went wrong, for people; empty: nothing. */
export function complaintsOf(all: readonly Tried[]): readonly string[] {
  return all.flatMap((tried) => {
    const { mutant: { name, breaks, why }, outcome } = tried;
    switch (verdictOf(tried)) {
      case "killed":
        return [];
      case "misnamed": {
        const { invariant, detail } = outcome.kind === "violation"
          ? outcome.line.violation!
          : { invariant: "", detail: "" };
        return [`${name}: named as ${invariant} (${detail}), expected ${breaks.join(" or ")}`];
      }
      case "survived":
        return [`${name} survived ${outcome.runs} runs: ${why}`];
      case "hung":
        return [
          `${name}: stopped after ${outcome.seconds.toFixed(0)} s in run ${outcome.runs + 1}, no checker has named it`,
        ];
      case "crashed":
        return [
          `${name}: the process ended in run ${outcome.runs + 1}: ${outcome.kind === "crash" ? outcome.detail : ""}`,
        ];
    }
  });
}
