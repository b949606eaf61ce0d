import { assert, assertEquals } from "@std/assert";
import { Replica } from "../../src/core/replica.ts";
import { collection, counter, defineMachine, reject, unchecked } from "../../src/machines/typed/mod.ts";
import { TypedMachine } from "../../src/machines/typed/typed_machine.ts";
import { type CoreMaker, describeRun, type Random, simulate } from "../../src/testing/mod.ts";

const bank = defineMachine({
  name: "bank",
  version: 1,
  state: {
    accounts: collection(unchecked<{ balance: number }>()),
    entries: collection(unchecked<{ amount: number }>(), { key: unchecked<readonly [string, number]>() }),
    leases: collection(unchecked<{ holder: string; until: number }>(), { expires: "until" }),
    next: counter(),
  },
  errors: { tooLittle: unchecked<{ balance: number }>() },
  operations: {
    deposit: {
      input: unchecked<{ account: string; amount: number }>(),
      run({ accounts }, { account, amount }) {
        const balance = (accounts.get(account)?.balance ?? 0) + amount;
        accounts.set(account, { balance });
        return { balance };
      },
    },
    /** What it touches next depends on what it has read. */
    transfer: {
      input: unchecked<{ from: string; to: string; amount: number }>(),
      run({ accounts, entries, next }, { from, to, amount }) {
        const { balance } = accounts.get(from) ?? { balance: 0 };
        if (balance < amount) reject("tooLittle", { balance });
        accounts.set(from, { balance: balance - amount });
        const other = to === "" ? accounts.range({ limit: 1, reverse: balance % 2 === 0 })[0]?.[0] ?? from : to;
        accounts.set(other, { balance: (accounts.get(other)?.balance ?? 0) + amount });
        entries.set([from, next.next()], { amount });
        return other;
      },
    },
    shut: { input: unchecked<string>(), run: ({ accounts }, account) => accounts.delete(account) },
    clear: {
      input: unchecked<string>(),
      run({ entries }, account) {
        const old = entries.range({ prefix: [account], limit: 3 });
        for (const [key] of old) entries.delete(key);
        return old.map(([, { amount }]) => amount);
      },
    },
    hold: {
      input: unchecked<string>(),
      run({ leases }, name, { client, time, random }) {
        leases.set(name, { holder: client, until: time + Math.floor(random() * 5_000) });
        return leases.range().map(([key]) => key);
      },
    },
  },
  queries: {
    total: { run: ({ accounts }) => accounts.range().reduce((sum, [, { balance }]) => sum + balance, 0) },
    balance: { input: unchecked<string>(), run: ({ accounts }, account) => accounts.get(account)?.balance ?? null },
  },
});

function operation(random: Random): Uint8Array {
  const account = () => `a${random.int(0, 40)}`;
  const kind = random.next();
  if (kind < 0.4) return bank.encode("deposit", { account: account(), amount: random.int(1, 9) });
  if (kind < 0.8) {
    const to = random.chance(0.2) ? "" : account();
    return bank.encode("transfer", { from: account(), to, amount: random.int(1, 9) });
  }
  if (kind < 0.9) return bank.encode("shut", account());
  return kind < 0.95 ? bank.encode("clear", account()) : bank.encode("hold", account());
}

const query = (random: Random) =>
  random.chance(0.5) ? bank.encode("total") : bank.encode("balance", `a${random.int(0, 40)}`);

for (const [profile, seed, runs] of [["crashes", 40, 4], ["edge", 51, 1], ["default", 60, 3]] as const) {
  Deno.test(`a typed machine is loaded by need: ${profile}`, async () => {
    let [loads, again] = [0, 0];
    const createCore: CoreMaker = (environment, storedState) => {
      const lazy = environment.stateMachine.lazyLoading;
      if (lazy?.undo) {
        const undo = lazy.undo.bind(lazy);
        Object.assign(lazy, { undo: () => (again++, undo()) });
      }
      const replica = new Replica(environment, storedState);
      return {
        step(input, now, passedMs) {
          const ready = replica.step(input, now, passedMs);
          loads += ready.loads.length;
          return ready;
        },
        status: () => replica.status(),
        timers: () => replica.timers(),
      };
    };
    const report = await simulate({
      stateMachine: () => new TypedMachine(bank.definition, 60),
      workload: { operation, query },
      createCore,
      profile,
      seed,
      runs,
    });
    assertEquals(report.violation, null, describeRun(report));
    assert(loads > 20 && again > 10, `${loads} loads, ${again} batches run anew`);
  });
}

Deno.test("a range over a state that is not in memory asks for more and more, and gives all of it", () => {
  const machine = new TypedMachine(bank.definition);
  const context = { sequence: 1, timestamp: 1, client: "ada" } as Parameters<typeof machine.execute>[1];
  const chunks = new Map<string, Uint8Array>();
  for (let i = 0; i < 100_000; i++) {
    machine.execute(bank.encode("deposit", { account: `a${i}`, amount: 1 }), context);
  }
  for (const [id, chunk] of machine.takeChanges()) if (chunk) chunks.set(id, chunk);
  const ids = [...chunks.keys()].sort();
  const cold = new TypedMachine(bank.definition);
  cold.lazyLoading.unload(false);
  let rounds = 0;
  for (;; rounds++) {
    try {
      assertEquals(new TextDecoder().decode(cold.query(bank.encode("total"), context)), "100000");
      break;
    } catch (error) {
      const { needs } = error as { readonly needs: readonly { readonly at: string; readonly more?: number }[] };
      for (const { at, more = 0 } of needs) {
        const first = Math.max(0, ids.findLastIndex((id) => id <= at));
        const found = ids.slice(first, first + 1 + more);
        cold.lazyLoading.load(found.map((id, i) => ({
          id,
          chunk: chunks.get(id)!,
          isFirst: first + i === 0,
          next: ids[first + i + 1] ?? null,
        })));
      }
    }
  }
  assert(rounds > 2 && rounds < 20, `${rounds} rounds for ${ids.length} chunks`);
});
