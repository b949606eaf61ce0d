/**
 * The misconduct that members' evidence proves.
 * @module
 */
import type { Misconduct } from "../../client/mod.ts";
import type { Judgement } from "./verdict.ts";

/** Misconduct, and the members who show the evidence. */
export interface Proven extends Misconduct {
  readonly shownBy: readonly string[];
}

/** All misconduct that is proven, each once. */
export function provenIn({ members }: Judgement): readonly Proven[] {
  const found = new Map<string, { readonly what: Misconduct; readonly shownBy: string[] }>();
  for (const { report } of members) {
    for (const what of report.proven) {
      const { publicKey, epoch, kind, view, sequence } = what;
      const key = [publicKey, epoch, kind, view, sequence].join();
      const known = found.get(key) ?? { what, shownBy: [] };
      if (!known.shownBy.includes(report.name)) known.shownBy.push(report.name);
      found.set(key, known);
    }
  }
  return [...found.values()].map(({ what, shownBy }) => ({ ...what, shownBy }));
}

/** A line each. */
export function evidenceLines(proven: readonly Proven[]): readonly string[] {
  if (proven.length === 0) return ["evidence: none"];
  return proven.map(({ name, epoch, kind, view, sequence, shownBy }) => {
    const where = [view === null ? [] : [`view ${view}`], sequence === null ? [] : [`number ${sequence}`]].flat();
    return `evidence: ${name} signed two ${kind}s that contradict each other, in epoch ${epoch}, ${
      where.join(", ")
    } (shown by ${shownBy.join(", ")})`;
  });
}
