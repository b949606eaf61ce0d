import { assert, assertEquals, assertThrows } from "@std/assert";
import type { ReplicaEvent } from "../../src/core/events.ts";
import { type Migrate, migrated, type MigrationSteps, type StreamedMigration } from "../../src/core/epochs/migrate.ts";
import { MachineVersions } from "../../src/core/epochs/versions.ts";
import { TestClient } from "./_client.ts";
import { Cluster, type Options } from "./_cluster.ts";
import { configureText } from "./_epochs.ts";
import { LogMachine } from "./_log_machine.ts";

const text = new TextDecoder();
const utf8 = new TextEncoder();
const ALL = [0, 1, 2, 3];

/** Each log begins with the number of the migration; the log `old` is gone. */
const marking: Migrate = (chunks, { sequence }) =>
  [...chunks].filter(([id]) => id !== "old")
    .map(([id, chunk]) => [id, utf8.encode(`m${sequence},${text.decode(chunk)}`)] as const);
const toTwo = (_host: number, version: string) => version === "log/2" ? marking : null;

function clusterOf(options: Options = {}): { cluster: Cluster; client: TestClient; admin: TestClient } {
  const cluster = new Cluster({ checkpointInterval: 8, spares: 4, migration: toTwo, ...options });
  return { cluster, client: new TestClient(cluster, 1).open(), admin: new TestClient(cluster, 2).open() };
}

const until = (cluster: Cluster, epoch: number, ids: readonly number[] = ALL) =>
  cluster.runUntil(() => ids.every((id) => cluster.host(id).epoch === epoch), 60_000, `${ids} are in epoch ${epoch}`);
const alike = (cluster: Cluster, ids: readonly number[] = ALL) =>
  cluster.runUntil(
    () => new Set(ids.map((id) => cluster.host(id).replica!.status().history)).size === 1,
    60_000,
    `${ids} have executed the same`,
  );
const logsOf = (cluster: Cluster, id: number) => Object.fromEntries([...cluster.host(id).machine.logs].sort());
const eventsOf = (cluster: Cluster, kind: ReplicaEvent["kind"]) =>
  cluster.events.filter(({ event }) => event.kind === kind).length;

Deno.test("the closing checkpoint has the state of the next version, and nobody else makes it again", () => {
  const { cluster, client, admin } = clusterOf();
  for (const key of ["x", "old", "y"]) client.call([`${key}=1`]);
  admin.call([configureText(1, [1, 2, 3, 4], undefined, "log/2")]);
  until(cluster, 1, [0, 1, 2, 3]);
  cluster.join(4);
  client.call(["x=2"]);
  alike(cluster, [1, 2, 3, 4]);
  const { start } = cluster.epochs[1]!.terms;
  for (const id of [1, 2, 3, 4]) {
    assertEquals(logsOf(cluster, id), { x: [`m${start!.sequence}`, "1", "2"], y: [`m${start!.sequence}`, "1"] });
    assertEquals(cluster.host(id).machine.version, "log/2");
  }
  assertEquals(eventsOf(cluster, "migrated"), 4);
});

Deno.test("a restart between the migration and the next epoch neither reads the new state as the old one, nor migrates twice", () => {
  const { cluster, client, admin } = clusterOf();
  cluster.follows = () => false;
  for (let i = 0; i < 3; i++) client.call([`x=${i}`]);
  admin.call([configureText(1, ALL, undefined, "log/2")]);
  cluster.runUntil(() => ALL.every((id) => cluster.host(id).disk.checkpoint?.sequence === 8), 60_000, "all migrated");
  for (const id of ALL) {
    cluster.restart(id);
    assertEquals(logsOf(cluster, id), {}, "the machine of the old version has not been given the new state");
  }
  cluster.runFor(1_000);
  // No query is answered from a machine that has not the state.
  const answers = cluster.ask("x");
  cluster.runFor(5_000);
  assert([...answers.values()].every((answer) => !answer.startsWith("ok")), [...answers.values()].join());
  cluster.follows = () => true;
  for (const id of ALL) cluster.restart(id);
  until(cluster, 1);
  client.call(["x=3"]);
  alike(cluster);
  for (const id of ALL) assertEquals(logsOf(cluster, id), { x: ["m8", "0", "1", "2", "3"] });
});

Deno.test("a migration that throws at all leaves the old version in force, whatever else changes", () => {
  const { cluster, client, admin } = clusterOf({
    migration: () => () => {
      throw new Error("no");
    },
  });
  client.call(["x=1"]);
  admin.call([configureText(1, [0, 1, 2, 4], 4, "log/2")]);
  until(cluster, 1, [0, 1, 2, 3]);
  cluster.join(4);
  client.call(["x=2"]);
  alike(cluster, [0, 1, 2, 4]);
  assertEquals(cluster.epochs[1]!.terms.stateMachine, "log/1");
  for (const id of [0, 1, 2, 4]) assertEquals(logsOf(cluster, id), { x: ["1", "2"] });
  assertEquals(eventsOf(cluster, "migration-failed"), 4);
});

