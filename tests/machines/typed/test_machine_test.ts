/** What a machine under test may use, and what is taken for a machine. */
import { assertEquals, assertThrows } from "@std/assert";
// deno-lint-ignore no-import-prefix -- a dependency of tests only
import * as v from "npm:valibot@1.5.0";
import {
  defineMachine,
  type Machine,
  type MachineTypes,
  testMachine,
  unchecked,
} from "../../../src/machines/typed/mod.ts";

const FORBIDDEN: readonly (readonly [what: string, instead: string, use: () => unknown])[] = [
  ["Date.now()", "ctx.time", () => Date.now()],
  ["new Date()", "ctx.time", () => new Date().getTime()],
  ["performance.now()", "ctx.time", () => performance.now()],
  ["Math.random()", "ctx.random()", () => Math.random()],
  ["crypto.randomUUID()", "ctx.random()", () => crypto.randomUUID()],
  // An input is checked as a client checks it, too, where timers are allowed.
  ["setTimeout()", "answers at once", () => clearTimeout(setTimeout(() => {}, 0))],
  ["localeCompare()", "without a locale", () => "a".localeCompare("b")],
];

for (const [what, instead, use] of FORBIDDEN) {
  Deno.test(`a machine under test that uses ${what} is told what to use`, () => {
    const machine = defineMachine({
      name: "trial",
      version: 1,
      state: {},
      operations: {
        run: { run: () => void use() },
        check: { input: v.pipe(v.string(), v.check(() => use() !== null)), run: () => null },
      },
      queries: { look: { run: () => void use() } },
    });
    const test = testMachine(machine);
    for (const call of [() => test.run(), () => test.run.try(), () => test.check("a"), () => test.look()]) {
      const { name, message } = assertThrows(call, Error, instead);
      assertEquals([name, message.startsWith(`${what} in a state machine differs`)], ["NotDeterministicError", true]);
    }
  });
}

Deno.test("between the calls of a machine under test clocks and chance are the host's", () => {
  const before = [Date, Math.random, setTimeout];
  const test = testMachine(defineMachine({
    name: "trial",
    version: 1,
    state: {},
    operations: {
      go: { input: unchecked<boolean>(), run: (_, isWell) => isWell ? new Date(0).getTime() : Date.now() },
    },
  }));
  assertEquals(test.go(true), 0);
  assertThrows(() => test.go(false));
  assertEquals([Date, Math.random, setTimeout], before);
});

Deno.test("something else than a machine is no machine under test", () => {
  for (const [given, got] of [[undefined, "undefined"], [null, "null"], [{}, "object"], [() => {}, "function"]]) {
    assertThrows(
      () => testMachine(given as unknown as Machine<MachineTypes>),
      TypeError,
      `testMachine: expected a machine of defineMachine, got ${got}`,
    );
  }
});
