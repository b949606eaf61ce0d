import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
// deno-lint-ignore no-import-prefix -- a dependency of tests only
import { z } from "npm:zod@4.6.7";
import { Client, createClient, type parseClusterFile, RejectedError, verifyReceipt } from "../../src/client/mod.ts";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import { replicaId } from "../../src/core/messages/ids.ts";
import { generateKeyPair } from "../../src/crypto/mod.ts";
import { createApp } from "../../src/http/mod.ts";
import { collection, defineMachine, unchecked } from "../../src/machines/typed/mod.ts";
import { ReplicaNode } from "../../src/node/node.ts";
import { systemTimer } from "../../src/runtime/deno.ts";
import { MemoryStore } from "../../src/stores/memory.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
function holds<_ extends true>(): void {}

const bank = defineMachine({
  name: "bank",
  version: 1,
  state: { accounts: collection(z.object({ balance: z.int() })) },
  errors: { tooLittle: z.object({ balance: z.int() }) },
  operations: {
    deposit: {
      input: z.object({ account: z.string(), amount: z.int().positive() }),
      run({ accounts }, { account, amount }) {
        const balance = (accounts.get(account)?.balance ?? 0) + amount;
        accounts.set(account, { balance });
        return { balance };
      },
    },
    withdraw: {
      input: z.object({ account: z.string(), amount: z.int() }),
      run({ accounts }, { account, amount }, { reject }) {
        const balance = accounts.get(account)?.balance ?? 0;
        if (balance < amount) reject("tooLittle", { balance });
        accounts.set(account, { balance: balance - amount });
      },
    },
    fail: {
      run: (): number => {
        throw new Error("a bug");
      },
    },
    whoAmI: { run: (_state, _input, { client, time, sequence }) => ({ client, time, sequence }) },
    note: {
      input: z.strictObject({ account: z.string(), text: z.string().exactOptional() }),
      run: (_state, input): string[] => Object.keys(input),
    },
  },
  queries: {
    balance: { input: z.string(), run: ({ accounts }, account) => accounts.get(account)?.balance ?? null },
    strict: {
      input: z.string(),
      run: ({ accounts }, account, { reject }) => accounts.get(account)?.balance ?? reject("tooLittle", { balance: 0 }),
    },
    whoAsks: { run: (_state, _input, { client, time, sequence }) => ({ client, time, sequence }) },
  },
});

async function withCluster(
  act: (
    options: { cluster: ReturnType<typeof parseClusterFile>; fetch: typeof fetch; sent: () => number },
  ) => Promise<void>,
) {
  const { privateKey, publicKey } = generateKeyPair();
  const rules = { checkpointInterval: 128, logWindow: 512, limits: DEFAULT_LIMITS };
  const genesis = { name: "bank", replicas: [{ name: "Apple", publicKey }], stateMachine: bank.version, ...rules };
  const timer = systemTimer();
  const ended = new AbortController();
  const node = await ReplicaNode.open({
    self: replicaId(0),
    genesis,
    privateKey,
    store: new MemoryStore(),
    transport: { deliver: () => Promise.resolve() },
    timer,
    stateMachine: bank,
  });
  const app = createApp(node, { timer, signal: ended.signal });
  let sent = 0;
  try {
    await act({
      cluster: { genesis, urls: { Apple: "http://apple.test" } },
      fetch: async (input, init) => (sent++, await app.request(String(input), init)),
      sent: () => sent,
    });
  } finally {
    ended.abort();
    await node.close();
  }
}

