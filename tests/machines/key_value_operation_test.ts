import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { OperationError } from "../../src/core/state_machine.ts";
import {
  decodeOperation,
  decodeResult,
  encodeOperation,
  encodeResult,
  type KeyValueOperation,
  MAX_KEY_BYTES,
  MAX_VALUE_BYTES,
  parseCommand,
} from "../../src/machines/key_value_operation.ts";
import { jsonBytes } from "../../src/machines/_text.ts";
import { Random } from "../../src/testing/random.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

Deno.test("a text command means what its typed operation means", () => {
  const commands: readonly (readonly [string, KeyValueOperation])[] = [
    ["SET name Ada", { op: "set", key: "name", value: "Ada" }],
    ["SET name Ada  Lovelace, Countess", { op: "set", key: "name", value: "Ada  Lovelace, Countess" }],
    [" \t\r\nset \t name \r\n Ada \n", { op: "set", key: "name", value: "Ada" }],
    ['SET "a key" "two\\nlines "', { op: "set", key: "a key", value: "two\nlines " }],
    ['SET "" ""', { op: "set", key: "", value: "" }],
    ['SET "\\"" "\\\\"', { op: "set", key: '"', value: "\\" }],
    ['SET a"b c"d "', { op: "set", key: 'a"b', value: 'c"d "' }],
    ["SET ë€😀 \u00a0\ufeff", { op: "set", key: "ë€😀", value: "\u00a0\ufeff" }],
    ["SET json {}", { op: "set", key: "json", value: "{}" }],
    ["SET nothing null", { op: "set", key: "nothing", value: "null" }],
    ["SET n 1", { op: "set", key: "n", value: "1" }],
    ["GET name", { op: "get", key: "name" }],
    ['gEt "a key"', { op: "get", key: "a key" }],
    ["DEL name", { op: "del", key: "name" }],
    ["CAS lock ada bob", { op: "cas", key: "lock", expected: "ada", value: "bob" }],
    ["CAS lock null ada and bob", { op: "cas", key: "lock", expected: null, value: "ada and bob" }],
    ["CAS lock ada null", { op: "cas", key: "lock", expected: "ada", value: null }],
    ['CAS lock "null" "null"', { op: "cas", key: "lock", expected: "null", value: "null" }],
    ["CAS null null null", { op: "cas", key: "null", expected: null, value: null }],
    ["INCR visits", { op: "incr", key: "visits" }],
    ["INCR visits 10", { op: "incr", key: "visits", by: 10 }],
    ["INCR visits -9007199254740991", { op: "incr", key: "visits", by: -9007199254740991 }],
    ["KEYS", { op: "keys", prefix: "" }],
    ["KEYS na", { op: "keys", prefix: "na" }],
    ['KEYS "" name', { op: "keys", prefix: "", after: "name" }],
  ];
  for (const [command, operation] of commands) {
    assertEquals(parseCommand(command), operation, command);
    assertEquals(decodeOperation(utf8(command)), operation, command);
    assertEquals(decodeOperation(encodeOperation(operation)), operation, command);
  }
});

Deno.test("a bad command is rejected with what was expected and what came", () => {
  const rejected: readonly (readonly [string, string])[] = [
    ["", "command: expected a command, got the end of it"],
    [" \n", "command: expected a command, got the end of it"],
    ["FLY home", 'command: expected SET, GET, DEL, CAS, INCR or KEYS, got "FLY"'],
    ["SET", "command: expected a key, got the end of it"],
    ["SET name", "command: expected a value, got the end of it"],
    ["SET name ", "command: expected a value, got the end of it"],
    ['SET "name', 'command: expected a closing quote, got "\\"name"'],
    ['SET name "Ada', 'command: expected a closing quote, got "\\"Ada"'],
    ['SET name "Ada\\"', "command: expected a closing quote"],
    ['SET name "Ada" Lovelace', 'command: expected its end, got "Lovelace"'],
    ['SET "name"Ada x', 'command: expected white space after "\\"name\\"", got "A"'],
    ['SET name "\\x"', 'command: expected a JSON string, got "\\"\\\\x\\""'],
    ['SET name "a\nb"', 'command: expected a JSON string, got "\\"a\\nb\\""'],
    ["GET", "command: expected a key, got the end of it"],
    ["GET a b", 'command: expected its end, got "b"'],
    ["CAS a", "command: expected the expected value, got the end of it"],
    ["CAS a b", "command: expected the new value, got the end of it"],
    ["INCR a x", 'by: expected an integer within ±(2^53 - 1), got "x"'],
    ["INCR a 1e3", 'by: expected an integer within ±(2^53 - 1), got "1e3"'],
    ["INCR a 9007199254740992", "by: expected an integer within ±(2^53 - 1), got 9007199254740992"],
    ["INCR a 1 2", 'command: expected its end, got "2"'],
    ["KEYS a b c", 'command: expected its end, got "c"'],
    ['GET "\\ud800"', 'key: expected well-formed Unicode, got "\\ud800"'],
    [`FLY${"x".repeat(1000)}`, `got "FLY${"x".repeat(37)}…"`],
  ];
  for (const [command, message] of rejected) {
    const error = assertThrows(() => decodeOperation(utf8(command)), OperationError);
    assertStringIncludes(error.message, message);
    assert(error.message.length < 200, error.message);
  }
});

