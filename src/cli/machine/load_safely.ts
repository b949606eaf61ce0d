/**
 * Imports a state machine whose module may never end.
 * @module
 */
import { codeOf } from "../cli_error.ts";
import { inspectMachine } from "./inspect.ts";
import { type LoadedMachine, loadMachine } from "./load.ts";

/**
 * Loads a machine after a process of its own has done so, which is killed if that does not end.
 * @throws {CliError} as `loadMachine` does, and if its module is not loaded within two minutes.
 */
export async function loadSafely(path: string, exportName: string | undefined, maxMs?: number): Promise<LoadedMachine> {
  try {
    await inspectMachine({ path, exportName }, maxMs);
  } catch (error) {
    if (!isNotPermitted(error)) throw error;
  }
  return await loadMachine(path, exportName);
}

/** Whether this process may not start others, as under Deno without `--allow-run`. */
function isNotPermitted(error: unknown): boolean {
  return error instanceof Error && (error.name === "NotCapable" || ["EACCES", "EPERM"].includes(codeOf(error) ?? ""));
}
