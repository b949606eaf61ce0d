/**
 * Scripts for shells, made of the verbs.
 * @module
 */
import { COMMON_FLAGS, type Flag, type Flags } from "./verb.ts";
import { HELP_FLAG } from "./parse.ts";

/** What a script knows of a verb. */
export interface Completed {
  readonly name: string;
  readonly summary: string;
  readonly flags: Flags;
  /** What the first argument may be, if only that. */
  readonly choices?: readonly string[] | undefined;
  /** Whether an argument is a file. */
  readonly takesFile: boolean;
}

/** The shells that there are scripts for. */
export const SHELLS: readonly string[] = ["bash", "zsh", "fish"];

/** The script for a shell. */
export function scriptFor(shell: string, verbs: readonly Completed[]): string {
  return shell === "fish" ? fish(verbs) : shell === "zsh" ? zsh(verbs) : bash(verbs);
}

function flagsOf({ flags }: Completed): readonly (readonly [string, Flag])[] {
  return Object.entries<Flag>({ ...flags, ...COMMON_FLAGS, ...HELP_FLAG });
}

function bash(verbs: readonly Completed[]): string {
  const names = verbs.map(({ name }) => name).join(" ");
  const choices = new Map(
    verbs.flatMap(flagsOf).flatMap(([name, { choices }]) => choices ? [[name, choices] as const] : []),
  );
  const files = new Set(verbs.flatMap(flagsOf).flatMap(([name, { isFile }]) => isFile ? [`--${name}`] : []));
  // Bash takes the = of --flag=value for a word. Names of files may contain spaces, so only lines divide them.
  return `# pbft completion bash
_pbft_files() { local IFS=$'\\n'; COMPREPLY=($(compgen -f -- "$1")); }
_pbft() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} verb=\${COMP_WORDS[1]}
  COMPREPLY=()
  if [[ $cur == "=" ]]; then cur=; elif [[ $prev == "=" ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W "${names} help" -- "$cur")); return; fi
  case $prev in
${
    [...choices].map(([name, values]) =>
      `    --${name}) COMPREPLY=($(compgen -W "${values.join(" ")}" -- "$cur")); return ;;`
    ).join("\n")
  }
    ${[...files].join("|")}) _pbft_files "$cur"; return ;;
  esac
  case $verb in
${
    verbs.map((verb) => {
      const words = flagsOf(verb).map(([name]) => `--${name}`).join(" ");
      if (verb.choices) return bashChoices(verb.name, words, verb.choices, verb.takesFile);
      const file = verb.takesFile ? ` [[ $cur == -* ]] || _pbft_files "$cur";` : "";
      return `    ${verb.name}) COMPREPLY=($(compgen -W "${words}" -- "$cur"));${file} ;;`;
    }).join("\n")
  }
    help) COMPREPLY=($(compgen -W "${names}" -- "$cur")) ;;
  esac
}
complete -o filenames -F _pbft pbft`;
}

/** The first argument is one of few, and later ones may be files. */
function bashChoices(name: string, flags: string, choices: readonly string[], takesFile: boolean): string {
  const rest = takesFile ? `_pbft_files "$cur"` : ":";
  return `    ${name}) COMPREPLY=($(compgen -W "${flags}" -- "$cur")); [[ $cur == -* ]] || if [ "$COMP_CWORD" -eq 2 ]; then COMPREPLY=($(compgen -W "${
    choices.join(" ")
  }" -- "$cur")); else ${rest}; fi ;;`;
}

function zsh(verbs: readonly Completed[]): string {
  const list = verbs.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`).join("\n");
  // An argument about which nothing is known has no words, (). With no action at all zsh would show a message, and complete no flag.
  const cases = verbs.map((verb) => {
    const specs = flagsOf(verb).map(([name, { help, value, choices, isFile, isList }]) => {
      const text = help.replace(/[[\]\\]/g, "\\$&");
      const action = choices ? `(${choices.join(" ")})` : isFile ? "_files" : "";
      // With the star it is offered again after it was given.
      return quote(`${isList ? "*" : ""}--${name}${value ? "=" : ""}[${text}]${value ? `:${value}:${action}` : ""}`);
    });
    const first = verb.choices ? [quote(`1:argument:(${verb.choices.join(" ")})`)] : [];
    return `    ${verb.name}) _arguments ${
      [...specs, ...first, quote(`*:argument:${verb.takesFile ? "_files" : "()"}`)].join(" ")
    } ;;`;
  });
  return `#compdef pbft
_pbft() {
  local -a verbs=(
${list}
  )
  if (( CURRENT == 2 )) || [[ $words[2] == help ]]; then _describe verb verbs; return; fi
  local verb=$words[2]
  shift words; (( CURRENT-- ))
  case $verb in
${cases.join("\n")}
  esac
}
if [ "$funcstack[1]" = _pbft ]; then _pbft; else compdef _pbft pbft; fi`;
}

function fish(verbs: readonly Completed[]): string {
  const names = verbs.map(({ name }) => name).join(" ");
  const lines = verbs.flatMap((verb) => [
    `complete -c pbft -n __fish_use_subcommand -f -a ${verb.name} -d ${quote(verb.summary)}`,
    ...fishArguments(verb),
    ...flagsOf(verb).map(([name, { help, value, choices, isFile, short }]) => {
      const letter = short ? ` -s ${short}` : "";
      // -r offers files, -x does not.
      const values = choices ? ` -x -a ${quote(choices.join(" "))}` : isFile ? " -r" : value ? " -x" : "";
      return `complete -c pbft -n '__fish_seen_subcommand_from ${verb.name}' -l ${name}${letter}${values} -d ${
        quote(help)
      }`;
    }),
  ]);
  const help = `complete -c pbft -n '__fish_seen_subcommand_from help' -f -a ${quote(names)}`;
  return ["# pbft completion fish", ...lines, help].join("\n");
}

function fishArguments({ name, choices, takesFile }: Completed): readonly string[] {
  const seen = `__fish_seen_subcommand_from ${name}`;
  if (choices) {
    const words = choices.join(" ");
    return [
      `complete -c pbft -n ${quote(`${seen}; and not __fish_seen_subcommand_from ${words}`)} -f -a ${quote(words)}`,
    ];
  }
  return takesFile ? [] : [`complete -c pbft -n ${quote(seen)} -f`];
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
