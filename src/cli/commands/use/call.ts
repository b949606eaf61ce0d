/**
 * `call`: an operation of any state machine.
 * @module
 */
import { CLIENT_FLAGS } from "../../parser/flags.ts";
import { defineVerb } from "../../parser/verb.ts";
import { execute } from "../../calls/operation.ts";
import { operationOf } from "../../calls/operation_text.ts";

/** The verb. */
export const verb = defineVerb({
  about: "Has one operation of the state machine executed, and prints its result.",
  args: [
    { name: "OP", help: "the operation: its name, or the whole text of it" },
    { name: "JSON", help: "its input as JSON", isOptional: true },
  ],
  flags: CLIENT_FLAGS,
  notes: `Examples:
  pbft call 'SET name Ada'
  pbft call set '{"key":"name","value":"Ada"}'`,
  run: ({ args: [name, input], values, terminal }) =>
    execute({ values, terminal, operation: (machine) => operationOf(name!, input, machine) }),
});
