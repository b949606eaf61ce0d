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
  return `# pbft completion bash
_pbft() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} verb=\${COMP_WORDS[1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W "${names} help" -- "$cur")); return; fi
  case $prev in
${
    [...choices].map(([name, values]) =>
      `    --${name}) COMPREPLY=($(compgen -W "${values.join(" ")}" -- "$cur")); return ;;`
    ).join("\n")
  }
    ${[...files].join("|")}) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  case $verb in
${
    verbs.map((verb) => {
      const words = flagsOf(verb).map(([name]) => `--${name}`).join(" ");
      const file = verb.takesFile ? ` [[ $cur == -* ]] || COMPREPLY=($(compgen -f -- "$cur"));` : "";
      return `    ${verb.name}) COMPREPLY=($(compgen -W "${words}" -- "$cur"));${file} ;;`;
    }).join("\n")
  }
    help|completion) COMPREPLY=($(compgen -W "${names} ${SHELLS.join(" ")}" -- "$cur")) ;;
  esac
}
complete -o filenames -F _pbft pbft`;
}

function zsh(verbs: readonly Completed[]): string {
  const list = verbs.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`).join("\n");
  const cases = verbs.map((verb) => {
    const specs = flagsOf(verb).map(([name, { help, value, choices, isFile }]) => {
      const text = help.replace(/[[\]:\\]/g, " ");
      const action = choices ? `(${choices.join(" ")})` : isFile ? "_files" : "";
      return quote(`--${name}[${text}]${value ? `:${value}:${action}` : ""}`);
    });
    return `    ${verb.name}) _arguments ${
      [...specs, quote(`*:argument:${verb.takesFile ? "_files" : ""}`)].join(" ")
    } ;;`;
  });
  return `#compdef pbft
_pbft() {
  local -a verbs=(
${list}
  )
  if (( CURRENT == 2 )); then _describe verb verbs; return; fi
  local verb=$words[2]
  shift words; (( CURRENT-- ))
  case $verb in
${cases.join("\n")}
  esac
}
if [ "$funcstack[1]" = _pbft ]; then _pbft; else compdef _pbft pbft; fi`;
}

function fish(verbs: readonly Completed[]): string {
  const lines = verbs.flatMap((verb) => [
    `complete -c pbft -n __fish_use_subcommand -f -a ${verb.name} -d ${quote(verb.summary)}`,
    ...flagsOf(verb).map(([name, { help, value, choices, short }]) => {
      const letter = short ? ` -s ${short}` : "";
      const values = choices ? ` -x -a ${quote(choices.join(" "))}` : value ? " -r" : "";
      return `complete -c pbft -n '__fish_seen_subcommand_from ${verb.name}' -l ${name}${letter}${values} -d ${
        quote(help)
      }`;
    }),
  ]);
  return ["# pbft completion fish", ...lines].join("\n");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