Deno.test("a replica that lacks the version fetches the closing checkpoint of the others", () => {
  const { cluster, client, admin } = clusterOf({ migration: (id, version) => id === 3 ? null : toTwo(id, version) });
  for (let i = 0; i < 5; i++) client.call([`x=${i}`]);
  cluster.follows = () => false;
  admin.call([configureText(1, ALL, undefined, "log/2")]);
  cluster.runUntil(() => cluster.host(3).disk.checkpoint?.sequence === 8, 60_000, "it has the closing checkpoint");
  assertEquals(eventsOf(cluster, "version-missing"), 1);
  const { x = [] } = logsOf(cluster, 3);
  assert(!x.includes("m8"), "the machine of the old version has not been given the new state");
  assertEquals(cluster.events.some(({ replica, event }) => replica === 3 && event.kind === "state-transfer"), true);
});

Deno.test("a replica whose migration differs halts, and the others go on", () => {
  const wrong: Migrate = (chunks) => chunks;
  const { cluster, client, admin } = clusterOf({ migration: (id, version) => id === 3 ? wrong : toTwo(id, version) });
  client.call(["x=1"]);
  let halted = "";
  const { step } = cluster;
  cluster.step = (id, input) => {
    try {
      return step.call(cluster, id, input);
    } catch (error) {
      halted = (error as Error).message;
      cluster.crash(id);
      return step.call(cluster, 0, { kind: "alarm" });
    }
  };
  admin.call([configureText(1, ALL, undefined, "log/2")]);
  until(cluster, 1, [0, 1, 2]);
  client.call(["x=2"]);
  assert(halted.includes("it has diverged"), halted);
});

Deno.test("over loss, crashes and lost disks, each version's state is made once and alike", () => {
  for (let seed = 1; seed <= 6; seed++) {
    const versions = ["log/2", "log/3", "log/1"];
    const { cluster, client, admin } = clusterOf({ seed, loss: 0.05, doubling: 0.05, migration: () => marking });
    let count = 0;
    for (const [i, version] of versions.entries()) {
      for (let k = 0; k < 5; k++) client.call([`x=${count++}`]);
      if (i === 1) cluster.crash(2);
      admin.call([configureText(i + 1, ALL, undefined, version)]);
      cluster.runFor(seed * 7);
      if (i === 0) cluster.restart(1);
      if (i === 2) cluster.loseDisk(3);
      cluster.runUntil(() => ALL.some((id) => cluster.host(id).epoch === i + 1), 60_000, `epoch ${i + 1}`);
      cluster.runFor(300);
      // Who lost the last votes is shown the link.
      for (const id of ALL) if (cluster.host(id).epoch <= i) cluster.follow(id);
      client.call([`y=${i}`]);
    }
    alike(cluster);
    const marks = logsOf(cluster, 0).x!.filter((entry) => entry.startsWith("m"));
    assertEquals(marks.length, 3, `seed ${seed}`);
    for (const id of [1, 2, 3]) assertEquals(logsOf(cluster, id), logsOf(cluster, 0), `seed ${seed}, host ${id}`);
  }
});

Deno.test("versions: the way from one to another is found over those between, and nowhere in a circle", () => {
  const add = (mark: string): Migrate => (chunks) => [...chunks, [mark, utf8.encode(mark)]];
  const create = () => new LogMachine();
  const versions = MachineVersions.of({
    "log/1": { create, migrate: { "log/3": add("d") } },
    "log/2": { create, migrate: { "log/1": add("a") } },
    "log/3": { create, migrate: { "log/2": add("b") } },
    "log/4": { create, migrate: { "log/3": add("c"), "log/9": add("x") } },
  });
  const context = { sequence: 0, timestamp: 0 } as never;
  const idsOf = (from: string, to: string) => {
    const migration = versions.migration(from, to);
    return migration && [...migrated(migration, new Map(), context).keys()];
  };
  assertEquals(idsOf("log/1", "log/2"), ["a"]);
  assertEquals(idsOf("log/1", "log/4"), ["a", "b", "c"]);
  assertEquals(idsOf("log/2", "log/1"), ["b", "d"]);
  assertEquals(idsOf("log/4", "log/1"), null);
  assertEquals(idsOf("log/1", "log/7"), null);
  assertEquals(versions.create("log/1").version, "log/1");
});

/** As {@linkcode marking}, with one chunk in memory at once. `fails`: after it has given so many. */
function streaming(fails = Infinity): StreamedMigration {
  return {
    *stream(ids, { sequence }): MigrationSteps {
      for (const [given, id] of ids.filter((id) => id !== "old").entries()) {
        if (given === fails) throw new Error("not that one");
        const chunk = (yield id)!;
        // What begins with this stays.
        yield [id, id.startsWith("same") ? chunk : utf8.encode(`m${sequence},${text.decode(chunk)}`)];
      }
    },
  };
}

