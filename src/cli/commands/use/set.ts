/**
 * `set`: writes one key of the key-value machine.
 * @module
 */
import { readFileSync } from "node:fs";
import { CLIENT_FLAGS } from "../../parser/flags.ts";
import { defineVerb } from "../../parser/verb.ts";
import { execute } from "../../calls/operation.ts";

/** The verb. */
export const verb = defineVerb({
  about: "Sets a key to a value.",
  args: [
    { name: "KEY", help: "the key" },
    { name: "VALUE", help: "the value; -: read it from standard input" },
  ],
  flags: CLIENT_FLAGS,
  notes: "A value that begins with - stands after --, as in: pbft set -- balance -5",
  run: ({ args: [key, value], values, terminal }) =>
    execute({
      values,
      terminal,
      operation: { op: "set", key, value: value === "-" ? readFileSync(0, "utf8") : value },
    }),
});
