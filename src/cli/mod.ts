/**
 * The command line interface: `deno run -A jsr:@pbft/edge/cli init Apple=https://... Ball=https://...`.
 * @module
 */
import { check } from "./commands/check.ts";
import { CliError, runCommand } from "./cli_error.ts";
import { init } from "./commands/init.ts";

const HELP = `Commands for a cluster of PBFT replicas:

  init   make a cluster file and one key per member
  check  ask every member for its status, and print what is wrong

COMMAND --help prints the help of a command.`;

/** Runs a command; prints with `print`. Returns the exit code. @throws {CliError} for errors that the user can correct. */
export async function main(args: readonly string[], print: (line: string) => void = console.log): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case "init":
      return init(rest, print);
    case "check":
      return await check(rest, print);
    case undefined:
    case "--help":
    case "-h":
      print(HELP);
      return command === undefined ? 2 : 0;
    default:
      throw new CliError(`${command}: expected init or check (see --help)`, 2);
  }
}

if (import.meta.main) await runCommand(() => main(Deno.args));
