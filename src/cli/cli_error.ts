/**
 * How the commands fail: one line that says what to do, and an exit code.
 * @module
 */
import { formatLine } from "../runtime/log/format.ts";
import { keepLoopbackDirect } from "./direct_loopback.ts";

/** The user can do something about it. Printed as one line, without a stack. */
export class CliError extends Error {
  override name = "CliError";
  /** @param exitCode 1; 2 for wrong arguments. */
  constructor(message: string, readonly exitCode: number = 1) {
    super(message);
  }
}

/** Runs a command and exits with its code; what it throws becomes one line on stderr, of JSON where the arguments ask for that. */
export async function runCommand(command: () => Promise<number>, args: readonly string[] = Deno.args): Promise<never> {
  keepLoopbackDirect();
  try {
    Deno.exit(await command());
  } catch (thrown) {
    const error = asUsageError(thrown);
    const isDefect = !(error instanceof CliError);
    const message = isDefect ? (error instanceof Error ? error.stack : undefined) ?? String(error) : error.message;
    console.error(isJson(args) ? lineOf(message) : `error: ${message}`);
    Deno.exit(isDefect ? 70 : error.exitCode);
  }
}

/** What `parseArgs` says of arguments that it does not know, in its first sentence. */
function asUsageError(error: unknown): unknown {
  const isOfArguments = error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
  return isOfArguments ? new CliError(`${error.message.split(/\. |\n/, 1)[0]} (see --help)`, 2) : error;
}

function isJson(args: readonly string[]): boolean {
  return args.some((arg, i) => arg === "--log=json" || (arg === "--log" && args[i + 1] === "json"));
}

function lineOf(message: string): string {
  const head = { time: Date.now(), level: "error", replica: "cluster", event: "failed", message } as const;
  return formatLine(head, {}, { format: "json", secrets: [] });
}

/** An operating system's error in few words, without its number. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0]!.replace(/ \(os error [0-9]+\)/, "").trim();
}
