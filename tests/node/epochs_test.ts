import type { Store } from "../../src/node/ports.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Digest } from "../../src/core/messages/ids.ts";
import { createSigner, sha256 } from "../../src/crypto/mod.ts";
import { decodeFrame, wireLimits } from "../../src/wire/mod.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { enterEpoch } from "../../src/node/epochs/chain_store.ts";
import { ReplicaNode } from "../../src/node/node.ts";
import { ForeignStoreError, OtherEpochError } from "../../src/node/storage/store_errors.ts";
import { systemTimer } from "../../src/runtime/host/system_timer.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { decodeLink, encodeLink, followLink, LinkError } from "../../src/wire/epochs/mod.ts";
import { crypto, linkOf, operationFor } from "../wire/_epochs.ts";
import { clusterFile, FOUR, keyOf, memberOf, Members, OTHERS, until, urlsOf } from "./_epochs.ts";

const replaced = { replicas: OTHERS.map(memberOf), urls: urlsOf(OTHERS) };

Deno.test("the same members go on in the next epoch, after a configure by /req", async () => {
  const cluster = await new Members().openAll();
  assert((await cluster.vouch("Apple", "a", 1, "SET x 1")).startsWith("ok"));
  const operation = await cluster.operation(cluster.member("Apple").epoch, { checkpointInterval: 16, logWindow: 64 });
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith('ok {"epoch":1'));
  await cluster.reached(1, FOUR);
  assert((await cluster.vouch("Candy", "a", 2, "SET x 2")).startsWith("ok"));
  assertEquals(await cluster.vouch("Candy", "admin", 1, operation).then((text) => text.startsWith("ok")), true);
  assert((await cluster.vouch("Candy", "admin", 2, operation)).startsWith("rejected wrong-epoch"));
  await cluster.alike(FOUR);
  assertEquals(cluster.node("Dog").genesis.checkpointInterval, 16);
  assertEquals(cluster.failures, []);
  await cluster.close();
});

Deno.test("four members are replaced by four others under load: nothing is lost, nothing runs twice", async () => {
  const cluster = await new Members().openAll();
  let counted = 0;
  const errors: string[] = [];
  let isOver = false;
  const load = async (client: string) => {
    for (let i = 1; !isOver; i++) {
      const present = [...FOUR, ...OTHERS].find((name) => cluster.members.get(name)?.node) ?? "Apple";
      // A caller whose member has left asks another one, with the same timestamp.
      for (let answer = ""; !answer.startsWith("ok");) {
        const by = cluster.members.get(present)?.node ? present : OTHERS[i % 4]!;
        answer = cluster.members.get(by)?.node ? await cluster.vouch(by, client, i, "INCR n") : "unavailable";
        if (answer.startsWith("unavailable")) await new Promise((resolve) => setTimeout(resolve, 20));
        else if (!answer.startsWith("ok")) errors.push(answer);
      }
      counted++;
    }
  };
  const clients = ["a", "b", "c"].map(load);
  await until("there is load", () => counted > 20);
  const operation = await cluster.operation(cluster.member("Apple").epoch, replaced);
  // The new members are there before they are members: they wait until the chain leads to them.
  for (const name of OTHERS) await cluster.open(name);
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, [...FOUR, ...OTHERS]);
  for (const name of FOUR) assertEquals(cluster.member(name).node, null);
  const before = counted;
  await until("the new members serve the load", () => counted > before + 20);
  isOver = true;
  await Promise.all(clients);
  assertEquals(errors, []);
  assertEquals(await cluster.vouch("Fig", "z", 1, "GET n"), `ok ${JSON.stringify(String(counted))}`);
  await cluster.alike(OTHERS);
  assertEquals(cluster.failures, []);
  await cluster.close();
});

