/** What a typed machine promises at compile time. These tests fail when this file is type checked. */
import { assertEquals } from "@std/assert";
// deno-lint-ignore no-import-prefix -- a dependency of tests only
import { z } from "npm:zod@4.6.7";
// deno-lint-ignore no-import-prefix -- a dependency of tests only
import * as v from "npm:valibot@1.5.0";
import {
  collection,
  counter,
  defineMachine,
  type Machine,
  testMachine,
  unchecked,
} from "../../../src/machines/typed/mod.ts";

/** Fails to compile unless two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
function holds<_ extends true>(): void {}

const Account = z.object({ owner: z.string(), balance: z.int() });
const bank = defineMachine({
  name: "bank",
  version: 1,
  state: {
    accounts: collection(Account),
    entries: collection(unchecked<{ amount: number }>(), { key: z.tuple([z.string(), z.number()]) }),
    next: counter(),
  },
  errors: { noAccount: z.object({ account: z.string() }), closed: z.undefined() },
  operations: {
    deposit: {
      input: z.object({ account: z.string(), amount: z.int().positive() }),
      run({ accounts, entries, next }, { account, amount }, { time, client, sequence, random, reject }) {
        holds<Same<typeof amount, number>>();
        holds<Same<typeof time, number>>();
        holds<Same<typeof client, string>>();
        holds<Same<typeof sequence, number>>();
        holds<Same<ReturnType<typeof random>, number>>();
        const known = accounts.get(account);
        holds<Same<typeof known, { owner: string; balance: number } | undefined>>();
        const found = known ?? reject("noAccount", { account });
        // @ts-expect-error There is no such error.
        if (amount < 0) reject("other", { account });
        // @ts-expect-error The detail has another type.
        if (amount < 0) reject("noAccount", { account: 1 });
        if (amount < 0) reject("closed");
        // @ts-expect-error The value has no such field.
        found.name;
        // @ts-expect-error A field is missing.
        if (amount < 0) accounts.set(account, { balance: 1 });
        // @ts-expect-error Keys are texts.
        if (amount < 0) accounts.get(1);
        const pairs = entries.range({ prefix: [account], limit: 1 });
        holds<Same<typeof pairs, (readonly [[string, number], { amount: number }])[]>>();
        entries.set([account, next.next()], { amount });
        return { balance: found.balance + amount };
      },
    },
    open: { run: ({ accounts }, _, { client }) => accounts.set(client, { owner: client, balance: 0 }) },
    rename: {
      input: v.object({ from: v.string(), to: v.optional(v.string(), "nobody") }),
      run: (_state, { to }) => to,
    },
    double: { input: z.string().transform(Number), run: (_state, number) => 2 * number },
  },
  queries: {
    balance: { input: z.string(), run: ({ accounts }, account) => accounts.get(account)?.balance ?? null },
    all: {
      run({ accounts, next }) {
        // @ts-expect-error A query may not write.
        accounts.set;
        // @ts-expect-error A query may not count.
        next.next;
        return accounts.range().map(([, { owner }]) => owner);
      },
    },
  },
});

type Types = typeof bank extends Machine<infer T> ? T : never;

Deno.test("inputs, results and errors follow from schemas and functions", () => {
  holds<Same<Types["operations"]["deposit"]["input"], { account: string; amount: number }>>();
  holds<Same<Types["operations"]["deposit"]["result"], { balance: number }>>();
  holds<Same<Types["operations"]["open"]["input"], undefined>>();
  holds<Same<Types["operations"]["open"]["result"], void>>();
  holds<Same<Types["operations"]["rename"]["input"], { from: string; to?: string | undefined }>>();
  holds<Same<Types["operations"]["rename"]["result"], string>>();
  holds<Same<Types["operations"]["double"]["input"], string>>();
  holds<Same<Types["operations"]["double"]["result"], number>>();
  holds<Same<Types["queries"]["balance"]["result"], number | null>>();
  holds<Same<Types["queries"]["all"]["result"], string[]>>();
  holds<Same<keyof Types["operations"], "deposit" | "open" | "rename" | "double">>();
});

Deno.test("a test of a machine has these types, too", () => {
  const ada = testMachine(bank).as("ada");
  ada.open();
  const { balance } = ada.deposit({ account: "ada", amount: 5 });
  holds<Same<typeof balance, number>>();
  assertEquals(balance, 5);
  const tried = ada.deposit.try({ account: "eve", amount: 5 });
  if (!tried.ok && tried.error === "noAccount") {
    holds<Same<typeof tried.detail, { account: string }>>();
    assertEquals(tried.detail, { account: "eve" });
  }
  assertEquals([ada.double("21"), ada.rename({ from: "a" }), ada.balance("ada"), ada.all()], [42, "nobody", 0, [
    "ada",
  ]]);
  const wrong = () => {
    // @ts-expect-error There is no such operation.
    ada.withdraw({ account: "ada", amount: 5 });
    // @ts-expect-error The input has another type.
    ada.deposit({ account: "ada", amount: "5" });
    // @ts-expect-error There is an input.
    ada.deposit();
    // @ts-expect-error A query is no operation, and the machine knows no other name.
    bank.encode("other");
    // @ts-expect-error The input has another type.
    bank.encode("balance", 1);
  };
  assertEquals(typeof wrong, "function");
});

Deno.test("a machine without errors and queries has none", () => {
  const plain = defineMachine({ name: "plain", version: 1, state: {}, operations: { go: { run: () => 1 } } });
  type Plain = typeof plain extends Machine<infer T> ? T : never;
  holds<Same<keyof Plain["errors"], never>>();
  holds<Same<keyof Plain["queries"], never>>();
  assertEquals(testMachine(plain).go(), 1);
});

Deno.test("an operation and a query without input know state and context", () => {
  const dice = defineMachine({
    name: "dice",
    version: 1,
    state: { count: counter() },
    operations: { roll: { run: ({ count }, _, { random }) => [count.next(), random()] } },
    queries: { peek: { run: ({ count }, _, { time }) => [count.value, time] } },
  });
  type Dice = typeof dice extends Machine<infer T> ? T : never;
  holds<Same<Dice["operations"]["roll"], { readonly input: undefined; readonly result: number[] }>>();
  holds<Same<Dice["queries"]["peek"]["result"], number[]>>();
});
