/**
 * The names of the versions that a run may change to.
 * @module
 */

/** What may become of the migration to a version. */
export const OUTCOMES = ["succeeds", "throws", "gives nonsense"] as const;
/** What becomes of one. */
export type MigrationOutcome = (typeof OUTCOMES)[number];

/** The name of a version: what becomes of its migration is a part of it. */
export function versionName(number: number, outcome: MigrationOutcome): string {
  return `simulated/${number}${outcome === "throws" ? ":throws" : outcome === "succeeds" ? "" : ":nonsense"}`;
}

/** What becomes of the migration to the version with this name. */
export function outcomeOf(version: string): MigrationOutcome {
  if (version.endsWith(":throws")) return "throws";
  return version.endsWith(":nonsense") ? "gives nonsense" : "succeeds";
}
