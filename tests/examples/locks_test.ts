/** examples/locks: no two holders at one agreed time, growing tokens, and waiting in order; the client on replicas of which the primary ends. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FencedRegister, StaleTokenError } from "../../examples/locks/fenced_register.ts";
import { LockClient } from "../../examples/locks/lock_client.ts";
import { locks, MOST_WAITING, PLACE_MS, workload } from "../../examples/locks/machine.ts";
import type { OperationContext, StateMachine } from "../../src/core/state_machine.ts";
import { testMachine } from "../../src/machines/typed/mod.ts";
import { describeRun, simulate } from "../../src/testing/mod.ts";
import { startReplicas } from "./_replicas.ts";

Deno.test("a lock goes to those who wait in the order in which they came, with tokens that grow", () => {
  const test = testMachine(locks);
  const ask = (client: string, at: number, wait = true) =>
    test.as(client).at(at).acquire.try({ lock: "a", as: "1", leaseMs: 1_000, wait });
  assertEquals(ask("ada", 0), { ok: true, value: { granted: true, token: 1, until: 1_000 } });
  assertEquals(ask("ada", 10), { ok: true, value: { granted: true, token: 1, until: 1_000 } }, "the answer was lost");
  assertEquals(ask("bob", 20), { ok: true, value: { granted: false, ahead: 1 } });
  assertEquals(ask("eve", 30), { ok: true, value: { granted: false, ahead: 2 } });
  assertEquals(ask("dan", 40, false), { ok: false, error: "held", detail: { until: 1_000, waiting: 2 } });
  assertEquals(test.look("a"), { holder: "ada", token: 1, until: 1_000, waiting: 2, first: "1" });
  assertEquals(test.as("ada").at(50).release({ lock: "a", token: 1 }), true);
  assertEquals(test.as("ada").at(50).release({ lock: "a", token: 1 }), false);
  assertEquals(ask("eve", 60), { ok: true, value: { granted: false, ahead: 1 } }, "the lock is free, and bob is first");
  assertEquals(ask("dan", 65, false), { ok: false, error: "held", detail: { until: 65, waiting: 2 } });
  assertEquals(ask("bob", 70), { ok: true, value: { granted: true, token: 2, until: 1_070 } });
  assertEquals(ask("eve", 1_069), { ok: true, value: { granted: false, ahead: 1 } });
  assertEquals(ask("eve", 1_070), { ok: true, value: { granted: true, token: 3, until: 2_070 } }, "bob's has ended");
});

Deno.test("who waits and is not heard of loses the place; who leaves gives back what came too late", () => {
  const test = testMachine(locks);
  const ask = (client: string, at: number) =>
    test.as(client).at(at).acquire({ lock: "a", as: "1", leaseMs: 100, wait: true });
  ask("ada", 0);
  ask("bob", 1);
  ask("eve", 2);
  assertEquals(ask("eve", PLACE_MS), { granted: false, ahead: 1 });
  assertEquals(ask("eve", PLACE_MS + 1), { granted: true, token: 2, until: PLACE_MS + 101 });
  assertEquals(test.as("bob").at(PLACE_MS + 2).leave({ lock: "a", as: "1" }), false);
  assertEquals(test.as("eve").at(PLACE_MS + 2).leave({ lock: "a", as: "1" }), true);
  assertEquals(test.at(PLACE_MS + 2).look("a").holder, null);
});

Deno.test("only the holder renews and releases, and a lease is never made shorter", () => {
  const test = testMachine(locks);
  const ada = test.as("ada");
  ada.at(0).acquire({ lock: "a", as: "1", leaseMs: 1_000 });
  const lost = { ok: false, error: "lost", detail: undefined } as const;
  assertEquals(test.as("eve").at(1).renew.try({ lock: "a", token: 1, leaseMs: 100 }), lost);
  assertEquals(ada.at(1).renew.try({ lock: "a", token: 2, leaseMs: 100 }), lost);
  assertEquals(test.as("eve").at(1).release({ lock: "a", token: 1 }), false);
  assertEquals(ada.at(2).renew({ lock: "a", token: 1, leaseMs: 100 }).until, 1_000);
  assertEquals(ada.at(2).renew({ lock: "a", token: 1, leaseMs: 2_000 }).until, 2_002);
  assertEquals(ada.at(2_002).renew.try({ lock: "a", token: 1, leaseMs: 100 }), lost);
});

Deno.test("what clients send is bounded", () => {
  const test = testMachine(locks);
  const input = { lock: "a", as: "1", leaseMs: 1_000 };
  for (
    const wrong of [{ leaseMs: 99 }, { leaseMs: 3_600_001 }, { leaseMs: 100.5 }, { lock: "" }, { as: "x".repeat(129) }]
  ) {
    assertEquals(test.acquire.try({ ...input, ...wrong }), {
      ok: false,
      error: "invalid",
      detail: { at: `.${Object.keys(wrong)[0]}` },
    });
  }
  for (let i = 0; i <= MOST_WAITING; i++) test.acquire({ ...input, as: `${i}`, wait: true });
  assertEquals(test.acquire.try({ ...input, as: "late", wait: true }), {
    ok: false,
    error: "crowded",
    detail: { waiting: MOST_WAITING },
  });
});

/** What was executed at some place of the order: the same on all replicas, so that each may write it down. */
interface Executed {
  readonly sequence: number;
  readonly time: number;
  readonly call: { readonly op: string; readonly input: { readonly lock: string; readonly token?: number } };
  readonly result: { readonly granted?: boolean; readonly token: number; readonly until: number } | boolean;
}

