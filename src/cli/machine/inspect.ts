/**
 * Looks at a machine in a process of its own: what it imports and what it does when it is loaded stays there, and the next look sees the file
 * as it is then.
 * @module
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { CliError, EXIT } from "../cli_error.ts";
import { ownCommand } from "../runtime.ts";

/** The file of a machine, and which of its exports. */
export interface MachineFile {
  readonly path: string;
  readonly exportName?: string | undefined;
}

/** The facts about a machine. */
export interface MachineFacts {
  readonly version: string;
  readonly hasWorkload: boolean;
  /** The names of its operations, if it is a typed one. */
  readonly operations: readonly string[];
}

/** How a process ended. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Looks at a machine. @throws {CliError} as `loadMachine` does. */
export async function inspectMachine({ path, exportName }: MachineFile): Promise<MachineFacts> {
  const chosen = exportName === undefined ? [] : ["--export", exportName];
  const { code, out, err } = await runSelf(["inspect", path, ...chosen, "--json"], path);
  try {
    if (code === 0) return JSON.parse(out.trim().split("\n").at(-1)!);
    const { error, looked, next, exitCode } = JSON.parse(err.trim().split("\n").at(-1)!);
    throw new CliError(error, exitCode, { looked, next });
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`${path}: it cannot be loaded`, EXIT.no, {
      looked: err.trim() || out.trim() || `exit code ${code}`,
    });
  }
}

/** Runs `pbft` with these arguments, without showing what it prints. */
export function runSelf(args: readonly string[], machine?: string): Promise<Ended> {
  const { program, args: all } = ownCommand(args, { machine });
  return runProgram(program, all);
}

/** Runs a program, without showing what it prints. */
export function runProgram(
  program: string,
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...variables };
    const child = spawn(program, [...args], { stdio: ["ignore", "pipe", "pipe"], env });
    let out = "";
    let err = "";
    child.stdout.on("data", (bytes) => out += bytes);
    child.stderr.on("data", (bytes) => err += bytes);
    child.once("error", (error) => resolve({ code: 127, out, err: err || error.message }));
    child.once("close", (code) => resolve({ code: code ?? 1, out, err }));
  });
}