/** Many logs that are in a checkpoint already, and one of those that a migration leaves as they are, which changes again. */
function fill(client: TestClient): void {
  for (let i = 0; i < 12; i++) client.call([`${i % 3 === 0 ? "same" : "key"}${10 + i}=${i}`]);
  client.call(["old=1", "zz=1"]);
  client.call(["zz=2"]);
  client.call(["same10=again"]);
}

Deno.test("a streamed migration is done in slices, and gives the same as one that has the whole state in memory", () => {
  const seen = [1, 512 * 1024].map((checkpointSliceBytes) => {
    const { cluster, client, admin } = clusterOf({ migration: () => streaming(), settings: { checkpointSliceBytes } });
    fill(client);
    let [slices, isClosing] = [0, false];
    cluster.onStep = ({ id }, _input, ready) => {
      const kinds = ready.events.map(({ kind }) => kind);
      if (id === 0 && kinds.includes("configured")) isClosing = true;
      if (id === 0 && isClosing) slices++;
      if (id === 0 && kinds.includes("migrated")) isClosing = false;
    };
    admin.call([configureText(1, ALL, undefined, "log/2")]);
    until(cluster, 1);
    client.call(["x=1"]);
    alike(cluster);
    for (const id of ALL) assertEquals(logsOf(cluster, id), logsOf(cluster, 0));
    return { slices, logs: logsOf(cluster, 0), closed: cluster.epochs[1]!.terms.start!.sequence };
  });
  assert(seen[0]!.slices > seen[1]!.slices + 20, `${seen[0]!.slices} steps, and ${seen[1]!.slices} without slices`);
  assertEquals(seen[0]!.logs, seen[1]!.logs);
  const { key11, same10, old } = seen[0]!.logs as Record<string, string[] | undefined>;
  assertEquals([key11, same10, old], [[`m${seen[0]!.closed}`, "1"], ["0", "again"], undefined]);
});

Deno.test("a streamed migration that fails late changes nothing, and what it has given does not stay in the store", () => {
  const blobs = ["log/2", undefined].map((version) =>
    [1, 512 * 1024].map((checkpointSliceBytes) => {
      const { cluster, client, admin } = clusterOf({
        migration: () => streaming(9),
        settings: { checkpointSliceBytes },
      });
      fill(client);
      admin.call([configureText(1, ALL, undefined, version)]);
      until(cluster, 1);
      assertEquals(eventsOf(cluster, "migration-failed"), version ? 4 : 0);
      for (const id of ALL) {
        assertEquals(logsOf(cluster, id).same10, ["0", "again"]);
        cluster.restart(id);
        assertEquals(logsOf(cluster, id).same10, ["0", "again"], "it is in the store");
      }
      for (let i = 0; i < 40; i++) client.call([`x=${i}`]);
      alike(cluster);
      cluster.runFor(5_000);
      return ALL.map((id) => cluster.host(id).disk.blobs.size);
    })
  );
  assertEquals(blobs[0], blobs[1], "as many blobs as without a migration");
});

Deno.test("replicas that stop in the middle of a streamed migration make the same state when they go on", () => {
  for (let seed = 1; seed <= 8; seed++) {
    const settings = { checkpointSliceBytes: 1 };
    const { cluster, client, admin } = clusterOf({ seed, migration: () => streaming(), settings });
    fill(client);
    admin.call([configureText(1, ALL, undefined, "log/2")]);
    const isUnderWay = () => eventsOf(cluster, "configured") >= 4;
    cluster.runUntil(isUnderWay, 60_000, "all know of the end");
    for (let i = 0; i < 6; i++) {
      cluster.runFor(1);
      cluster.restart((seed + i) % 4);
    }
    until(cluster, 1);
    client.call(["x=1"]);
    alike(cluster);
    for (const id of ALL) assertEquals(logsOf(cluster, id), logsOf(cluster, 0), `seed ${seed}, host ${id}`);
    assertEquals(logsOf(cluster, 0).key11!.length, 2, `seed ${seed}: migrated once`);
  }
});

Deno.test("what is given twice, in another order, or is no chunk, fails a streamed migration", () => {
  const chunk = utf8.encode("1");
  const context = { sequence: 8, timestamp: 0 } as never;
  const given = (...steps: unknown[]) => {
    const migration = {
      *stream() {
        yield* steps;
      },
    } as unknown as StreamedMigration;
    return () => migrated(migration, new Map(), context);
  };
  assertEquals([...given(["a", chunk], "b", ["c", chunk])().keys()], ["a", "c"]);
  assertThrows(given(["b", chunk], ["a", chunk]), Error, "gave chunk a after b: expected ascending ids");
  assertThrows(given(["a", chunk], ["a", chunk]), Error, "gave chunk a after a");
  assertThrows(given(["a", null]), Error, "gave null as chunk a");
  assertThrows(given(7), Error, "as an id");
  assertThrows(given(["a", "b"]), Error, "as chunk a");
});
