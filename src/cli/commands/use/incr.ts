/**
 * `incr`: adds to a number in the key-value machine.
 * @module
 */
import { CliError, EXIT } from "../../cli_error.ts";
import { CLIENT_FLAGS } from "../../parser/flags.ts";
import { defineVerb } from "../../parser/verb.ts";
import { execute } from "../../calls/operation.ts";

/** The verb. */
export const verb = defineVerb({
  about: "Adds to the number of a key, and prints the new one. A missing key counts as 0.",
  args: [
    { name: "KEY", help: "the key" },
    { name: "BY", help: "an integer (1)", isOptional: true },
  ],
  flags: CLIENT_FLAGS,
  run: ({ args: [key, by = "1"], values, terminal }) => {
    if (!/^-?[0-9]{1,16}$/.test(by) || !Number.isSafeInteger(Number(by))) {
      throw new CliError(`BY: expected an integer within ±(2^53 - 1), got ${JSON.stringify(by)}`, EXIT.usage);
    }
    return execute({ values, terminal, operation: { op: "incr", key, by: Number(by) } });
  },
});
