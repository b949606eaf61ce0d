/** A wrapper of a state machine passes all of its abilities on. */
import { assertEquals } from "@std/assert";
import type { StateMachine } from "../../src/core/state_machine.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { observed } from "../../src/node/watching/observed_machine.ts";
import { guardMachine } from "../../src/testing/machine/forbidden.ts";

/** What the core asks a machine for. A new ability belongs here, and into each wrapper. */
const ABILITIES = ["execute", "query", "takeChanges", "restore", "freezeChanges", "lazyLoading"] as const;

const wrappers: Readonly<Record<string, (machine: StateMachine) => StateMachine>> = {
  "a watched machine": (machine) => observed(machine, new Map()),
  "a guarded machine": (machine) => guardMachine(machine),
  "a watched guarded machine": (machine) => observed(guardMachine(machine), new Map()),
};

for (const [name, wrap] of Object.entries(wrappers)) {
  Deno.test(`${name} has all abilities of the key-value machine`, () => {
    const wrapped = wrap(new KeyValue());
    assertEquals(ABILITIES.filter((ability) => wrapped[ability] === undefined), []);
  });
}

Deno.test("a guarded machine tells its changes to those who watch", () => {
  assertEquals(typeof guardMachine(new KeyValue()).observeChanges, "function");
});
