import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { StateMachines } from "../../src/core/epochs/versions.ts";
import { KeyValue, snapshotMachine } from "../../src/machines/mod.ts";
import { collection, defineMachine, unchecked } from "../../src/machines/typed/mod.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { both, CapitalKeyValue, migrate, opened, type Seen } from "./_versions.ts";
import { FOUR, memberOf, type Members, OTHERS, until, urlsOf } from "./_epochs.ts";

const kindsOf = (seen: Seen) => new Set([...seen.events, ...seen.hosted].map(({ kind }) => kind));
const rootsOf = (cluster: Members, names: readonly string[]) =>
  new Set(names.map((name) => cluster.node(name).status().replica.stateRoot));

Deno.test("the state is that of the next version from the closing checkpoint on, at old and new members alike", async () => {
  const { cluster, seen } = await opened(() => both);
  for (let i = 1; i <= 40; i++) await cluster.vouch(FOUR[i % 4]!, "a", i, `SET key${i} ${"v".repeat(400)}${i}`);
  const members = { replicas: [...FOUR.slice(1), "Eagle"].map(memberOf), urls: urlsOf(["Eagle"]) };
  const operation = await cluster.operation(cluster.member("Apple").epoch, { ...members, stateMachine: "key-value/2" });
  await cluster.open("Eagle", { stateMachine: { "key-value/2": () => new CapitalKeyValue() } });
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  const after = ["Ball", "Candy", "Dog", "Eagle"];
  await cluster.reached(1, after);
  assertEquals(cluster.member("Apple").node, null);
  assertEquals(await cluster.vouch("Eagle", "a", 41, "GET key7"), `ok "${"v".repeat(400)}7!"`);
  assertEquals(await cluster.vouch("Ball", "a", 42, "SET key8 x"), 'ok "OK"');
  await cluster.alike(after);
  assertEquals(rootsOf(cluster, after).size, 1);
  assertEquals(cluster.node("Dog").genesis.stateMachine, "key-value/2");
  assert(kindsOf(seen).has("migrated"));
  // One that is started anew reads the migrated state.
  await cluster.crash("Dog");
  await cluster.open("Dog", { stateMachine: both });
  await cluster.crash("Ball"); // Dog's vote is needed
  assertEquals(await cluster.vouch("Dog", "a", 43, "GET key8"), 'ok "x"');
  assertEquals(await cluster.vouch("Dog", "a", 44, "GET key9"), `ok "${"v".repeat(400)}9!"`);
  assertEquals(cluster.failures, []);
  await cluster.close();
});

Deno.test("a migration that throws leaves the former version in force, and the chain says so", async () => {
  const throwing = {
    "key-value/1": () => new KeyValue(),
    "key-value/2": {
      create: () => new CapitalKeyValue(),
      migrate: {
        "key-value/1": () => {
          throw new Error("no way");
        },
      },
    },
  };
  const { cluster, seen } = await opened(() => throwing);
  await cluster.vouch("Apple", "a", 1, "SET x 1");
  const operation = await cluster.operation(cluster.member("Apple").epoch, {
    stateMachine: "key-value/2",
    checkpointInterval: 4,
  });
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, FOUR);
  await until("all have nodes", () => FOUR.every((name) => cluster.member(name).node?.epoch.number === 1));
  const { genesis } = cluster.node("Candy");
  assertEquals([genesis.stateMachine, genesis.checkpointInterval], ["key-value/1", 4]);
  assertEquals(await cluster.vouch("Candy", "a", 2, "GET x"), 'ok "1"');
  const failed = seen.events.find((event) => event.kind === "migration-failed");
  assertStringIncludes(failed?.error ?? "", "no way");
  // With a migration that works, the next configure succeeds.
  for (const name of FOUR) {
    await cluster.crash(name);
    await cluster.open(name, { stateMachine: both });
  }
  const again = await cluster.operation(cluster.member("Apple").epoch, { stateMachine: "key-value/2" });
  assert((await cluster.vouch("Ball", "admin", 2, again)).startsWith("ok"));
  await cluster.reached(2, FOUR);
  assertEquals(await cluster.vouch("Candy", "a", 3, "GET x"), 'ok "1!"');
  await cluster.close();
});