Deno.test("one that slept for two epochs follows the links of the others, and votes", async () => {
  const cluster = await new Members().openAll();
  await cluster.vouch("Apple", "a", 1, "INCR n");
  await cluster.crash("Dog");
  for (const epoch of [0, 1]) {
    const operation = await cluster.operation(cluster.member("Apple").epoch, { checkpointInterval: 4 + 4 * epoch });
    assert((await cluster.vouch("Apple", "admin", epoch + 1, operation)).startsWith("ok"));
    await cluster.reached(epoch + 1, FOUR.slice(0, 3));
    assert((await cluster.vouch("Ball", "a", epoch + 2, "INCR n")).startsWith("ok"));
  }
  await cluster.open("Dog");
  assertEquals(cluster.member("Dog").epoch.number, 0);
  await cluster.reached(2, ["Dog"]);
  await cluster.crash("Apple"); // its vote is needed now
  assert((await cluster.vouch("Ball", "a", 4, "INCR n")).startsWith("ok"));
  await cluster.alike(["Ball", "Candy", "Dog"]);
  await cluster.close();
});

Deno.test("one is dead while the epoch closes, and all restart from their stores in the next one", async () => {
  const cluster = await new Members().openAll();
  await cluster.vouch("Apple", "a", 1, "INCR n");
  await cluster.crash("Apple"); // the primary
  const operation = await cluster.operation(cluster.member("Ball").epoch, { checkpointInterval: 4 });
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, FOUR.slice(1));
  for (const name of FOUR.slice(1)) await cluster.crash(name);
  for (const name of FOUR) await cluster.open(name);
  assertEquals(cluster.member("Dog").epoch.number, 1, "it knows its epoch by its store");
  assert((await cluster.vouch("Dog", "a", 2, "INCR n")).startsWith("ok"));
  await cluster.reached(1, FOUR);
  await cluster.alike(FOUR);
  await cluster.close();
});

