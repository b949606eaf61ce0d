/**
 * `del`: removes one key of the key-value machine.
 * @module
 */
import { CLIENT_FLAGS } from "../../parser/flags.ts";
import { defineVerb } from "../../parser/verb.ts";
import { execute } from "../../calls/operation.ts";

/** The verb. */
export const verb = defineVerb({
  about: "Removes a key.",
  args: [{ name: "KEY", help: "the key" }],
  flags: CLIENT_FLAGS,
  notes: "Exit code 1: there was no such key.",
  run: ({ args: [key], values, terminal }) =>
    execute({
      values,
      terminal,
      operation: { op: "del", key },
      show: (wasThere) =>
        wasThere === true ? { lines: ["OK"] } : { lines: [], note: `${key || '""'}: no such key`, isNo: true },
    }),
});
