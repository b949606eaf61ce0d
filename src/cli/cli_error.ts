/**
 * Errors of the commands: one line that says what to do, and an exit code.
 * @module
 */
import { formatLine } from "../runtime/log/format.ts";
import { noProxyForLoopback } from "../runtime/host/proxy.ts";

/** An error that the user can correct. It is printed as one line, without a stack. */
export class CliError extends Error {
  override name = "CliError";
  /** @param exitCode 1; for wrong arguments 2. */
  constructor(message: string, readonly exitCode: number = 1) {
    super(message);
  }
}

/** Runs a command and exits with its code. An error is printed to stderr as one line, as JSON if the arguments contain `--log json`. */
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

/** The first sentence of the error that `parseArgs` throws for unknown arguments. */
function asUsageError(error: unknown): unknown {
  const isOfArguments = error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
  return isOfArguments ? new CliError(`${error.message.split(/\. |\n/, 1)[0]} (see --help)`, 2) : error;
}

/**
 * Sends requests to replicas on this machine directly, also if the environment names a proxy. Call it before the first `fetch`, which reads
 * the environment. Child processes inherit it.
 */
function keepLoopbackDirect(): void {
  // Without the permission to read the environment, the program that started this process has set it.
  if (Deno.permissions.querySync({ name: "env" }).state !== "granted") return;
  const value = noProxyForLoopback((name) => Deno.env.get(name));
  if (value === undefined) return;
  Deno.env.set("NO_PROXY", value);
  Deno.env.set("no_proxy", value);
}

function isJson(args: readonly string[]): boolean {
  return args.some((arg, i) => arg === "--log=json" || (arg === "--log" && args[i + 1] === "json"));
}

function lineOf(message: string): string {
  const head = { time: Date.now(), level: "error", replica: "cluster", event: "failed", message } as const;
  return formatLine(head, {}, { format: "json", secrets: [] });
}

/** The message of an operating system's error, without its number. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0]!.replace(/ \(os error [0-9]+\)/, "").trim();
}
