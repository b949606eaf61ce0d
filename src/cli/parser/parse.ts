/**
 * Parses the arguments of a verb, with `commander`, and completes them from variables and the settings file.
 * @module
 */
import { Argument as CommanderArgument, Command, CommanderError, Option } from "commander";
import { CliError, EXIT } from "../cli_error.ts";
import type { Argument, Flags, Values } from "./verb.ts";

/** Arguments, parsed. */
export interface Parsed<F extends Flags> {
  readonly args: readonly string[];
  readonly values: Values<F>;
  readonly isHelp: boolean;
}

/** What to parse. */
export interface Grammar<F extends Flags> {
  /** As it is typed: `pbft get`. */
  readonly name: string;
  readonly flags: F;
  readonly args?: readonly Argument[];
}

/** A command of the library that never prints and never ends the process. */
export function commandOf({ name, flags, args = [] }: Grammar<Flags>): Command {
  const command = new Command(name).exitOverride().helpOption(false).helpCommand(false).allowExcessArguments(true)
    .configureOutput({ writeOut: () => {}, writeErr: () => {} });
  for (const [long, flag] of Object.entries({ ...flags, ...HELP_FLAG })) command.addOption(optionOf(long, flag));
  for (const { name, help, isOptional, isList } of args) {
    const text = isList ? `${name}...` : name;
    command.addArgument(new CommanderArgument(isOptional ? `[${text}]` : `<${text}>`, help));
  }
  return command;
}

/** The flag that every verb answers with its help. */
export const HELP_FLAG = { help: { short: "h", help: "print this help" } } as const satisfies Flags;

function optionOf(name: string, { value, help, short, choices, isList }: Flags[string]): Option {
  const option = new Option(`${short ? `-${short}, ` : ""}--${name}${value ? ` <${value}>` : ""}`, help);
  if (isList) option.argParser((text: string, before: readonly string[] | undefined) => [...before ?? [], text]);
  return choices ? option.choices([...choices]) : option;
}

/** Parses arguments. @throws {CliError} with the exit code 2 that names the fault. */
export function parse<const F extends Flags>(grammar: Grammar<F>, args: readonly string[]): Parsed<F> {
  const see = grammar.name.startsWith("pbft") ? `see ${grammar.name} --help` : "see --help";
  // Help is given whatever else is wrong with the arguments.
  const before = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  const isHelp = before.some((arg) => arg === "--help" || arg === "-h");
  const command = commandOf(isHelp ? { ...grammar, args: [ANYTHING] } : grammar);
  try {
    command.parse([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (isHelp) return { args: [], values: {}, isHelp };
    const [what, suggestion] = error.message.replace(/^error: /, "").split("\n", 2);
    const next = suggestion?.replace(/[()]/g, "");
    throw new CliError(`${plain(what!)} (${see})`, EXIT.usage, { next: next || undefined });
  }
  const most = grammar.args?.some(({ isList }) => isList) || isHelp ? Infinity : grammar.args?.length ?? 0;
  const extra = command.args[most];
  if (extra !== undefined) throw new CliError(`${extra}: unexpected argument (${see})`, EXIT.usage);
  const given = Object.fromEntries(
    command.options.flatMap((option) => {
      const name = option.long!.slice(2);
      const value = command.getOptionValue(option.attributeName());
      // The library reads --no-shrink as shrink: false, and sets it to true by default.
      const own = option.negate ? (value === false ? true : undefined) : value;
      return own === undefined ? [] : [[name, own]];
    }),
  );
  return { args: command.args, values: given as Values<F>, isHelp };
}

const ANYTHING: Argument = { name: "ARGS", help: "", isOptional: true, isList: true };

/** The library's message in the words of this command. */
function plain(message: string): string {
  const [, flag, got, choices] =
    /^option '(?:-\w, )?(--[\w-]+).*' argument '([^]*)' is invalid\. Allowed choices are (.*)\.$/.exec(message) ?? [];
  if (choices !== undefined) {
    return `${flag}: expected ${choices.replace(/, ([^,]*)$/, " or $1")}, got ${JSON.stringify(got)}`;
  }
  return message
    .replace(/^option '(?:-\w, )?(--[\w-]+).*' argument missing$/, "$1: expected a value, got nothing")
    .replace(/^missing required argument '(.*)'$/, "expected $1, got nothing")
    .replace(/^unknown option/, "Unknown option");
}
