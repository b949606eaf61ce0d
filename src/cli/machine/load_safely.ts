/**
 * Imports a state machine whose module may never end.
 * @module
 */
import { inspectMachine, NotStartedError } from "./inspect.ts";
import { type LoadedMachine, loadMachine } from "./load.ts";

/**
 * Loads a machine after a process of its own has done so, which is killed if that does not end. Where no process may be
 * started, as under Deno without `--allow-run`, it is loaded at once.
 * @throws {CliError} as `loadMachine` does, and if its module is not loaded within two minutes.
 */
export async function loadSafely(path: string, exportName: string | undefined, maxMs?: number): Promise<LoadedMachine> {
  try {
    await inspectMachine({ path, exportName }, maxMs);
  } catch (error) {
    if (!(error instanceof NotStartedError)) throw error;
  }
  return await loadMachine(path, exportName);
}
