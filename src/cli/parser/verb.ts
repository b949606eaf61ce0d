/**
 * A verb of the command, such as `get`: its arguments, its flags, and what it does. Help, completion and
 * docs/command.md are made of it.
 * @module
 */
import type { Terminal } from "../terminal.ts";

/** A flag: `--name`, or `--name VALUE`. */
export interface Flag {
  /** The value's name in the help. Without it the flag is a switch. */
  readonly value?: string;
  readonly help: string;
  /** One letter. */
  readonly short?: string;
  /** The values that it takes, if it takes only these. */
  readonly choices?: readonly string[];
  /** Whether completion offers files. */
  readonly isFile?: boolean;
  /** `true`: it can be given on the command line only, because a forgotten variable would do harm. */
  readonly isLocal?: boolean;
  /** `true`: it may be given several times; its value is a list. */
  readonly isList?: boolean;
}

/** Flags by name, without the dashes. */
export type Flags = Readonly<Record<string, Flag>>;

/** The values of flags: texts, lists of texts, and `true` for switches. */
export type Values<F extends Flags> = {
  readonly [Name in keyof F]?: F[Name] extends { readonly value: string; readonly isList: true } ? readonly string[]
    : F[Name] extends { readonly value: string } ? string
    : boolean;
};

/** A positional argument. */
export interface Argument {
  /** In capitals, as the help shows it. */
  readonly name: string;
  readonly help: string;
  readonly isOptional?: boolean;
  /** Takes all that is left. */
  readonly isList?: boolean;
  readonly isFile?: boolean;
  /** The values that it takes, if it takes only these. */
  readonly choices?: readonly string[];
}

/** A verb. `F`: its own flags; those that every verb has are added. */
export interface Verb<F extends Flags = Flags> {
  /** The first lines of its help. */
  readonly about: string;
  readonly args?: readonly Argument[];
  readonly flags: F;
  /** The last lines of its help: what the output is, exit codes, examples. */
  readonly notes?: string;
  /** What `--json` prints to standard output when it fails. Without it an error is JSON on standard error only. */
  failure?(error: { readonly message: string }): unknown;
  /** Runs it. Returns the exit code. @throws {CliError} for errors that the user can correct. */
  run(call: Call<F>): Promise<number> | number;
}

/** One call of a verb. */
export interface Call<F extends Flags> {
  readonly args: readonly string[];
  readonly values: Values<F & typeof COMMON_FLAGS>;
  readonly terminal: Terminal;
}

/** The flags that every verb has. */
export const COMMON_FLAGS = {
  "json": { help: "print JSON, for programs" },
  "quiet": { short: "q", help: "print results and errors only" },
  "color": { value: "WHEN", choices: ["auto", "always", "never"], help: "colors: auto (on a terminal), always, never" },
  "config": {
    value: "FILE",
    isFile: true,
    help: "a JSON file with settings by the names of the flags (./pbft.json, if it exists)",
  },
} as const satisfies Flags;

/** Declares a verb; gives its values their types. */
export function defineVerb<const F extends Flags>(verb: Verb<F>): Verb<F> {
  return verb;
}
