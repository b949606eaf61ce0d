/**
 * `get`: reads one key of the key-value machine.
 * @module
 */
import { CLIENT_FLAGS } from "../../parser/flags.ts";
import { defineVerb } from "../../parser/verb.ts";
import { ask } from "../../calls/operation.ts";

/** The verb. */
export const verb = defineVerb({
  about: "Prints the value of a key. The read sees every write that was answered before it.",
  args: [{ name: "KEY", help: "the key" }],
  flags: CLIENT_FLAGS,
  notes: "Exit code 1: there is no such key.",
  run: ({ args: [key], values, terminal }) =>
    ask({
      values,
      terminal,
      operation: { op: "get", key },
      show: (value) =>
        value === null ? { lines: [], note: `${key || '""'}: no such key`, isNo: true } : { lines: [String(value)] },
    }),
});