Deno.test("a typed client has the types of the machine, and its results, rejections and receipts", async () => {
  await withCluster(async ({ cluster, fetch, sent }) => {
    const client = createClient(bank, { cluster, fetch });
    const deposited = await client.deposit({ account: "ada", amount: 5 });
    holds<Same<typeof deposited, { balance: number }>>();
    assertEquals(deposited, { balance: 5 });
    const nothing = await client.withdraw({ account: "ada", amount: 2 });
    holds<Same<typeof nothing, void>>();
    assertEquals(nothing, undefined);

    const tried = await client.withdraw.try({ account: "ada", amount: 9 });
    if (tried.ok) throw new Error("it was not rejected");
    if (tried.error === "tooLittle") holds<Same<typeof tried.detail, { balance: number }>>();
    else holds<Same<typeof tried.detail, { readonly at: string }>>();
    assertEquals(tried, { ok: false, error: "tooLittle", detail: { balance: 3 } });

    const rejected = await assertRejects(() => client.withdraw({ account: "ada", amount: 9 }), RejectedError);
    assertEquals([rejected.error, rejected.detail, rejected.effect], ["tooLittle", { balance: 3 }, "none"]);
    assert(rejected.sequence! > 0 && (await verifyReceipt(cluster, rejected.receipt!)).result.status === "rejected");

    const { value, sequence, receipt } = await client.deposit.receipt({ account: "ada", amount: 1 });
    holds<Same<typeof value, { balance: number }>>();
    assertEquals([value.balance, (await verifyReceipt(cluster, receipt)).result.sequence], [4, sequence]);

    const balance = await client.balance("ada");
    holds<Same<typeof balance, number | null>>();
    assertEquals([balance, await client.balance("eve")], [4, null]);
    assertEquals(await client.strict.try("eve"), { ok: false, error: "tooLittle", detail: { balance: 0 } });

    const before = sent();
    // deno-lint-ignore no-explicit-any
    const loose = client as any;
    assertEquals(await loose.deposit.try({ account: "ada", amount: -1 }), {
      ok: false,
      error: "invalid",
      detail: { at: ".amount" },
    });
    assertEquals((await assertRejects(() => loose.deposit({ account: 1 }), RejectedError)).receipt, null);
    assertEquals(sent(), before, "nothing that is not valid is sent");

    const failed = await assertRejects(() => client.fail(), RejectedError, "failed");
    assertEquals(failed.detail, "the state machine failed");
    client.close();
  });
});

Deno.test("operations and queries know their caller, the agreed time and the number", async () => {
  await withCluster(async ({ cluster, fetch }) => {
    const client = createClient(bank, { cluster, fetch });
    const ordered = await client.whoAmI();
    const asked = await client.whoAsks();
    assertEquals(asked, ordered);
    assertEquals(asked.client, await client.id());
    assert(asked.time > 1e12 && asked.sequence > 0);
    client.close();
  });
});

Deno.test("a client for another machine or version is refused", async () => {
  await withCluster(({ cluster, fetch }) => {
    const other = { ...cluster, genesis: { ...cluster.genesis, stateMachine: "bank/2" } };
    assertThrows(
      () => createClient(bank, { cluster: other, fetch }),
      TypeError,
      "cluster.genesis.stateMachine: expected bank/1, got bank/2",
    );
    return Promise.resolve();
  });
});

Deno.test("an input is checked as the replicas get it: a field that is undefined is none", async () => {
  await withCluster(async ({ cluster, fetch }) => {
    const client = createClient(bank, { cluster, fetch });
    // deno-lint-ignore no-explicit-any
    const loose = client as any;
    assertEquals(await loose.note({ account: "ada", text: undefined, more: undefined }), ["account"]);
    assertEquals((await loose.note.try({ account: "ada", more: 1 })).error, "invalid");
    client.close();
  });
});

Deno.test("a client without a cluster file says what it expects", () => {
  // deno-lint-ignore no-explicit-any
  for (const options of [undefined, {}, { cluster: undefined }] as any[]) {
    assertThrows(() => createClient(bank, options), TypeError, "cluster: expected an object, got undefined");
    assertThrows(() => new Client(options), TypeError, "cluster: expected an object, got undefined");
  }
});

Deno.test("a plain client's results are unknown, or what a schema makes of them", async () => {
  await withCluster(async ({ cluster, fetch }) => {
    const client = new Client({ cluster, fetch });
    const operation = { op: "deposit", input: { account: "ada", amount: 5 } };
    const result = await client.invoke(operation);
    holds<Same<typeof result, unknown>>();
    // @ts-expect-error It does not take its type from where it is assigned.
    const assigned: { balance: number } = await client.invoke(operation);
    assertEquals(assigned, { balance: 10 });
    const checked = await client.invoke(operation, { schema: z.object({ balance: z.number() }) });
    holds<Same<typeof checked, { balance: number }>>();
    assertEquals(checked.balance, 15);
    const typed = await client.query({ op: "balance", input: "ada" }, { schema: unchecked<number>() });
    holds<Same<typeof typed, number>>();
    assertEquals(typed, 15);
    const wrong = z.object({ balance: z.string() });
    await assertRejects(() => client.invoke(operation, { schema: wrong }), TypeError, "got something else at .balance");
    client.close();
  });
});
