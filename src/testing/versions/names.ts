/**
 * The names of the versions that a run may change to.
 * @module
 */

/** What becomes of the migration to a version. */
export type MigrationOutcome = "succeeds" | "throws" | "gives nonsense";

/** The name of a version: what becomes of its migration is a part of it. */
export function versionName(number: number, outcome: MigrationOutcome): string {
  return `simulated/${number}${outcome === "throws" ? ":throws" : outcome === "succeeds" ? "" : ":nonsense"}`;
}