Deno.test("a bad JSON operation is rejected with the field, what was expected and what came", () => {
  const rejected: readonly (readonly [string, string])[] = [
    ["{", 'operation: expected JSON or a command, got "{"'],
    ['{"op":"get","key":"a"} x', "operation: expected JSON or a command"],
    ["{}", "op: expected set, get, del, cas, incr or keys, got nothing"],
    ['{"op":"fly"}', 'op: expected set, get, del, cas, incr or keys, got "fly"'],
    ['{"op":"toString"}', 'op: expected set, get, del, cas, incr or keys, got "toString"'],
    ['{"op":["set"]}', "op: expected set, get, del, cas, incr or keys, got a list"],
    ['{"op":"SET","key":"a","value":"b"}', 'got "SET"'],
    ['{"op":"set","key":"a"}', "value: expected a text, got nothing"],
    ['{"op":"set","value":"a"}', "key: expected a text, got nothing"],
    ['{"op":"set","key":"a","value":1}', "value: expected a text, got 1"],
    ['{"op":"set","key":"a","value":null}', "value: expected a text, got null"],
    ['{"op":"set","key":{},"value":"b"}', "key: expected a text, got an object"],
    ['{"op":"set","key":"a","value":"b","ttl":1}', 'set: expected the fields op, key, value, got "ttl" too'],
    ['{"op":"get","key":"a","__proto__":1}', 'get: expected the fields op, key, got "__proto__" too'],
    ['{"op":"get","key":"a\\udc00"}', "key: expected well-formed Unicode"],
    ['{"op":"cas","key":"a","value":"b"}', "expected: expected a text, got nothing"],
    ['{"op":"cas","key":"a","expected":"b"}', "value: expected a text, got nothing"],
    ['{"op":"incr","key":"a","by":0.5}', "by: expected an integer within ±(2^53 - 1), got 0.5"],
    ['{"op":"incr","key":"a","by":"1"}', 'by: expected an integer within ±(2^53 - 1), got "1"'],
    ['{"op":"incr","key":"a","by":null}', "by: expected an integer within ±(2^53 - 1), got null"],
    ['{"op":"keys","prefix":1}', "prefix: expected a text, got 1"],
    ['{"op":"keys","after":true}', "after: expected a text, got true"],
  ];
  for (const [json, message] of rejected) {
    const error = assertThrows(() => decodeOperation(utf8(json)), OperationError);
    assertStringIncludes(error.message, message);
  }
  assertThrows(() => decodeOperation(Uint8Array.of(0x47, 0xff)), OperationError, "operation: expected UTF-8 text");
});

Deno.test("keys and values are limited by the bytes of their JSON text, exactly", () => {
  const set = (key: string, value: string) => decodeOperation(encodeOperation({ op: "set", key, value }));
  for (const [unit, bytes] of [["a", 1], ["ë", 2], ["€", 3], ["\0", 6], ['"', 2], ["😀", 4]] as const) {
    for (
      const [max, make] of [[MAX_KEY_BYTES, (t: string) => set(t, "")], [
        MAX_VALUE_BYTES,
        (t: string) => set("", t),
      ]] as const
    ) {
      const most = Math.floor((max - 2) / bytes);
      make(unit.repeat(most));
      assertThrows(() => make(unit.repeat(most + 1)), OperationError, `expected at most ${max} bytes as JSON text`);
    }
  }
});

Deno.test("the bytes of JSON text are counted as JSON makes them", () => {
  const random = new Random(6);
  const every = Array.from({ length: 0x300 }, (_, unit) => String.fromCharCode(unit)).join("") +
    "\u07ff\u0800\ud7ff\ue000\uffff\u{10000}";
  assertEquals(jsonBytes(every), utf8(JSON.stringify(every)).length);
  const units = [...'a"\\\n\0\u001f\u007f\u0080é\u07ff\u0800€\uffff😀'];
  for (let round = 0; round < 200; round++) {
    const text = Array.from({ length: random.int(0, 19) }, () => random.pick(units)).join("");
    assertEquals(jsonBytes(text), utf8(JSON.stringify(text)).length);
  }
});

Deno.test("results go through bytes unchanged", () => {
  for (
    const result of ["OK", null, "ë\n", true, false, -3, { swapped: true }, { swapped: false, value: null }, {
      keys: ["a"],
      truncated: true,
    }] as const
  ) {
    assertEquals(decodeResult(encodeResult(result)), result);
  }
});
