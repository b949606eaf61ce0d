/**
 * Whether a state file is that of a replica that has begun: not one that was made, and nothing written to it, before a crash.
 * @module
 */
import { DatabaseSync } from "node:sqlite";

/** Whether something was committed to the file. What can't be read counts as that: the replica will say what is wrong with it. */
export function isUsedState(path: string): boolean {
  try {
    if (Deno.statSync(path).size === 0) return false;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true });
    const tables = database.prepare("SELECT count(*) AS n FROM sqlite_master").get()!.n;
    return tables !== 0 && database.prepare("SELECT number FROM version").get()?.number !== 0;
  } catch {
    return true;
  } finally {
    database?.close();
  }
}
