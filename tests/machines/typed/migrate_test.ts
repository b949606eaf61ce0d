/** Migrations of typed machines: entry by entry, and as functions over the whole state. */
import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { migrated, type MigrationContext, type StreamedMigration } from "../../../src/core/epochs/migrate.ts";
import type { OperationContext } from "../../../src/core/state_machine.ts";
import { collection, counter, defineMachine, type Machine, unchecked } from "../../../src/machines/typed/mod.ts";
import { Random } from "../../../src/testing/random.ts";

const CONTEXT = { sequence: 40, timestamp: 500 } as MigrationContext;
const at = (timestamp: number) => ({ client: "ada", sequence: 1, timestamp }) as OperationContext;

const put = { input: unchecked<readonly [string, number]>() };
const first = defineMachine({
  name: "book",
  version: 1,
  state: {
    balances: collection(unchecked<number>()),
    byPlace: collection(unchecked<string>(), { key: unchecked<readonly [string, number]>() }),
    leases: collection(unchecked<{ until: number }>(), { expires: "until" }),
    gone: collection(unchecked<number>()),
    count: counter(),
  },
  operations: {
    put: {
      ...put,
      run({ balances, byPlace, leases, gone, count }, [key, n], { random }) {
        balances.set(key, n);
        byPlace.set([key, n], "x".repeat(n % 50));
        leases.set(key, { until: n });
        gone.set(key, n);
        count.next();
        random();
      },
    },
  },
});

const STATE = {
  accounts: collection(unchecked<{ cents: number; of: string }>()),
  byPlace: collection(unchecked<string>(), { key: unchecked<readonly [string, number]>() }),
  leases: collection(unchecked<{ end: number }>(), { expires: "end" }),
  balances: collection(unchecked<number>()),
  count: counter(),
};
const none = { put: { ...put, run: () => null } };
/** Every third account goes; leases end at other times, in another order. */
const accountOf = (n: number, key: string) => n % 3 === 0 ? undefined : { cents: 100 * n, of: key };
const leaseOf = ({ until }: { readonly until: number }, sequence: number) => ({ end: 10_000 - until + sequence });

const byEntries = defineMachine({
  name: "book",
  version: 2,
  state: STATE,
  operations: none,
  migrate: {
    from: first,
    entries: {
      accounts: { from: "balances", value: (n, key) => accountOf(n, key) },
      leases: { from: "leases", value: (lease, _key, { sequence }) => leaseOf(lease, sequence) },
    },
  },
});
const asFunction = defineMachine({
  name: "book",
  version: 2,
  state: STATE,
  operations: none,
  migrate: {
    from: first,
    state(old, next, { sequence }) {
      for (const [key, n] of old.balances.range()) {
        next.balances.set(key, n);
        const account = accountOf(n, key);
        if (account) next.accounts.set(key, account);
      }
      for (const [key, text] of old.byPlace.range()) next.byPlace.set(key, text);
      for (const [key, lease] of old.leases.range()) next.leases.set(key, leaseOf(lease, sequence));
      next.count.add(old.count.value);
    },
  },
});

const migrationOf = (machine: Machine<never> | typeof byEntries) =>
  machine.versions["book/2"]!.migrate!["book/1"] as StreamedMigration;

function stateOf(puts: readonly (readonly [string, number])[]): Map<string, Uint8Array> {
  const machine = first();
  for (const [i, one] of puts.entries()) machine.execute(first.encode("put", one), at(i % 400));
  return new Map([...machine.takeChanges()].flatMap(([id, chunk]) => chunk ? [[id, chunk]] : []));
}

/** All entries of a state of book/2, and how often random numbers were drawn. */
function textOf(
  chunks: ReadonlyMap<string, Uint8Array>,
): { readonly entries: readonly string[]; readonly draws: string[] } {
  const texts = [...chunks].sort(([a], [b]) => a < b ? -1 : 1)
    .flatMap(([, chunk]) => JSON.parse(new TextDecoder().decode(chunk)).slice(1) as string[]);
  const at = texts.indexOf("!");
  return at < 0 ? { entries: texts, draws: [] } : { entries: texts.toSpliced(at, 2), draws: texts.slice(at, at + 2) };
}

