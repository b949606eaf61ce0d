import { assertEquals, assertThrows } from "@std/assert";
import { millis, sequenceNumber } from "../../src/core/messages/ids.ts";
import { OperationError, type StateMachine } from "../../src/core/state_machine.ts";
import { type SnapshotMachine, snapshotMachine } from "../../src/machines/snapshot.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const CONTEXT = { sequence: sequenceNumber(1), timestamp: millis(1), client: "name:ada" };

/** Its state is a text, its operation the next one. It gives out its own bytes, which it goes on to change. */
class Slate implements SnapshotMachine {
  readonly version = "slate/1";
  #state = new Uint8Array(0);

  execute(operation: Uint8Array): Uint8Array {
    if (operation.length === this.#state.length) this.#state.set(operation);
    else this.#state = operation.slice();
    return utf8(String(operation.length));
  }

  query(): Uint8Array {
    return this.#state.slice();
  }

  snapshot(): Uint8Array {
    return this.#state;
  }

  restore(snapshot: Uint8Array): void {
    this.#state = snapshot.slice();
  }
}

function slate(text = ""): StateMachine {
  const machine = snapshotMachine(new Slate(), { chunkBytes: 4 });
  write(machine, text);
  return machine;
}

function write(machine: StateMachine, text: string): void {
  assertEquals(machine.execute(utf8(text), CONTEXT), utf8(String(text.length)));
}

function changes(machine: StateMachine): Record<string, string | null> {
  const decoder = new TextDecoder();
  return Object.fromEntries([...machine.takeChanges()].map(([id, chunk]) => [id, chunk && decoder.decode(chunk)]));
}

function read(machine: StateMachine): string {
  return new TextDecoder().decode(machine.query(utf8("")));
}

Deno.test("a snapshot comes in chunks of one size, and later only those that differ", () => {
  const machine = slate("abcdefghij");
  assertEquals(machine.version, "slate/1");
  assertEquals(changes(machine), { 0: "abcd", 1: "efgh", 2: "ij" });
  assertEquals(changes(machine), {});
  write(machine, "abcdeFghij");
  assertEquals(changes(machine), { 1: "eFgh" });
  write(machine, "abcdeFghijkl");
  assertEquals(changes(machine), { 2: "ijkl" });
  write(machine, "abc");
  assertEquals(changes(machine), { 0: "abc", 1: null, 2: null });
  write(machine, "");
  assertEquals(changes(machine), { 0: null });
  assertEquals(changes(slate()), {});
});

Deno.test("a machine that is restored from all chunks, in any order, or from the changed ones continues from that state", () => {
  const machine = slate();
  machine.restore([["2", utf8("ij")], ["0", utf8("abcd")], ["1", utf8("efgh")]]);
  assertEquals([read(machine), changes(machine)], ["abcdefghij", {}]);
  machine.restore([["1", utf8("EF")], ["2", null]]);
  assertEquals([read(machine), changes(machine)], ["abcdEF", {}]);
  write(machine, "abcdEFg");
  assertEquals(changes(machine), { 1: "EFg" });
  machine.restore([["0", null], ["1", null]]);
  assertEquals([read(machine), changes(machine)], ["", {}]);
});

Deno.test("chunks that form no snapshot are refused, and the machine stays unchanged", () => {
  const machine = slate("abcdef");
  machine.takeChanges();
  for (
    const [chunks, message] of [
      [[["2", utf8("x")], ["1", null]], "restore: expected the chunks 0 to 1, got none with the id 1"],
      [[["1", utf8("efgh")], ["x", utf8("x")]], "restore: expected the chunks 0 to 2, got none with the id 2"],
      [[["0", utf8("abc")]], "restore: expected chunks of 4 bytes, got one of 3 as 0"],
      [[["1", utf8("abcde")]], "restore: expected chunks of 4 bytes, got one of 5 as 1"],
      [[["1", utf8("")]], "restore: expected chunks of 4 bytes, got one of 0 as 1"],
    ] as const
  ) assertThrows(() => machine.restore(chunks), TypeError, message);
  assertEquals([read(machine), changes(machine)], ["abcdef", {}]);
});

Deno.test("bytes that were passed in or out may change afterwards", () => {
  const machine = slate("abcd");
  machine.takeChanges();
  write(machine, "abcX");
  assertEquals(changes(machine), { 0: "abcX" });
  const chunk = utf8("efgh");
  machine.restore([["0", chunk]]);
  chunk.fill(0);
  assertEquals([read(machine), changes(machine)], ["efgh", {}]);
});

Deno.test("a machine without query() rejects queries, and an invalid chunk size is a RangeError", () => {
  const { version, execute, snapshot, restore } = new Slate();
  const machine = snapshotMachine({ version, execute, snapshot, restore });
  assertThrows(() => machine.query(utf8("")), OperationError, "query: slate/1 answers none");
  for (const chunkBytes of [0, -1, 1.5, NaN]) {
    assertThrows(() => snapshotMachine(new Slate(), { chunkBytes }), RangeError, `got ${chunkBytes}`);
  }
});
