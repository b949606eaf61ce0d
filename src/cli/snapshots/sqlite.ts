/**
 * What to say on a runtime that has no SQLite.
 * @module
 */
import { reasonOf } from "../cli_error.ts";

/** The fault. */
export const LACKS_SQLITE = "this runtime has no node:sqlite";
/** The next step of an error. */
export const WITH_SQLITE = { next: "run this command with Deno, or with Node 22.13 or later" };

/** Whether a store could not be opened for this reason. */
export function lacksSqlite(error: unknown): boolean {
  return reasonOf(error).includes("no node:sqlite");
}