Deno.test("a state that the next version does not take back counts as a failed migration", async () => {
  const broken = snapshotMachine({
    version: "key-value/2",
    execute: () => utf8(""),
    snapshot: () => utf8(""),
    restore() {},
  });
  const versions = {
    "key-value/1": () => new KeyValue(),
    "key-value/2": { create: () => broken, migrate: { "key-value/1": () => [["gap", utf8("x")] as const] } },
  };
  const { cluster, seen } = await opened(() => versions);
  await cluster.vouch("Apple", "a", 1, "SET x 1");
  const operation = await cluster.operation(cluster.member("Apple").epoch, { stateMachine: "key-value/2" });
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, FOUR);
  assertEquals(await cluster.vouch("Candy", "a", 2, "GET x"), 'ok "1"');
  assert(kindsOf(seen).has("migration-failed"));
  await cluster.close();
});

Deno.test("a member that lacks the version waits outside, and goes on when it is started with it", async () => {
  const old = () => new KeyValue();
  const { cluster, seen } = await opened((name) => name === "Dog" ? old : both);
  for (let i = 1; i <= 20; i++) await cluster.vouch("Apple", "a", i, `SET key${i} ${"v".repeat(1000)}`);
  const operation = await cluster.operation(cluster.member("Apple").epoch, { stateMachine: "key-value/2" });
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, FOUR);
  assertEquals(await cluster.vouch("Candy", "a", 21, "SET x 1"), 'ok "OK"');
  assertEquals([cluster.member("Dog").node, cluster.member("Dog").lacksVersion], [null, "key-value/2"]);
  const lacking = seen.hosted.find((event) => event.kind === "version-lacking");
  assertEquals([lacking?.version, lacking?.has], ["key-value/2", ["key-value/1"]]);
  await cluster.crash("Dog");
  await cluster.open("Dog", { stateMachine: both });
  await cluster.crash("Apple"); // Dog's vote is needed
  assertEquals(await cluster.vouch("Dog", "a", 22, "GET key3"), `ok "${"v".repeat(1000)}!"`);
  await cluster.alike(["Ball", "Candy", "Dog"]);
  await cluster.close();
});

Deno.test("if nobody has the version, the epoch waits for those who are started with it", async () => {
  const { cluster, seen } = await opened(() => () => new KeyValue());
  await cluster.vouch("Apple", "a", 1, "SET x 1");
  const operation = await cluster.operation(cluster.member("Apple").epoch, { stateMachine: "key-value/2" });
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await until("all say so", () => seen.events.filter(({ kind }) => kind === "version-missing").length >= 4);
  assertEquals(cluster.node("Dog").status().replica.lacksVersion, "key-value/2");
  for (const name of FOUR.slice(0, 3)) {
    await cluster.crash(name);
    await cluster.open(name, { stateMachine: both });
  }
  await cluster.reached(1, FOUR);
  assertEquals(await cluster.vouch("Candy", "a", 2, "GET x"), 'ok "1!"');
  await cluster.close();
});

Deno.test("one that was away over two versions follows both", async () => {
  const { cluster } = await opened(() => both);
  const back: StateMachines = {
    "key-value/1": { create: () => new KeyValue(), migrate: { "key-value/2": (chunks) => chunks } },
    "key-value/2": { create: () => new CapitalKeyValue(), migrate },
  };
  for (let i = 1; i <= 20; i++) await cluster.vouch("Apple", "a", i, `SET key${i} ${"v".repeat(1000)}`);
  await cluster.crash("Dog");
  for (const name of FOUR.slice(0, 3)) {
    await cluster.crash(name);
    await cluster.open(name, { stateMachine: back });
  }
  for (const [i, stateMachine] of ["key-value/2", "key-value/1"].entries()) {
    const operation = await cluster.operation(cluster.member("Apple").epoch, { stateMachine });
    assert((await cluster.vouch("Ball", "admin", i + 1, operation)).startsWith("ok"));
    await cluster.reached(i + 1, FOUR.slice(0, 3));
  }
  await cluster.open("Dog", { stateMachine: () => new KeyValue() });
  await cluster.reached(2, ["Dog"]);
  await cluster.crash("Apple");
  assertEquals(await cluster.vouch("Dog", "a", 30, "GET key3"), `ok "${"v".repeat(1000)}!"`);
  await cluster.close();
});

