import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import { OperationError, type StateMachine } from "../../src/core/state_machine.ts";
import { KeyValue } from "../../src/machines/key_value.ts";
import {
  encodeOperation,
  type KeyValueOperation,
  MAX_KEYS,
  MAX_KEYS_BYTES,
  MAX_VALUE_BYTES,
} from "../../src/machines/key_value_operation.ts";
import { Random } from "../../src/testing/random.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const run = (machine: KeyValue, operation: string | KeyValueOperation) =>
  text(machine.execute(typeof operation === "string" ? utf8(operation) : encodeOperation(operation)));
const ask = (machine: KeyValue, operation: string) => text(machine.query(utf8(operation)));
const chunks = (machine: StateMachine) => [...machine.takeChanges()].map(([id, chunk]) => [id, chunk && text(chunk)]);

function running(...commands: readonly string[]): KeyValue {
  const machine = new KeyValue();
  for (const command of commands) run(machine, command);
  return machine;
}

Deno.test("a session of commands gives these results", () => {
  const machine = new KeyValue();
  for (
    const [command, result] of [
      ["GET name", "null"],
      ["SET name Ada Lovelace", '"OK"'],
      ["GET name", '"Ada Lovelace"'],
      ["SET name Ada", '"OK"'],
      ["GET name", '"Ada"'],
      ["DEL name", "true"],
      ["DEL name", "false"],
      ["GET name", "null"],
      ["INCR visits", "1"],
      ["INCR visits 41", "42"],
      ["INCR visits -50", "-8"],
      ["INCR visits 0", "-8"],
      ["GET visits", '"-8"'],
      ["CAS lock null ada", '{"swapped":true}'],
      ["CAS lock null bob", '{"swapped":false,"value":"ada"}'],
      ["CAS lock ada bob", '{"swapped":true}'],
      ["GET lock", '"bob"'],
      ["CAS lock bob null", '{"swapped":true}'],
      ["CAS lock bob ada", '{"swapped":false,"value":null}'],
      ["CAS lock null null", '{"swapped":true}'],
      ["GET lock", "null"],
      ["KEYS", '{"keys":["visits"],"truncated":false}'],
    ] as const
  ) assertEquals(run(machine, command), result, command);
  assertEquals(machine.size, 1);
});

Deno.test("INCR is exact, and rejects a sum that is no safe integer", () => {
  const machine = running("SET max 9007199254740991", "SET min -9007199254740991");
  assertEquals(run(machine, "INCR max 0"), "9007199254740991");
  assertThrows(
    () => run(machine, "INCR max"),
    OperationError,
    "expected a sum within ±(2^53 - 1), got 9007199254740991 + 1",
  );
  assertThrows(() => run(machine, "INCR min -1"), OperationError, "expected a sum within");
  assertEquals(run(machine, "INCR max -9007199254740991"), "0");
  assertEquals(run(machine, { op: "incr", key: "zero", by: -0 }), "0");
  assertEquals(run(machine, "GET zero"), '"0"');
  for (const value of ["Ada", '""', "1.5", "01", "-0", "1e3", "+1", '" 1"', "9007199254740992", "NaN", "0x1"]) {
    run(machine, `SET text ${value}`);
    assertThrows(
      () => run(machine, "INCR text"),
      OperationError,
      'incr: expected an integer within ±(2^53 - 1) under "text", got',
    );
  }
});

Deno.test("KEYS lists keys by code units, with the prefix, after the given key", () => {
  const machine = running(...["b", "a", "B", "ab", "a\u{10000}", "a\uffff", "é", '""'].map((key) => `SET ${key} x`));
  const keys = (command: string) => JSON.parse(run(machine, command)).keys;
  assertEquals(keys("KEYS"), ["", "B", "a", "ab", "a\u{10000}", "a\uffff", "b", "é"]);
  assertEquals(keys("KEYS a"), ["a", "ab", "a\u{10000}", "a\uffff"]);
  assertEquals(keys("KEYS a ab"), ["a\u{10000}", "a\uffff"]);
  assertEquals(keys("KEYS a B"), ["a", "ab", "a\u{10000}", "a\uffff"]);
  assertEquals(keys("KEYS a aa"), ["ab", "a\u{10000}", "a\uffff"]);
  assertEquals(keys("KEYS a b"), []);
  assertEquals(keys("KEYS c"), []);
  assertEquals(keys('KEYS "" ""'), ["B", "a", "ab", "a\u{10000}", "a\uffff", "b", "é"]);
});

