/**
 * The help of a verb, and of the command.
 * @module
 */
import { COMMON_FLAGS, type Verb } from "./verb.ts";
import { commandOf } from "./parse.ts";

/** A verb in the list of all. */
export interface Entry {
  /** The heading under which the help lists it. */
  readonly group: string;
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** Loads it. Verbs are loaded one by one, so that each starts fast. */
  readonly load: () => Promise<{ readonly verb: AnyVerb }>;
  /** For processes of this program, not for people. */
  readonly isHidden?: boolean;
}

/** A verb whose flags are not known to the types. */
// deno-lint-ignore no-explicit-any
export type AnyVerb = Verb<any>;

/** The width of texts, characters. */
const WIDTH = 96;

/** The help of one verb. */
export function helpOf(name: string, verb: AnyVerb): string {
  const command = commandOf({ name: `pbft ${name}`, flags: { ...verb.flags, ...COMMON_FLAGS }, args: verb.args });
  command.description(verb.about).usage(usageOf(verb)).configureHelp({ helpWidth: WIDTH });
  return [command.helpInformation().trimEnd(), ...(verb.notes ? [verb.notes.trim()] : [])].join("\n\n");
}

/** The arguments of a verb as they are typed. */
export function usageOf({ args = [] }: AnyVerb): string {
  const shown = args.map(({ name, isOptional, isList }) => {
    const text = isList ? `${name}...` : name;
    return isOptional ? `[${text}]` : text;
  });
  return [...shown, "[flags]"].join(" ");
}

/** The help of the command: all verbs. */
export function overviewOf(entries: readonly Entry[]): string {
  const shown = entries.filter(({ isHidden }) => !isHidden);
  const groups = [...new Set(shown.map(({ group }) => group))];
  const width = Math.max(...shown.map(({ name }) => name.length)) + 2;
  const rows = groups.flatMap((group) => [
    "",
    group,
    ...shown.filter((entry) => entry.group === group).map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`),
  ]);
  return [
    "pbft: a state that four or more replicas agree on, while up to a third of them fail or lie",
    "",
    "usage: pbft VERB [ARGUMENTS] [flags]",
    ...rows,
    "",
    "pbft VERB --help prints the help of a verb.",
    'Every flag is also a variable, and a setting in ./pbft.json: --timeout 5s, PBFT_TIMEOUT=5s, {"timeout": "5s"}.',
    "Exit codes: 0 done, 1 no, 2 wrong use, 3 too few replicas in reach, 4 effect unknown, 5 not allowed.",
  ].join("\n");
}