Deno.test("typed machines: the versions before are known by themselves, and several steps are done at once", async () => {
  const book = { open: { run: () => null } };
  const v1 = defineMachine({
    name: "key-value",
    version: 1,
    state: { accounts: collection(unchecked<number>()) },
    operations: { put: { input: unchecked<number>(), run: ({ accounts }, n) => accounts.set(`k${n}`, n) } },
  });
  const v2 = defineMachine({
    name: "key-value",
    version: 2,
    state: v1.definition.state as never,
    operations: book,
    migrate: { from: v1 },
  });
  const v3 = defineMachine({
    name: "key-value",
    version: 3,
    state: { owners: collection(unchecked<{ cents: number; since: number }>()) },
    operations: book,
    queries: { all: { run: ({ owners }) => owners.range() } },
    migrate: {
      from: v1,
      state({ accounts }, { owners }, { sequence }) {
        for (const [name, value] of accounts.range()) owners.set(name, { cents: 100 * value, since: sequence });
      },
    },
  });
  assertEquals(Object.keys(v3.versions), ["key-value/1", "key-value/3"]);
  assertEquals(Object.keys(v2.versions), ["key-value/1", "key-value/2"]);
  const { cluster } = await opened(() => v3);
  for (let i = 1; i <= 3; i++) await cluster.vouch("Apple", "a", i, v1.encode("put", i));
  const operation = await cluster.operation(cluster.member("Apple").epoch, { stateMachine: "key-value/3" });
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, FOUR);
  const all = await cluster.vouch("Candy", "b", 1, v3.encode("all"));
  assertEquals(JSON.parse(all.slice(3)).map(([key, { cents }]: [string, { cents: number }]) => [key, cents]), [
    ["k1", 100],
    ["k2", 200],
    ["k3", 300],
  ]);
  await cluster.close();
});

Deno.test("key-value/1 becomes key-value/2 under load: no error, nothing lost, nothing twice", async () => {
  const counting: StateMachines = {
    "key-value/1": () => new KeyValue(),
    "key-value/2": { create: () => new CapitalKeyValue(), migrate: { "key-value/1": (chunks) => chunks } },
  };
  const { cluster } = await opened(() => counting);
  let isOver = false;
  let counted = 0;
  const answers: string[] = [];
  const load = async (client: string, by: string) => {
    for (let i = 1; !isOver; i++) {
      const answer = await cluster.vouch(by, client, i, "INCR n");
      if (!answer.startsWith("ok")) answers.push(answer);
      counted++;
    }
  };
  const clients = ["a", "b", "c"].map((client, i) => load(client, FOUR[i]!));
  await until("there is load", () => counted > 20);
  const operation = await cluster.operation(cluster.member("Apple").epoch, { stateMachine: "key-value/2" });
  assert((await cluster.vouch("Dog", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, FOUR);
  const before = counted;
  await until("the load goes on", () => counted > before + 20);
  isOver = true;
  await Promise.all(clients);
  assertEquals(answers, []);
  assertEquals(await cluster.vouch("Dog", "z", 1, "GET n"), `ok "${counted}"`);
  await cluster.alike(FOUR);
  assertEquals(rootsOf(cluster, FOUR).size, 1);
  assertEquals(OTHERS.length, 4);
  await cluster.close();
});
