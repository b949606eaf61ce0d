/**
 * Looks at a machine in a process of its own. The modules that it imports, and the effects of loading it, stay in that
 * process. The next look reads the file anew.
 * @module
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { CliError, EXIT } from "../cli_error.ts";
import { ownCommand } from "../runtime.ts";
import type { Example } from "./example.ts";

/** Why the loading of a module may not end. */
export const NEVER_LOADED = "a loop at the top of the module does not end, or it awaits something that does not come";

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
  /** The names of its queries, likewise. */
  readonly queries: readonly string[];
  /** A call that its workload draws; `null`: there is none. */
  readonly example: Example | null;
}

/** How a process ended. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** It took too long, and was killed. */
  readonly isLate: boolean;
  /** It could not be started, for example without `--allow-run` of Deno. */
  readonly isUnstarted: boolean;
}

/** The process that looks at a machine could not be started. */
export class NotStartedError extends CliError {}

/** A module that takes longer to load counts as one that does not end, ms. It may have to download other modules. */
const LOADING_MS = 120_000;

/** The exit code of Node where a top-level `await` has nothing left to wait for. Deno says so in words. */
const UNSETTLED = 13;

/** Looks at a machine. @throws {CliError} as `loadMachine` does, and if its module is not loaded within `maxMs`. */
export async function inspectMachine(
  { path, exportName }: MachineFile,
  maxMs: number = LOADING_MS,
): Promise<MachineFacts> {
  const chosen = exportName === undefined ? [] : ["--export", exportName];
  const { code, out, err, isLate, isUnstarted } = await runSelf(["inspect", path, ...chosen, "--json"], path, maxMs);
  if (isLate) {
    throw new CliError(`${path}: the loading of its module does not end`, EXIT.no, {
      looked: `waited ${maxMs / 1_000} s: ${NEVER_LOADED}`,
    });
  }
  if (isUnstarted) throw new NotStartedError(`${path}: it cannot be loaded`, EXIT.no, { looked: err.trim() });
  try {
    if (code === 0) return JSON.parse(out.trim().split("\n").at(-1)!);
    const { error, looked, next, exitCode } = JSON.parse(err.trim().split("\n").at(-1)!);
    throw new CliError(error, exitCode, { looked, next });
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (code === UNSETTLED || err.includes("Top-level await promise never resolved")) {
      throw new CliError(`${path}: the loading of its module does not end`, EXIT.no, { looked: NEVER_LOADED });
    }
    throw new CliError(`${path}: it cannot be loaded`, EXIT.no, {
      looked: err.trim() || out.trim() || `exit code ${code}`,
    });
  }
}

/** Runs `pbft` with these arguments, without showing what it prints. */
export function runSelf(args: readonly string[], machine?: string, maxMs?: number): Promise<Ended> {
  const { program, args: all } = ownCommand(args, { machine });
  return runProgram(program, all, { NO_COLOR: "1" }, maxMs);
}

/** Runs a program, without showing what it prints. After `maxMs` it is killed. */
export function runProgram(
  program: string,
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
  maxMs?: number,
): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...variables };
    const child = spawn(program, [...args], { stdio: ["ignore", "pipe", "pipe"], env });
    let [out, err, isLate] = ["", "", false];
    const timer = maxMs === undefined ? undefined : setTimeout(() => {
      isLate = true;
      child.kill("SIGKILL");
    }, maxMs);
    const end = (code: number, said = err, isUnstarted = false) => {
      clearTimeout(timer);
      resolve({ code, out, err: said, isLate, isUnstarted });
    };
    child.stdout.on("data", (bytes) => out += bytes);
    child.stderr.on("data", (bytes) => err += bytes);
    child.once("error", (error) => end(127, err || error.message, child.pid === undefined));
    child.once("close", (code) => end(code ?? 1));
  });
}
