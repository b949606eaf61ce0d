/**
 * The misconduct that members' evidence proves.
 * @module
 */
import type { Misconduct } from "../../client/mod.ts";
import { misconductText } from "./misconduct.ts";
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
  return proven.map(({ shownBy, ...what }) => `evidence: ${misconductText(what)} (shown by ${shownBy.join(", ")})`);
}
