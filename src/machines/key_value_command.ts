/**
 * Parses operations that people type as text. `key_value_operation.ts` describes the grammar.
 * @module
 */
import { OperationError } from "../core/state_machine.ts";
import { checkOperation, type KeyValueOperation } from "./_operation.ts";
import { shown } from "./_text.ts";
import { type Word, Words } from "./_words.ts";

/**
 * Parses a text command.
 * @throws {OperationError} with the expected text and the text that came.
 *
 * @example
 * ```ts
 * console.log(parseCommand("SET name Ada Lovelace")); // { op: "set", key: "name", value: "Ada Lovelace" }
 * ```
 */
export function parseCommand(command: string): KeyValueOperation {
  const words = new Words(command);
  const operation = read(words);
  words.end();
  return checkOperation(operation);
}

function read(words: Words): KeyValueOperation {
  const verb = words.next("a command").text;
  switch (verb.toUpperCase()) {
    case "SET":
      return { op: "set", key: words.next("a key").text, value: words.rest("a value").text };
    case "GET":
      return { op: "get", key: words.next("a key").text };
    case "DEL":
      return { op: "del", key: words.next("a key").text };
    case "CAS": {
      const key = words.next("a key").text;
      const expected = orNull(words.next("the expected value"));
      return { op: "cas", key, expected, value: orNull(words.rest("the new value")) };
    }
    case "INCR": {
      const key = words.next("a key").text;
      return words.more ? { op: "incr", key, by: integer(words.next("a number").text) } : { op: "incr", key };
    }
    case "KEYS": {
      const prefix = words.more ? words.next("a prefix").text : "";
      return words.more ? { op: "keys", prefix, after: words.next("a key").text } : { op: "keys", prefix };
    }
    default:
      throw new OperationError(`command: expected SET, GET, DEL, CAS, INCR or KEYS, got ${shown(verb)}`);
  }
}

function orNull({ text, quoted }: Word): string | null {
  return text === "null" && !quoted ? null : text;
}

function integer(text: string): number {
  // The same as in JSON. `Number` would also accept `0x10`, `1e3` and the empty text.
  if (!/^-?[0-9]{1,16}$/.test(text)) {
    throw new OperationError(`by: expected an integer within ±(2^53 - 1), got ${shown(text)}`);
  }
  return Number(text);
}
