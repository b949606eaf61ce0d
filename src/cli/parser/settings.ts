/**
 * Settings that are not given as flags: variables, and a file. The names are the same: `--timeout 5s`,
 * `PBFT_TIMEOUT=5s`, `"timeout": "5s"`. A flag counts before a variable, and a variable before the file.
 * @module
 */
import { readFileSync } from "node:fs";
import { jsonFault, repeatedName } from "../../wire/mod.ts";
import { CliError, codeOf, EXIT, reasonOf } from "../cli_error.ts";
import { nearest } from "./nearest.ts";
import { COMMON_FLAGS, type Flag, type Flags, type Values } from "./verb.ts";

/** Where settings are looked for. */
export interface SettingsSource {
  /** The verb: its own settings are below its name in the file. */
  readonly verb: string;
  /** All verbs: names that may stand at the top of the file. Left out: any. */
  readonly verbs?: readonly string[] | undefined;
  readonly variable: (name: string) => string | undefined;
}

/** The file that is read if it exists. */
const DEFAULT_FILE = "pbft.json";
/**
 * Settings that make sense for every verb. They may stand at the top of the file; all others stand below a verb's name.
 */
const SHARED = ["cluster", "key", "timeout", "json", "quiet", "color", "log"];

/** The variable of a flag: `--read-token-file` is `PBFT_READ_TOKEN_FILE`. */
export function variableOf(flag: string): string {
  return `PBFT_${flag.toUpperCase().replaceAll("-", "_")}`;
}

type Value = string | boolean | readonly string[];

/**
 * The values of all flags. For each value that was not given as a flag also its source, such as
 * `PBFT_TIMEOUT` or `pbft.json: timeout`.
 */
export interface Settings<F extends Flags> {
  readonly values: Values<F>;
  readonly places: ReadonlyMap<string, string>;
}

/**
 * Adds what variables and the file say to the values that were given.
 * @throws {CliError} naming the variable or the file's field.
 */
export function completed<F extends Flags>(flags: F, given: Values<F>, source: SettingsSource): Settings<F> {
  const { variable } = source;
  const path = (given as { readonly config?: string }).config ?? variable("PBFT_CONFIG");
  const file = settingsFile(path, source, flags);
  const values: Record<string, Value> = { ...given as Record<string, Value> };
  const places = new Map<string, string>();
  for (const [name, flag] of Object.entries(flags)) {
    if (name in values || name === "config") continue;
    const own = flag.isLocal ? undefined : variable(variableOf(name));
    const isVariable = own !== undefined && own !== "";
    if (!isVariable && !Object.hasOwn(file, name)) continue;
    const place = isVariable ? variableOf(name) : `${path ?? DEFAULT_FILE}: ${name}`;
    const value = valueOf(place, flag, isVariable ? own : file[name]);
    if (value === false) continue;
    values[name] = value;
    places.set(name, place);
  }
  return { values: values as Values<F>, places };
}

/**
 * The error of a verb, with the place of the setting that is wrong: verbs say `--timeout: …` or `FILE: …` wherever a
 * value comes from.
 */
export function located(error: unknown, { values, places }: Settings<Flags>): unknown {
  if (!(error instanceof CliError)) return error;
  const { message, exitCode, lines } = error;
  const [flag, name] = /^--([a-z-]+)(?=[ :])/.exec(message) ?? [];
  if (flag !== undefined) {
    const place = places.get(name!);
    return place === undefined ? error : new CliError(place + message.slice(flag.length), exitCode, lines);
  }
  const given = values as Readonly<Record<string, Value>>;
  for (const [name, place] of places) {
    if (message.startsWith(`${given[name]}: `)) return new CliError(`${place}: ${message}`, exitCode, lines);
  }
  return error;
}

/** The settings of the file for this verb, by flag. */
function settingsFile(
  path: string | undefined,
  { verb, verbs }: SettingsSource,
  flags: Flags,
): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = readFileSync(path ?? DEFAULT_FILE, "utf8");
  } catch (error) {
    if (path === undefined && codeOf(error) !== "EACCES") return {};
    throw new CliError(`${path}: ${reasonOf(error)}`, EXIT.usage, { next: "name another file with --config" });
  }
  const file = path ?? DEFAULT_FILE;
  const fault = jsonFault(text);
  if (fault !== null) throw new CliError(`${file}: expected JSON: ${fault}`, EXIT.usage);
  const json: unknown = JSON.parse(text.replace(/^\ufeff/, ""));
  const repeated = repeatedName(text);
  if (repeated !== null) {
    throw new CliError(
      `${file}: ${repeated}: expected one value, got two: the name stands twice in the file`,
      EXIT.usage,
    );
  }
  const all = objectIn(file, json);
  const stranger = Object.keys(all).find((name) => verbs && ![...SHARED, ...verbs, "$schema"].includes(name));
  if (stranger !== undefined) {
    const near = nearest(stranger, [...SHARED, ...verbs!]);
    throw new CliError(`${file}: ${stranger}: expected ${SHARED.join(", ")}, or the name of a verb`, EXIT.usage, {
      next: near.length > 0 ? `did you mean ${near[0]}?` : `settings of a verb stand below its name: {"${verb}": {…}}`,
    });
  }
  const shared = Object.fromEntries(
    Object.entries(all).filter(([name]) => SHARED.includes(name) && flags[name] && !flags[name].isLocal),
  );
  const own = all[verb] === undefined ? {} : objectIn(`${file}: ${verb}`, all[verb]);
  const unknown = Object.keys(own).find((name) => !Object.hasOwn(flags, name));
  if (unknown !== undefined) {
    const names = Object.keys(flags).filter((name) => !(name in COMMON_FLAGS)).join(", ");
    throw new CliError(`${file}: ${verb}.${unknown}: no such setting; expected some of ${names}`, EXIT.usage);
  }
  return { ...shared, ...own };
}

function objectIn(place: string, json: unknown): Readonly<Record<string, unknown>> {
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  throw new CliError(`${place}: expected an object, got ${JSON.stringify(json)}`, EXIT.usage);
}

function valueOf(place: string, flag: Flag, given: unknown): Value {
  const { value, choices, isList } = flag;
  if (isList) return (Array.isArray(given) ? given : [given]).map((one) => textOf(place, flag, one));
  if (value === undefined) {
    const known: Readonly<Record<string, boolean>> = { true: true, 1: true, false: false, 0: false };
    const truth = known[String(given)];
    if (truth !== undefined) return truth;
    throw new CliError(`${place}: expected true or false, got ${JSON.stringify(given)}`, EXIT.usage);
  }
  return textOf(place, { choices }, given);
}

function textOf(
  place: string,
  { choices }: { readonly choices?: Flag["choices"] | undefined },
  given: unknown,
): string {
  const text = typeof given === "number" ? String(given) : given;
  if (typeof text === "string" && (choices === undefined || choices.includes(text))) return text;
  const expected = choices?.join(", ") ?? "a text";
  throw new CliError(`${place}: expected ${expected}, got ${JSON.stringify(given)}`, EXIT.usage);
}