Deno.test("power fails in every commit around the end of the epoch: the member enters it after its next start", async () => {
  for (let commits = 0; commits < 12; commits++) {
    const cluster = new Members();
    let left = Infinity;
    cluster.wrap = (name, store) =>
      name !== "Dog" ? store : new Proxy(store, {
        get(target, key) {
          if (key === "commit") {
            return (...args: Parameters<typeof store.commit>) =>
              left-- > 0 ? target.commit(...args) : Promise.reject(new Error("power off"));
          }
          const value = target[key as keyof typeof target] as unknown;
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    await cluster.openAll();
    await cluster.vouch("Apple", "a", 1, "INCR n");
    const operation = await cluster.operation(cluster.member("Apple").epoch, { checkpointInterval: 4 });
    left = commits;
    assert((await cluster.vouch("Apple", "admin", 1, operation)).startsWith("ok"));
    await cluster.reached(1, FOUR.slice(0, 3));
    await cluster.crash("Dog");
    left = Infinity;
    await cluster.open("Dog");
    await cluster.reached(1, ["Dog"]);
    await cluster.crash("Candy");
    assert((await cluster.vouch("Ball", "a", 2, "INCR n")).startsWith("ok"), `after ${commits} commits`);
    await cluster.alike(["Apple", "Ball", "Dog"]);
    await cluster.close();
  }
});

Deno.test("a store that fails for a while at the end of the epoch delays its member, and no more", async () => {
  const cluster = new Members();
  let isBroken = false;
  cluster.wrap = (name, store) =>
    name !== "Dog" ? store : new Proxy(store, {
      get(target, key) {
        const value = target[key as keyof typeof target] as unknown;
        if (key === "load") return () => isBroken ? Promise.reject(new Error("no store")) : target.load();
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  await cluster.openAll();
  await cluster.vouch("Apple", "a", 1, "INCR n");
  const operation = await cluster.operation(cluster.member("Apple").epoch, { checkpointInterval: 4 });
  isBroken = true;
  assert((await cluster.vouch("Apple", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, FOUR.slice(0, 3));
  await until("it has failed", () => cluster.failures.length > 1);
  assertEquals(cluster.member("Dog").epoch.number, 0);
  isBroken = false;
  await cluster.reached(1, FOUR);
  await until("its node runs", () => cluster.member("Dog").node !== null);
  await cluster.crash("Ball");
  assert((await cluster.vouch("Apple", "a", 2, "INCR n")).startsWith("ok"));
  await cluster.alike(["Apple", "Candy", "Dog"]);
  await cluster.close();
});

Deno.test("a member that lost its disk at the edge starts in the present epoch by a chain that it is given", async () => {
  const begun = Date.now();
  const cluster = await new Members().openAll();
  for (let i = 1; i < 12; i++) await cluster.vouch("Apple", "a", i, "INCR n");
  const operation = await cluster.operation(cluster.member("Ball").epoch, { logWindow: 16 });
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, FOUR);
  await cluster.crash("Candy");
  cluster.stores.delete("Candy");
  // Its statuses will be numbered from the clock on, and the lost store had reserved a second's numbers ahead.
  await until("the clock is above the numbers in use", () => Date.now() > begun + 1_500);
  const chain = cluster.member("Ball").linksAfter(0);
  const reopened = await cluster.open("Candy", { start: "recover", chain });
  assertEquals(reopened.epoch.number, 1);
  assert(cluster.node("Candy").status().replica.recovering);
  await until("it has recovered", () => !cluster.node("Candy").status().replica.recovering);
  await cluster.crash("Dog");
  assert((await cluster.vouch("Ball", "a", 20, "INCR n")).startsWith("ok"));
  await cluster.alike(["Apple", "Ball", "Candy"]);
  await cluster.close();
});

Deno.test("forged links move nobody, and a forged chain starts nobody", async () => {
  const cluster = await new Members().openAll();
  await cluster.vouch("Apple", "a", 1, "INCR n");
  const elsewhere = await new Members().openAll();
  const operation = await elsewhere.operation(elsewhere.member("Apple").epoch, replaced);
  await elsewhere.vouch("Apple", "admin", 1, operation);
  await elsewhere.reached(1, FOUR);
  const [link] = elsewhere.member("Apple").linksAfter(0);
  const { certificate, proof } = decodeLink(link!);
  for (
    const forged of [{ certificate: certificate.slice(1), proof }, {
      certificate: [...certificate].fill(certificate[0]!),
      proof,
    }]
  ) {
    assertEquals(await cluster.member("Ball").follow([encodeLink(forged)]), false);
    await assertRejects(() => cluster.open("Eagle", { chain: [encodeLink(forged)] }), LinkError);
  }
  assertEquals(await cluster.member("Ball").follow([new Uint8Array(1000)]), false);
  assertEquals(cluster.member("Ball").epoch.number, 0);
  assert((await cluster.vouch("Ball", "a", 2, "INCR n")).startsWith("ok"));
  // A link of the same members' other history is valid: both were signed. It is what a quorum of liars could do.
  await cluster.close();
  await elsewhere.close();
});

Deno.test("a replica of a closed epoch does not run on a store that has gone on", async () => {
  const cluster = await new Members().openAll();
  const operation = await cluster.operation(cluster.member("Ball").epoch, { checkpointInterval: 4 });
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, FOUR);
  await cluster.crash("Dog");
  const store = cluster.stores.get("Dog")!.reopen();
  await assertRejects(
    () =>
      ReplicaNode.open({
        self: 3 as never,
        genesis: clusterFile.genesis,
        store,
        transport: { deliver: () => Promise.resolve() },
        timer: systemTimer(),
        privateKey: keyOf("Dog").privateKey,
        stateMachine: () => new KeyValue(),
      }),
    OtherEpochError,
    "expected 0, got 1",
  );
  await cluster.close();
});

Deno.test("of two instances on one store, the one that did not close the epoch follows the other", async () => {
  const cluster = await new Members().openAll();
  const operation = await cluster.operation(cluster.member("Ball").epoch, { checkpointInterval: 4 });
  // The second instance gets no messages; it finds out by the store.
  const second = new Members();
  second.stores.set("Dog", cluster.stores.get("Dog")!);
  const twin = await second.open("Dog", { persistInputs: false });
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, FOUR.slice(0, 3));
  await until("the twin has found out", async () => {
    await twin.node?.wake().catch(() => {});
    return twin.epoch.number === 1 || cluster.member("Dog").epoch.number === 1;
  });
  assert((await cluster.vouch("Ball", "a", 1, "INCR n")).startsWith("ok"));
  await second.close();
  await cluster.close();
});

Deno.test("an instance that starts while the other one leads their store to the next epoch starts there", async () => {
  const cluster = await new Members().openAll();
  const operation = await cluster.operation(cluster.member("Ball").epoch, { checkpointInterval: 4 });
  const second = new Members();
  second.stores.set("Dog", cluster.stores.get("Dog")!);
  let loads = 0;
  const load = async (store: Store) => {
    const loaded = await store.load();
    if (++loads > 1) return loaded;
    // It has read that the store is in epoch 0.
    assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
    await cluster.reached(1, FOUR);
    return loaded;
  };
  second.wrap = (_name, store) =>
    new Proxy(store, {
      get(target, name) {
        if (name === "load") return () => load(target);
        const value = target[name as keyof Store] as unknown;
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  const twin = await second.open("Dog");
  assertEquals(twin.epoch.number, 1);
  await second.close();
  await cluster.close();
});

Deno.test("a removed member departs once a quorum of the next epoch has a stable checkpoint, and not before", async () => {
  const cluster = await new Members().openAll(FOUR.slice(1));
  const departed: number[] = [];
  await cluster.open("Apple", { onDeparted: ({ number }) => departed.push(number) });
  // Builds that say nothing of their state.
  for (const name of OTHERS) (await cluster.open(name)).entered = () => null;
  const operation = await cluster.operation(cluster.member("Apple").epoch, replaced);
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, [...FOUR, ...OTHERS]);
  assert(cluster.member("Apple").wasMember && !cluster.member("Eagle").wasMember);
  let asked = 0;
  const at = cluster.member("Eagle").stable.bind(cluster.member("Eagle"));
  cluster.member("Eagle").stable = () => (asked++, at());
  await until("it has asked", () => asked > 0);
  assertEquals(departed, [], "nothing is stable in epoch 1");
  for (let i = 1; i <= 8; i++) assert((await cluster.vouch("Fig", "a", i, "INCR n")).startsWith("ok"));
  await until("it has departed", () => departed.length > 0);
  assertEquals(departed, [1]);
  // Started again, it departs again, and one that waits to become a member does not.
  await cluster.crash("Apple");
  await cluster.open("Apple", { onDeparted: ({ number }) => departed.push(number) });
  await until("it has departed again", () => departed.length > 1);
  await cluster.close();
});

Deno.test("a removed member that nobody needs goes on for a while, and tells who was away where the cluster went", async () => {
  const cluster = await new Members().openAll();
  const departed: string[] = [];
  await cluster.crash("Apple");
  await cluster.open("Apple", { lingerMs: 3_600_000, onDeparted: () => departed.push("Apple") });
  for (const name of OTHERS) await cluster.open(name);
  await cluster.crash("Dog"); // it is away while all are replaced
  const operation = await cluster.operation(cluster.member("Apple").epoch, replaced);
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, [...FOUR.slice(0, 3), ...OTHERS]);
  await until("a quorum has entered", () => OTHERS.every((name) => cluster.member(name).entered() !== null));
  for (const name of ["Ball", "Candy"]) await cluster.crash(name);
  await cluster.open("Dog");
  await cluster.reached(1, ["Dog"]);
  assertEquals(departed, []);
  await cluster.close();
});

Deno.test("in an idle cluster removed members depart once a quorum of the next epoch has the state, and not before", async () => {
  const cluster = new Members();
  const departed: string[] = [];
  for (const name of FOUR) await cluster.open(name, { onDeparted: () => departed.push(name) });
  await cluster.vouch("Apple", "a", 1, "INCR n");
  for (const name of OTHERS.slice(0, 2)) await cluster.open(name);
  const operation = await cluster.operation(cluster.member("Apple").epoch, replaced);
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, [...FOUR, ...OTHERS.slice(0, 2)]);
  await until("two have entered", () => OTHERS.slice(0, 2).every((name) => cluster.member(name).entered() !== null));
  // Statements of one member for others, of another state, and of former members count for nobody.
  const honest = OTHERS.slice(0, 2).map((name) => cluster.member(name).entered()!);
  const { context, number } = cluster.member("Eagle").epoch;
  const wrong = createSigner(keyOf("Goat").privateKey, context, number).sign("entered", new Uint8Array(32));
  const early = createSigner(keyOf("Goat").privateKey, context, 0).sign("entered", honest[0]!.signature.slice(0, 32));
  const lies = [honest[0]!, { member: 2, signature: honest[0]!.signature }, { member: 2, signature: wrong }, {
    member: 2,
    signature: early,
  }, { member: 99, signature: wrong }];
  let asked = 0;
  const goat = await cluster.open("Goat", { store: new MemoryStore(), source: undefined });
  goat.entered = () => lies[asked++ % lies.length]!;
  await until("they have asked", () => asked > 2 * lies.length);
  assertEquals(departed, []);
  await cluster.crash("Goat");
  await cluster.open("Goat", { start: "new" });
  await until("all have departed", () => departed.length === 4);
  assertEquals(cluster.node("Goat").status().replica.lastExecuted, 8, "nothing was executed in epoch 1");
  // One that comes when all of them are gone finds the state at the others.
  for (const name of FOUR) await cluster.crash(name);
  await cluster.open("Hat", { join: Object.values(urlsOf(["Fig"])) });
  await until("Hat has entered", () => cluster.member("Hat").entered() !== null);
  await cluster.crash("Eagle");
  assertEquals(await cluster.vouch("Hat", "b", 1, "INCR n"), "ok 2");
  await cluster.close();
});

Deno.test("a new member asks nobody for the root of its state, nor for the page that the link has", async () => {
  const cluster = await new Members().openAll();
  for (let i = 1; i <= 3; i++) await cluster.vouch("Apple", "a", i, `SET k${i} ${i}`);
  const asked = new Set<Digest>();
  const answerFetch = (name: string) => {
    const at = cluster.member(name);
    const answer = at.answerFetch.bind(at);
    at.answerFetch = (epoch, frame) => {
      const { message } = decodeFrame(frame).signed;
      if (message.kind === "fetch") { for (const digest of message.digests) asked.add(digest); }
      return answer(epoch, frame);
    };
  };
  for (const name of FOUR) answerFetch(name);
  await cluster.open("Eagle");
  const operation = await cluster.operation(cluster.member("Apple").epoch, {
    replicas: [...FOUR.slice(1), "Eagle"].map(memberOf),
    urls: urlsOf(["Eagle"]),
  });
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await until("Eagle has entered", () => cluster.members.get("Eagle")!.entered() !== null);
  const { proof } = decodeLink(cluster.member("Eagle").linksAfter(0)[0]!);
  assertEquals(proof.slice(0, 2).map((blob) => asked.has(sha256(blob))), [false, false]);
  await cluster.close();
});

Deno.test("the key of a removed member fetches nothing of the state any more", async () => {
  const cluster = await new Members().openAll([...FOUR, ...OTHERS]);
  const first = cluster.member("Apple").epoch;
  await cluster.vouch("Ball", "ada", 1, "SET secret before");
  const change = { replicas: OTHERS.map(memberOf), urls: urlsOf(OTHERS) };
  assertMatch(await cluster.vouch("Apple", "admin", 1, await cluster.operation(first, change)), /^ok /);
  await cluster.reached(1, OTHERS);
  const { genesis, urls } = cluster.member("Fig").epoch;
  const eagle = cluster.node("Eagle");
  const ask = (by: string) => {
    const [root] = cluster.member("Fig").stable();
    const { message } = decodeFrame(root!, wireLimits(genesis)).signed;
    if (message.kind !== "checkpoint") throw new TypeError("expected a checkpoint message");
    return cluster.member(by).answerFetch(1, eagle.epochStart.signFetch([message.digest]));
  };
  for (let i = 2; cluster.member("Fig").stable().length === 0; i++) await cluster.vouch("Fig", "ada", i, "INCR n");
  assertEquals((await ask("Fig"))?.length, 1);
  // Eagle is removed: with its key nobody reads what is written from now on.
  const rest = OTHERS.slice(1);
  const next = { replicas: [memberOf("Apple"), ...rest.map(memberOf)], urls: { ...urls, ...urlsOf(["Apple"]) } };
  assertMatch(
    await cluster.vouch("Fig", "admin", 2, await cluster.operation(cluster.member("Fig").epoch, next)),
    /^ok /,
  );
  await cluster.reached(2, rest);
  await cluster.vouch("Fig", "ada", 1_000, "SET secret after");
  for (let i = 1_001; cluster.member("Fig").stable().length === 0; i++) await cluster.vouch("Fig", "ada", i, "INCR n");
  assertEquals(ask("Fig"), null);
  await cluster.close();
});

Deno.test("a member that was removed, away, and added again takes part again, although its store knows of a later epoch than its removal", async () => {
  const cluster = await new Members().openAll();
  const departed: string[] = [];
  await cluster.open("Eagle");
  const rest = [...FOUR.slice(1), "Eagle"];
  const configure = async (epoch: number, names: readonly string[], checkpointInterval: number) => {
    const change = { replicas: names.map(memberOf), urls: urlsOf(names), checkpointInterval };
    const operation = await cluster.operation(cluster.member("Ball").epoch, change);
    assert((await cluster.vouch("Ball", "admin", epoch, operation)).startsWith("ok"));
  };
  await configure(1, rest, 8);
  await cluster.reached(1, [...FOUR, "Eagle"]);
  await configure(2, rest, 16);
  await cluster.reached(2, [...FOUR, "Eagle"]);
  await cluster.crash("Apple");
  await configure(3, [...FOUR.slice(1), "Apple"], 16);
  await cluster.reached(3, FOUR.slice(1));
  await cluster.open("Apple", { onDeparted: () => departed.push("Apple") });
  await until(
    "it is a member again, or has departed",
    () => cluster.member("Apple").node !== null || departed.length > 0,
  );
  assertEquals(departed, []);
  assertEquals(cluster.member("Apple").epoch.number, 3);
  await cluster.close();
});

Deno.test("a certificate that proves nothing lets no removed member depart", async () => {
  const cluster = await new Members().openAll(FOUR.slice(1));
  const departed: number[] = [];
  await cluster.open("Apple", { onDeparted: ({ number }) => departed.push(number) });
  for (let i = 1; i <= 9; i++) await cluster.vouch("Ball", "a", i, "INCR n");
  await until("there is a stable checkpoint", () => cluster.member("Ball").stable().length > 0);
  const old = cluster.member("Ball").stable();
  for (const name of OTHERS) await cluster.open(name);
  let asked = 0;
  for (const name of OTHERS) {
    cluster.member(name).entered = () => null;
    cluster.member(name).stable = () => (asked++, asked % 2 ? old : [new Uint8Array(9)]);
  }
  const operation = await cluster.operation(cluster.member("Apple").epoch, replaced);
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await until("it has asked", () => asked > 2);
  assertEquals(departed, []);
  await cluster.close();
});

Deno.test("a stranger who tells of a later epoch costs few questions, and one who is right is heard", async () => {
  const cluster = await new Members().openAll();
  let links = 0;
  await cluster.open("Eagle", {
    source: { links: () => (links++, Promise.resolve([])), blobs: () => Promise.resolve([]) },
  });
  for (let i = 0; i < 1_000; i++) cluster.member("Eagle").hear();
  assert(links <= 12, `${links} questions`);
  // Members tell the new ones: Fig asks after the link at once, however rarely it asks by itself.
  await cluster.open("Fig", { timer: { ...systemTimer(), schedule: () => () => {} } });
  const operation = await cluster.operation(cluster.member("Apple").epoch, {
    replicas: [...FOUR.slice(1), "Fig"].map(memberOf),
    urls: urlsOf(["Fig"]),
  });
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, ["Fig"]);
  await cluster.close();
});

Deno.test("a member's new key does not run on the store of its old key", async () => {
  const cluster = await new Members().openAll();
  await cluster.crash("Dog");
  cluster.stores.set("Eagle", cluster.stores.get("Dog")!.reopen());
  await assertRejects(() => cluster.open("Eagle"), ForeignStoreError, "Each key has a store of its own");
  await cluster.close();
});

Deno.test("a store that is in a later epoch of another cluster is refused as such", async () => {
  const cluster = await new Members().openAll();
  const limits = { ...clusterFile.genesis.limits, maxSessions: 2_048 };
  const operation = await cluster.operation(cluster.member("Dog").epoch, { limits });
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, ["Dog"]);
  await cluster.crash("Dog");
  const other = { ...clusterFile, genesis: { ...clusterFile.genesis, name: "another" } };
  const what = "the store belongs to another cluster: its chain of 1 does not follow from the genesis";
  await assertRejects(() => cluster.open("Dog", { cluster: other }), ForeignStoreError, what);
  await cluster.close();
});

Deno.test("who enters an epoch to which another instance has led the store removes nothing that was signed there", async () => {
  const cluster = await new Members().openAll();
  const operation = await cluster.operation(cluster.member("Apple").epoch, { checkpointInterval: 16, logWindow: 64 });
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, FOUR);
  assert((await cluster.vouch("Ball", "a", 1, "INCR n")).startsWith("ok"));
  await cluster.alike(FOUR);
  await cluster.crash("Dog");
  const store = cluster.stores.get("Dog")!.reopen();
  const { records, version } = await store.load();
  assert([...records.keys()].some((key) => key.startsWith("committed/")), [...records.keys()].join(" "));
  const { epochs } = cluster.member("Dog");
  const member = { self: 3, publicKey: keyOf("Dog").publicKey };
  await enterEpoch(store, {
    links: cluster.member("Dog").linksAfter(0),
    epochs,
    member,
    hash: sha256,
    start: "resume",
  });
  assertEquals((await store.load()).records, records);
  assertEquals((await store.load()).version, version);
  await cluster.close();
});

Deno.test("a fork that all keys of the epoch before have signed leads a member nowhere", async () => {
  const cluster = await new Members().openAll();
  const [first] = cluster.member("Apple").epochs;
  const operation = await cluster.operation(first!, { checkpointInterval: 16, logWindow: 64 });
  const member = cluster.member("Dog");
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, FOUR);
  const { context } = member.epoch;
  const fork = await linkOf(first!, await operationFor(first!, { checkpointInterval: 4 }));
  const forked = await followLink(first!, decodeLink(fork), crypto);
  const further = await linkOf(forked, await operationFor(forked, { checkpointInterval: 2 }));
  for (const [links, after] of [[[fork], 1], [[fork, further], 1], [[fork, further], 0]] as const) {
    assertEquals(await member.follow(links, after), false);
    assertEquals([member.epoch.number, member.epoch.context], [1, context]);
  }
  assert((await cluster.vouch("Dog", "a", 1, "INCR n")).startsWith("ok"));
  await cluster.close();
});