Deno.test("entry by entry gives the state that a function over the whole state gives", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = new Random(seed);
    const puts = Array.from({ length: random.int(0, seed * 150) }, () => {
      return [`${random.pick(["a", "aé€", "\0", "zz"])}${random.int(0, 500)}`, random.int(1, 900)] as const;
    });
    const former = stateOf(puts);
    const streamed = migrated(migrationOf(byEntries), former, CONTEXT);
    const whole = migrated(migrationOf(asFunction as never), former, CONTEXT);
    assertEquals(textOf(streamed).entries, textOf(whole).entries, `seed ${seed}`);
    // Numbers that were drawn are not drawn again.
    assertEquals(textOf(streamed).draws, puts.length > 0 ? ["!", String(puts.length)] : []);
    const machine = byEntries();
    machine.restore(streamed);
    assertEquals([...machine.takeChanges()], [], "these are its chunks");
    const checker = byEntries().lazyLoading!.checker!();
    for (const [id, chunk] of streamed) checker.next(id, chunk);
    checker.end();
  }
});

Deno.test("a chunk of the new state is given before most of the old one is read", () => {
  const former = stateOf(Array.from({ length: 3000 }, (_, i) => [`key${i}`, 1 + i] as const));
  const ids = [...former.keys()].sort();
  const steps = migrationOf(byEntries).stream(ids, CONTEXT);
  const order: string[] = [];
  let chunk: Uint8Array | undefined;
  for (let next = steps.next(); !next.done; next = steps.next(chunk)) {
    chunk = typeof next.value === "string" ? former.get(next.value) : undefined;
    order.push(typeof next.value === "string" ? "read" : "give");
  }
  assertGreater(ids.length, 60);
  // As long as entries are made anew nothing is kept but one chunk. The marks of leases come from memory.
  let [now, most] = [0, 0];
  for (const step of order.slice(0, order.lastIndexOf("read"))) {
    now = Math.max(0, now + (step === "read" ? 1 : -1));
    most = Math.max(most, now);
  }
  assert(most <= 12, `${most} chunks read and not given`);
});

Deno.test("what a migration of entries can't do is said when it is defined", () => {
  const define = (migrate: object, state: object = STATE) =>
    assertThrows(
      () => defineMachine({ name: "book", version: 2, state, operations: none, migrate } as never),
      TypeError,
    ).message;
  const value = () => 1;
  const from = first;
  assertEquals(define({ from, state() {}, entries: {} }), "migrate: expected either state or entries, got both");
  assertEquals(
    define({ from, entries: { nothing: { from: "balances", value } } }),
    "migrate.entries.nothing: expected the name of a collection of this version",
  );
  assertEquals(
    define({ from, entries: { accounts: { from: "toString", value }, leases: { from: "leases", value } } }),
    "migrate.entries.accounts.from: expected the name of a collection of the version before",
  );
  assertEquals(
    define({ from, entries: { accounts: { from: "balances" } } }),
    "migrate.entries.accounts.value: expected a function",
  );
  assertEquals(
    define({ from, entries: {} }),
    "migrate.entries.leases: expected how it is made, as it was kept in another way before",
  );
  assertEquals(
    define({ from, entries: {} }, { count: collection(unchecked<number>()) }),
    "migrate.entries.count: expected how it is made, as it was kept in another way before",
  );
});

Deno.test("a value that throws, gives a promise, or is not what the schema asks for fails the migration", () => {
  const former = stateOf([["a", 1]]);
  const failing = (value: (n: number) => unknown) => {
    const machine = defineMachine({
      name: "book",
      version: 2,
      state: { balances: collection(unchecked<number>()) },
      operations: none,
      migrate: { from: first, entries: { balances: { from: "balances", value: value as (n: number) => number } } },
    });
    return assertThrows(() => migrated(migrationOf(machine as never), former, CONTEXT), Error).message;
  };
  assertEquals(
    failing(() => Promise.resolve(1)),
    "migrate.entries.balances.value: expected a value at once, got a promise",
  );
  assertEquals(
    failing(() => {
      throw new Error("no");
    }),
    "no",
  );
  assert(failing(() => "x".repeat(70_000)).startsWith("balances.set: expected at most"));
});
