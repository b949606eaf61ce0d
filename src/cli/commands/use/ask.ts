/**
 * `ask`: a query of any state machine.
 * @module
 */
import { CLIENT_FLAGS } from "../../parser/flags.ts";
import { defineVerb } from "../../parser/verb.ts";
import { ask } from "../../calls/operation.ts";
import { operationOf } from "../../calls/operation_text.ts";

/** The verb. */
export const verb = defineVerb({
  about:
    "Asks the state machine a query, and prints the answer. The read sees every write that was answered before it.",
  args: [
    { name: "QUERY", help: "the query: its name, or the whole text of it" },
    { name: "JSON", help: "its input as JSON", isOptional: true },
  ],
  flags: CLIENT_FLAGS,
  notes: `Examples:
  pbft ask 'GET name'
  pbft ask get '{"key":"name"}'`,
  run: ({ args: [name, input], values, terminal }) =>
    ask({ values, terminal, operation: (machine) => operationOf(name!, input, machine) }),
});