/** The machine, and each operation that it executes written down by its place. */
function observed(seen: Map<string, Executed>): () => StateMachine {
  return () => {
    const machine = locks();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return {
      version: machine.version,
      lazyLoading: machine.lazyLoading!,
      query: (operation, context) => machine.query(operation, context),
      takeChanges: () => machine.takeChanges(),
      restore: (chunks) => machine.restore(chunks),
      execute(operation: Uint8Array, context: OperationContext) {
        const result = machine.execute(operation, context);
        const { sequence, timestamp, client } = context;
        const key = `${sequence} ${client} ${text(operation)} ${text(result)}`;
        if (seen.has(key)) return result;
        seen.set(key, {
          sequence,
          time: timestamp,
          call: JSON.parse(text(operation)),
          result: JSON.parse(text(result)),
        });
        return result;
      },
    };
  };
}

/** Fails if a lock was given to somebody while another lease ran, in agreed time, or with a token that had been given before. */
function checkLeases(executed: readonly Executed[]): number {
  const leases = new Map<string, { token: number; from: number; until: number }[]>();
  for (const { time, call, result } of executed) {
    const all = leases.get(call.input.lock) ?? [];
    leases.set(call.input.lock, all);
    if (call.op === "release" && result === true) {
      const lease = all.find(({ token }) => token === call.input.token);
      if (lease) lease.until = Math.min(lease.until, time);
    }
    if (typeof result !== "object" || !result.granted) continue;
    const lease = all.find(({ token }) => token === result.token);
    if (lease) lease.until = Math.max(lease.until, result.until);
    else all.push({ token: result.token, from: time, until: result.until });
  }
  const tokens = [...leases.values()].flat().map(({ token }) => token);
  assertEquals(new Set(tokens).size, tokens.length, "a token is given once");
  for (const all of leases.values()) {
    for (const [i, lease] of all.entries()) {
      const next = all[i + 1];
      if (next) assert(next.token > lease.token && next.from >= lease.until, JSON.stringify([lease, next]));
    }
  }
  return tokens.length;
}

Deno.test("under crashes, partitions and liars no two holders overlap in agreed time, and tokens only grow", async () => {
  let grants = 0;
  for (let seed = 1; seed <= 4; seed++) {
    const seen = new Map<string, Executed>();
    const report = await simulate({ stateMachine: observed(seen), workload, seed, replicas: 4 });
    assertEquals(report.violation, null, describeRun(report));
    // Within a batch they were written down in its order, by the replica that was first.
    grants += checkLeases([...seen.values()].sort((a, b) => a.sequence - b.sequence));
  }
  assert(grants > 20, `${grants} grants`);
});

Deno.test("clients take turns while the primary ends, and a register refuses the token of an earlier holder", async () => {
  await using replicas = await startReplicas(locks);
  const clients = Array.from({ length: 3 }, () => new LockClient({ cluster: replicas.cluster, timeoutMs: 60_000 }));
  try {
    const register = new FencedRegister();
    const tokens: number[] = [];
    let inside = 0;
    const worker = async (client: LockClient, turns: number) => {
      for (let i = 0; i < turns; i++) {
        await using held = await client.acquire("register", { leaseMs: 60_000 });
        assertEquals(++inside, 1, "one at a time");
        register.write(held.token, `${held.token}`);
        tokens.push(held.token);
        if (tokens.length === 2) await replicas.stop(0);
        inside--;
      }
    };
    await Promise.all(clients.map((client) => worker(client, 2)));
    assertEquals(tokens, tokens.toSorted((a, b) => a - b));
    assertEquals(tokens.length, 6);
    assertThrows(() => register.write(tokens[0]!, "late"), StaleTokenError);
    assertEquals(register.value, `${tokens.at(-1)}`);

    const [ada, bob] = clients;
    const held = await ada!.acquire("other");
    assertEquals(await bob!.tryAcquire("other"), null);
    const waiting = new AbortController();
    const waits = bob!.acquire("other", { signal: waiting.signal });
    waiting.abort(new Error("enough"));
    await assertRejects(() => waits, Error, "enough");
    assertEquals((await ada!.calls.look("other")).waiting, 0);
    await held.release();
    assertEquals(held.signal.aborted, true);
    assertEquals((await ada!.calls.look("other")).holder, null);
  } finally {
    for (const client of clients) client.close();
  }
});

Deno.test("who waits for a lock is told that there is no quorum, and which replicas are missing, before the call fails", async () => {
  await using replicas = await startReplicas(locks);
  const client = new LockClient({ cluster: replicas.cluster, timeoutMs: 600_000 });
  try {
    await replicas.stop(0);
    await replicas.stop(1);
    const told = Promise.withResolvers<string | null>();
    client.onTrouble = told.resolve;
    const giveUp = new AbortController();
    const waits = client.acquire("printer", { signal: giveUp.signal });
    assertEquals(
      await told.promise,
      "no quorum: 2 of 4 replicas answer, 3 are needed; not reached: Apple, Ball",
    );
    giveUp.abort(new Error("enough"));
    // Giving the place back cannot succeed either, and does not hold up the error for ten minutes.
    await assertRejects(() => waits, Error, "enough");
  } finally {
    client.close();
  }
});
