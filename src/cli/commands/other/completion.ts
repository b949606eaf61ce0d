/**
 * `completion`: a script that lets a shell complete verbs, flags and their values.
 * @module
 */
import { CliError, EXIT } from "../../cli_error.ts";
import { type Completed, scriptFor, SHELLS } from "../../parser/completion.ts";
import type { AnyVerb, Entry } from "../../parser/help.ts";
import { defineVerb } from "../../parser/verb.ts";

/** The verb, for a list of verbs. */
export const completionOf = (entries: readonly Entry[]): AnyVerb =>
  defineVerb({
    about: "Prints a script that lets your shell complete verbs, flags and values.",
    args: [{ name: "SHELL", help: SHELLS.join(", "), choices: SHELLS }],
    flags: {},
    notes: `Add it to the start of your shell:
  pbft completion bash >> ~/.bashrc
  pbft completion zsh > ~/.zfunc/_pbft
  pbft completion fish > ~/.config/fish/completions/pbft.fish`,
    run: async ({ args: [shell], terminal }) => {
      if (!SHELLS.includes(shell!)) {
        throw new CliError(`SHELL: expected ${SHELLS.join(", ")}, got ${JSON.stringify(shell)}`, EXIT.usage);
      }
      const verbs: readonly Completed[] = await Promise.all(
        entries.filter(({ isHidden }) => !isHidden).map(async ({ name, summary, load }) => {
          const { verb } = await load();
          const { flags, args = [] } = verb;
          return { name, summary, flags, choices: args[0]?.choices, takesFile: args.some(({ isFile }) => isFile) };
        }),
      );
      terminal.print(scriptFor(shell!, verbs));
      return EXIT.done;
    },
  });
