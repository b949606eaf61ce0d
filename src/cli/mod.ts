/**
 * The command `pbft`: `deno run -A jsr:@pbft/edge/cli dev`, or `npx @pbft/edge dev`.
 * @module
 */
import { realpathSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runCommand } from "./cli_error.ts";
import { dispatch } from "./parser/dispatch.ts";
import { VERBS } from "./verbs.ts";

/**
 * Runs a verb; prints its result with `print`, and words for people to standard error. Returns the exit code: 0 done, 1
 * no, 2 wrong use, 3 too few replicas in reach, 4 effect unknown, 5 not allowed.
 * @throws {Error} for errors that the user can correct, with an `exitCode`.
 */
export async function main(args: readonly string[], print: (line: string) => void = console.log): Promise<number> {
  return await dispatch(VERBS, args, print);
}

/** Whether this module is the program. Node before 24.2 does not say so. */
function isProgram(): boolean {
  const { main } = import.meta as { readonly main?: boolean };
  if (main !== undefined || !import.meta.url.startsWith("file:")) return main === true;
  try {
    return realpathSync(process.argv[1] ?? "") === fileURLToPath(import.meta.url);
  } catch {
    return false;
  }
}

if (isProgram()) await runCommand(() => main(process.argv.slice(2)));
