/**
 * `cas`: replaces the value of one key of the key-value machine, if it is the expected one.
 * @module
 */
import { CLIENT_FLAGS } from "../../parser/flags.ts";
import { defineVerb } from "../../parser/verb.ts";
import { execute } from "../../calls/operation.ts";

/** The verb. */
export const verb = defineVerb({
  about: "Compare and set: replaces the value of a key, if it is the expected one.",
  args: [
    { name: "KEY", help: "the key" },
    { name: "EXPECTED", help: "the present value; null: the key does not exist" },
    { name: "VALUE", help: "the new value; null: remove the key" },
  ],
  flags: CLIENT_FLAGS,
  notes: "Exit code 1: the value was another one, which is printed; nothing was changed.",
  run: ({ args: [key, expected, value], values, terminal }) =>
    execute({
      values,
      terminal,
      operation: { op: "cas", key, expected: orNull(expected!), value: orNull(value!) },
      show: (result) => {
        const { swapped, value } = result as { readonly swapped: boolean; readonly value?: string | null };
        if (swapped) return { lines: ["OK"] };
        return {
          lines: value === null || value === undefined ? [] : [value],
          note: `not swapped: ${key} is ${JSON.stringify(value)}`,
          isNo: true,
        };
      },
    }),
});

function orNull(text: string): string | null {
  return text === "null" ? null : text;
}
