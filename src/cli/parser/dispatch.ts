/**
 * Finds the verb that was called, and runs it.
 * @module
 */
import process from "node:process";
import { CliError, EXIT } from "../cli_error.ts";
import { type ColorChoice, createTerminal } from "../terminal.ts";
import { type AnyVerb, type Entry, helpOf, overviewOf } from "./help.ts";
import { parse } from "./parse.ts";
import { nearest } from "./nearest.ts";
import { completed, located } from "./settings.ts";
import { CLIENT_FLAGS } from "./flags.ts";
import { COMMON_FLAGS, type Flag } from "./verb.ts";

/** Where results go. */
export type Print = (line: string) => void;

/** Flags with a value that may stand before the verb. */
const EARLY_FLAGS: ReadonlySet<string> = new Set(
  Object.entries<Flag>({ ...CLIENT_FLAGS, ...COMMON_FLAGS }).flatMap(([name, { value }]) => value ? [`--${name}`] : []),
);

/**
 * Runs the verb that the arguments name. Returns the exit code.
 * @throws {CliError} for errors that the user can correct.
 */
export async function dispatch(entries: readonly Entry[], args: readonly string[], print: Print): Promise<number> {
  const at = args.findIndex((arg, i) => !arg.startsWith("-") && !EARLY_FLAGS.has(args[i - 1] ?? ""));
  const name = args[at];
  if (name === undefined || (name === "help" && args[at + 1] === undefined)) {
    const known = new Set(["--help", "-h", "--version"]);
    const unknown = args.find((arg) => arg.startsWith("-") && !known.has(arg));
    if (unknown !== undefined) throw new CliError(`${unknown}: expected a verb first (see pbft --help)`, EXIT.usage);
    if (args.includes("--version")) return await dispatch(entries, ["version"], print);
    print(overviewOf(entries));
    return args.length === 0 ? EXIT.usage : EXIT.done;
  }
  if (name === "help") return await dispatch(entries, [...args.slice(at + 1), "--help"], print);
  const entry = entries.find((entry) => entry.name === name);
  if (!entry) throw unknownVerb(entries, name);
  const { verb } = await entry.load();
  // Flags may stand before the verb.
  return await runVerb(name, verb, [...args.slice(0, at), ...args.slice(at + 1)], print, entries);
}

/** Parses the arguments of one verb, and runs it. */
export async function runVerb(
  name: string,
  verb: AnyVerb,
  args: readonly string[],
  print: Print,
  entries?: readonly Entry[],
): Promise<number> {
  try {
    return await parseAndRun(name, verb, args, print, entries?.map((entry) => entry.name));
  } catch (error) {
    if (error instanceof CliError && verb.failure && args.includes("--json")) {
      print(JSON.stringify(verb.failure(error)));
    }
    throw error;
  }
}

async function parseAndRun(
  name: string,
  verb: AnyVerb,
  args: readonly string[],
  print: Print,
  verbs: readonly string[] | undefined,
): Promise<number> {
  const flags = { ...verb.flags, ...COMMON_FLAGS };
  const parsed = parse({ name: `pbft ${name}`, flags, args: verb.args }, args);
  if (parsed.isHelp) {
    print(helpOf(name, verb));
    return EXIT.done;
  }
  const variable = (name: string) => process.env[name];
  const settings = completed(flags, parsed.values, { verb: name, verbs, variable });
  const { values } = settings;
  const terminal = createTerminal({
    print,
    isJson: values.json === true,
    isQuiet: values.quiet === true,
    color: values.color as ColorChoice | undefined,
  });
  try {
    return await verb.run({ args: parsed.args, values, terminal });
  } catch (error) {
    throw located(error, settings);
  } finally {
    terminal.progress("");
  }
}

function unknownVerb(entries: readonly Entry[], name: string): CliError {
  // Every name begins with nothing.
  const near = name === "" ? [] : nearest(name, entries.filter(({ isHidden }) => !isHidden).map((entry) => entry.name));
  const next = near.length > 0 ? `did you mean ${near.slice(0, 3).join(" or ")}?` : "pbft --help lists all verbs";
  return new CliError(`${name === "" ? '""' : name}: no such verb (see pbft --help)`, EXIT.usage, { next });
}
