/**
 * Errors of the commands: the fault, the files or members concerned, the next step, and an exit code.
 * @module
 */
import process from "node:process";
import { noProxyForLoopback } from "../runtime/host/proxy.ts";
import { formatLine } from "../runtime/log/format.ts";

/** The exit codes of all verbs. */
export const EXIT = {
  /** Done. */
  done: 0,
  /** No: the operation was rejected, a check failed, a seed violated an invariant. */
  no: 1,
  /** Wrong use: arguments or files. */
  usage: 2,
  /** Too few replicas can be reached. Nothing was changed. */
  unreachable: 3,
  /** The operation may or may not have been executed. */
  unknown: 4,
  /** The replicas do not serve this client. */
  denied: 5,
} as const;

/** The longest line of an error, characters. */
const MAX_LINE = 2_000;

/** The second and the third line of an error. */
export interface ErrorLines {
  /** The files or members concerned. */
  readonly looked?: string | undefined;
  /** What to do next. */
  readonly next?: string | undefined;
}

/** An error that the user can correct. It is printed without a stack. */
export class CliError extends Error {
  override name = "CliError";
  /** @param exitCode one of {@linkcode EXIT}. */
  constructor(message: string, readonly exitCode: number = EXIT.no, readonly lines: ErrorLines = {}) {
    super(readable(message));
  }
}

/** Shortens each line for a person: an error repeats the wrong value, which may be a whole file. */
function readable(message: string): string {
  return message.split("\n").map((line) => {
    if (line.length <= MAX_LINE) return line;
    return `${line.slice(0, MAX_LINE / 2)} … (${line.length} characters) … ${line.slice(-MAX_LINE / 10)}`;
  }).join("\n");
}

/**
 * Runs a command and exits with its code. An error is printed to stderr, in one line with `isBrief`, as JSON if the
 * arguments contain `--log json` or `--json`.
 */
export async function runCommand(
  command: () => Promise<number>,
  args: readonly string[] = process.argv.slice(2),
  { isBrief = false }: { readonly isBrief?: boolean } = {},
): Promise<never> {
  keepLoopbackDirect();
  // The reader of the output has closed it, as `head` does. It has all it needs, so this is no error.
  process.stdout.on?.("error", (error: { readonly code?: string }) => {
    if (error.code === "EPIPE") process.exit(EXIT.done);
    console.error(`error: ${outputError(error).message}`);
    process.exit(EXIT.no);
  });
  try {
    const exitCode = await command();
    await written();
    process.exit(exitCode);
  } catch (thrown) {
    const error = asUsageError(thrown);
    const isDefect = !(error instanceof CliError);
    const message = isDefect ? (error instanceof Error ? error.stack : undefined) ?? String(error) : error.message;
    if (hasFlag(args, "--log", "json")) console.error(logLineOf(message));
    else if (args.includes("--json") && !isDefect) console.error(JSON.stringify(jsonOf(error)));
    else console.error([`error: ${message}`, ...(isDefect || isBrief ? [] : linesOf(error))].join("\n"));
    process.exit(isDefect ? 70 : error.exitCode);
  }
}

/** Waits until the output is written: Node tells of an error only then. */
function written(): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write("", () => resolve());
  });
}

/** The results could not be written, for instance to a full disk. The command has done its work all the same. */
export function outputError(error: unknown): CliError {
  return new CliError(`standard output: ${reasonOf(error)}; what this command has done stays done`, EXIT.no);
}

/** The further lines of an error. */
function linesOf({ lines: { looked, next } }: CliError): readonly string[] {
  return [looked, next && `next: ${next}`].flatMap((line) => line ? [`  ${line}`] : []);
}

/** An error for programs. */
export function jsonOf({ message, exitCode, lines }: CliError): Readonly<Record<string, unknown>> {
  return { error: message, ...lines, exitCode };
}

/** The first sentence of the error that `parseArgs` throws for unknown arguments. */
function asUsageError(error: unknown): unknown {
  const isOfArguments = error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
  return isOfArguments ? new CliError(`${error.message.split(/\. |\n/, 1)[0]} (see --help)`, EXIT.usage) : error;
}

/**
 * Sends requests to replicas on this machine directly, also if the environment names a proxy. Call it before the first
 * `fetch`, which reads the environment. Child processes inherit it.
 */
function keepLoopbackDirect(): void {
  try {
    const value = noProxyForLoopback((name) => process.env[name]);
    if (value === undefined) return;
    process.env.NO_PROXY = value;
    process.env.no_proxy = value;
  } catch { /* Without the permission to read the environment, the program that started this process has set it. */ }
}

function hasFlag(args: readonly string[], flag: string, value: string): boolean {
  return args.some((arg, i) => arg === `${flag}=${value}` || (arg === flag && args[i + 1] === value));
}

function logLineOf(message: string): string {
  const head = { time: Date.now(), level: "error", replica: "cluster", event: "failed", message } as const;
  return formatLine(head, {}, { format: "json", secrets: [] });
}

/** The message of an operating system's error, without its number and the name of the call. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text.split("\n", 1)[0]!.replace(/ \(os error [0-9]+\)/, "").trim();
  // Node says "ENOENT: no such file or directory, open 'x'".
  const [, message] = /^E[A-Z]+: (.*?), \w+(?: '.*')?$/.exec(line) ?? [];
  return message === undefined ? line : message[0]!.toUpperCase() + message.slice(1);
}

/** Whether the operating system refused something, such as a full disk or a folder that is not there. */
export function isSystemError(error: unknown): boolean {
  return /^E[A-Z0-9]+$/.test(codeOf(error) ?? "");
}

/** The code of an operating system's error: `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