Deno.test("more keys than fit come in parts, each within the limits", () => {
  for (const [count, length] of [[MAX_KEYS * 2 + 500, 0], [150, 900]] as const) {
    const machine = new KeyValue();
    const all = Array.from(
      { length: count },
      (_, index) => `key/${String(index).padStart(6, "0")}${"é".repeat(length / 2)}`,
    );
    for (const key of new Random(7).shuffled(all)) run(machine, { op: "set", key, value: "" });
    run(machine, "SET other x");
    const seen: string[] = [];
    for (let parts = 1;; parts++) {
      const result = ask(machine, JSON.stringify({ op: "keys", prefix: "key/", after: seen.at(-1) }));
      const { keys, truncated } = JSON.parse(result);
      assert(keys.length <= MAX_KEYS && utf8(JSON.stringify(keys)).length <= MAX_KEYS_BYTES + 2);
      seen.push(...keys);
      if (truncated) continue;
      assertEquals([seen, parts], [all, 3]);
      break;
    }
  }
  const exact = running(...Array.from({ length: MAX_KEYS }, (_, index) => `SET ${index} x`));
  assertEquals(JSON.parse(run(exact, "KEYS")).truncated, false);
});

Deno.test("every result fits the default limit of results", () => {
  const machine = new KeyValue();
  const value = '"'.repeat((MAX_VALUE_BYTES - 2) / 2);
  run(machine, { op: "set", key: "a", value });
  assertLess(run(machine, "GET a").length, DEFAULT_LIMITS.maxResultBytes);
  assertLess(run(machine, "CAS a null x").length, DEFAULT_LIMITS.maxResultBytes);
  assertLess(MAX_KEYS_BYTES + 100, DEFAULT_LIMITS.maxResultBytes);
});

Deno.test("queries only read", () => {
  const machine = running("SET name Ada");
  machine.takeChanges();
  assertEquals(ask(machine, "GET name"), '"Ada"');
  assertEquals(ask(machine, "KEYS n"), '{"keys":["name"],"truncated":false}');
  for (const command of ["SET name Bob", "DEL name", "CAS name Ada Bob", "INCR name", '{"op":"incr","key":"n"}']) {
    assertThrows(() => ask(machine, command), OperationError, "query: expected get or keys, got ");
  }
  assertThrows(() => ask(machine, "FLY"), OperationError, "command: expected SET");
  assertEquals([ask(machine, "GET name"), chunks(machine)], ['"Ada"', []]);
});

Deno.test("a rejected operation leaves the state unchanged", () => {
  const machine = running("SET name Ada", "SET n 9007199254740991");
  machine.takeChanges();
  for (
    const command of [
      "INCR name",
      "INCR n",
      "SET name",
      'SET name "',
      "CAS name Ada",
      '{"op":"set","key":"name","value":1}',
      "FLY",
      "\ufeffSET a b",
    ]
  ) {
    assertThrows(() => run(machine, command), OperationError);
  }
  assertEquals(chunks(machine), []);
  assertEquals(run(machine, "KEYS"), '{"keys":["n","name"],"truncated":false}');
});

Deno.test("a caller may write into a result without changing later results", () => {
  const machine = new KeyValue();
  machine.execute(utf8("SET a b")).fill(0);
  assertEquals(run(machine, "SET a b"), '"OK"');
});

Deno.test("random operations give what a plain map gives, and the same again from the chunks", () => {
  for (const seed of [1, 2, 3, 4]) {
    const random = new Random(seed);
    let machine = new KeyValue();
    const model = new Map<string, string>();
    const stored = new Map<string, Uint8Array>();
    for (let step = 0; step < 4_000; step++) {
      const key = `k${random.int(0, 299)}`;
      const value = random.pick(["1", "x".repeat(random.int(0, 299)), "-7", "y".repeat(2_000)]);
      const present = model.get(key) ?? null;
      switch (random.int(0, 4)) {
        case 0:
          assertEquals(run(machine, { op: "set", key, value }), '"OK"');
          model.set(key, value);
          break;
        case 1:
          assertEquals(run(machine, { op: "get", key }), JSON.stringify(present));
          break;
        case 2:
          assertEquals(run(machine, { op: "del", key }), String(model.delete(key)));
          break;
        case 3: {
          const expected = random.pick([present, "1", null]);
          const swapped = expected === present;
          assertEquals(
            JSON.parse(run(machine, { op: "cas", key, expected, value })),
            swapped ? { swapped } : { swapped, value: present },
          );
          if (swapped) model.set(key, value);
          break;
        }
        case 4:
          if (present === null || /^-?\d+$/.test(present)) {
            const sum = Number(present ?? "0") + step;
            assertEquals(run(machine, { op: "incr", key, by: step }), String(sum));
            model.set(key, String(sum));
          } else assertThrows(() => run(machine, { op: "incr", key, by: step }), OperationError);
      }
      if (step % 500 !== 499) continue;
      for (const [id, chunk] of machine.takeChanges()) {
        if (chunk) stored.set(id, chunk);
        else stored.delete(id);
      }
      assertEquals(JSON.parse(run(machine, "KEYS")).keys, [...model.keys()].sort());
      if (step % 1_000 === 999) {
        machine = new KeyValue();
        machine.restore(random.shuffled([...stored]));
        assertEquals(chunks(machine), []);
      }
    }
  }
});
