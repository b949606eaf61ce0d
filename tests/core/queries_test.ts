import { assert, assertEquals, assertLess } from "@std/assert";
import type { Digest, Millis, SequenceNumber } from "../../src/core/messages/ids.ts";
import { NotLoadedError, type StateMachine } from "../../src/core/state_machine.ts";
import { wrap } from "../../src/core/wrap.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { TestClient } from "./_client.ts";
import { Cluster } from "./_cluster.ts";
import { show, signedQuery } from "./_messages.ts";

function values(answers: ReadonlyMap<number, string>): string[] {
  return [...answers].sort(([a], [b]) => a - b).map(([id, answer]) => `r${id} ${answer}`);
}

Deno.test("a query is answered from the state at once, and changes nothing", () => {
  const cluster = new Cluster();
  new TestClient(cluster, 1).open().call(["x=1"]);
  cluster.runFor(1_000);
  const executed = cluster.host(0).replica!.status().lastExecuted;
  assertEquals(values(cluster.ask("x")), ["r0 ok 1", "r1 ok 1", "r2 ok 1", "r3 ok 1"]);
  cluster.runFor(1_000);
  assertEquals(cluster.host(0).replica!.status().lastExecuted, executed);
});

Deno.test("a query that is no read is rejected, and so is one on which the state machine fails", () => {
  const cluster = new Cluster();
  cluster.runFor(100);
  assertEquals(values(cluster.ask("x=1", [0])), ["r0 rejected not a read"]);
  cluster.host(0).machine.query = () => {
    throw new Error("a bug");
  };
  assertEquals(values(cluster.ask("x", [0])), ["r0 rejected the state machine failed"]);
  cluster.host(0).machine.query = () => new Uint8Array(70_000);
  assertEquals(values(cluster.ask("x", [0])), ["r0 rejected the result has 70000 bytes, the limit is 65536"]);
});

Deno.test("the operations of one query are answered in their order, each by itself", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  ada.call(["x=1"]);
  ada.call(["y=2"]);
  cluster.runFor(1_000);
  assertEquals(values(cluster.ask(["y", "x=3", "x"], [0, 1])), [
    "r0 ok 2, rejected not a read, ok 1",
    "r1 ok 2, rejected not a read, ok 1",
  ]);
});

Deno.test("an answer has as many results as fit in 256 KiB, and at least one", () => {
  const cluster = new Cluster();
  cluster.runFor(100);
  const { machine } = cluster.host(0);
  machine.query = (operation) => new Uint8Array(operation.length === 1 ? 60_000 : 1).fill(0x61);
  const lengths = (answers: ReadonlyMap<number, string>) =>
    [...answers.values()].flatMap((text) => text.split(", ").map((result) => result.length - "ok ".length));
  assertEquals(lengths(cluster.ask(Array(10).fill("x"), [0])), [60_000, 60_000, 60_000, 60_000]);
  assertEquals(lengths(cluster.ask([..."abcd", "ef", "gh", "i", "jk"], [0])), [60_000, 60_000, 60_000, 60_000, 1, 1]);
});

// PBFT §5.1.3; Berger et al., 2021. Replica 0 lies; 1 has executed the write, and both have acknowledged it; 2 and 3 have only prepared it.
Deno.test("after a liar and one correct replica acknowledged a write, no quorum answers without it", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  ada.call(["x=old"]);
  cluster.runFor(1_000);
  const executed = cluster.host(1).replica!.status().lastExecuted;
  cluster.filter = (_from, to, { kind }) =>
    kind !== "status" && (to <= 1 || (kind !== "commit" && kind !== "decision"));
  const write = ada.request(["x=new"]);
  cluster.submit(write);
  cluster.runFor(50);
  assertEquals(cluster.accepted(write.digest)!.map(show), ["ok 2"]);
  assertEquals([1, 2, 3].map((id) => cluster.host(id).replica!.status().lastExecuted - executed), [1, 0, 0]);

  const answers = cluster.ask("x", [1, 2, 3]); // the liar may answer what it likes: it is one
  cluster.runFor(50);
  assertEquals(values(answers), ["r1 ok old,new"]);
  cluster.filter = () => true;
  cluster.runFor(1_000);
  assertEquals(values(answers), ["r1 ok old,new", "r2 ok old,new", "r3 ok old,new"]);
});

Deno.test("a replica that has prepared a write in a view that failed does not answer without it in the next", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  ada.call(["x=old"]);
  cluster.runFor(1_000);
  cluster.filter = (_from, _to, { kind }) => kind !== "commit" && kind !== "decision";
  cluster.submit(ada.request(["x=new"]));
  cluster.runFor(50);
  cluster.crash(0);
  cluster.runUntil(() =>
    [1, 2, 3].every((id) => {
      const { view, active } = cluster.host(id).replica!.status();
      return view > 0 && active;
    })
  );
  const answers = cluster.ask("x");
  assertEquals(values(answers), []);
  cluster.filter = () => true;
  cluster.runFor(1_000);
  assertEquals(values(answers), ["r1 ok old,new", "r2 ok old,new", "r3 ok old,new"]);
});

Deno.test("a replica that prepared a write and restarted does not answer without it", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(1_000);
  cluster.filter = (_from, _to, { kind }) => kind !== "commit" && kind !== "decision";
  cluster.submit(ada.request(["x=new"]));
  cluster.runFor(50);
  cluster.filter = () => false;
  cluster.crash(2);
  cluster.start(2);
  const answers = cluster.ask("x", [2]);
  cluster.runFor(50);
  assertEquals(values(answers), []);
});

Deno.test("a query whose numbers are not executed in time is given up, so that it does not wait for ever", () => {
  const cluster = new Cluster({ settings: { viewTimeoutMs: 60_000, slowPrimaryMs: 60_000 } });
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(1_000);
  cluster.filter = (_from, _to, { kind }) => kind !== "commit" && kind !== "decision";
  cluster.submit(ada.request(["x=1"]));
  cluster.runFor(50);
  const answers = cluster.ask("x", [2]);
  cluster.runFor(5_000);
  assertEquals(values(answers), ["r2 too-late"]);
});

Deno.test("during a view change no query is answered, not even one that waits already", () => {
  const cluster = new Cluster({ settings: { viewTimeoutMs: 100 } });
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(1_000);
  cluster.filter = (_from, _to, { kind }) => !["commit", "decision", "new-view"].includes(kind);
  cluster.submit(ada.request(["x=1"]));
  cluster.runFor(50);
  const waiting = cluster.ask("x", [2]);
  assertEquals(values(waiting), []);
  cluster.runUntil(() => !cluster.host(2).replica!.status().active, 1_500);
  assertEquals(values(waiting), ["r2 view-change"]);
  assertEquals(values(cluster.ask("x", [2])), ["r2 view-change"]);
});

Deno.test("during a state transfer no query is answered", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.crash(3);
  for (let i = 1; i <= 60; i++) ada.call([`x=${i}`]);
  cluster.serves = () => [];
  cluster.start(3);
  cluster.runUntil(() => cluster.host(3).replica!.status().transferring, 10_000);
  assertEquals(values(cluster.ask("x", [3])), ["r3 state-transfer"]);
});

Deno.test("a replica that lost its disk answers no query until it has recovered, and votes again in a view", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  for (let i = 1; i <= 10; i++) ada.call([`x=${i}`]);
  cluster.loseDisk(2);
  assertEquals(values(cluster.ask("x", [2])), ["r2 recovering"]);
  cluster.runUntil(() => !cluster.host(2).replica!.status().recovering, 120_000, "recovered");
  assertEquals(values(cluster.ask("x", [2])), ["r2 view-change"]);
  cluster.crash(0);
  ada.call(["x=11"]);
  cluster.runFor(1_000);
  assertEquals(values(cluster.ask("x", [2])), ["r2 ok 1,2,3,4,5,6,7,8,9,10,11"]);
});

Deno.test("waiting queries are bounded, and answered a few per step", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(1_000);
  cluster.filter = (_from, _to, { kind }) => kind !== "commit" && kind !== "decision";
  cluster.submit(ada.request(["x=1"]));
  cluster.runFor(50);
  const asked = Array.from({ length: 1_025 }, () => cluster.ask("x", [2]));
  assertEquals(asked.flatMap(values), ["r2 overloaded"]);
  const most: number[] = [];
  cluster.onStep = ({ id }, _input, { answers }) => void (id === 2 && answers.length > 0 && most.push(answers.length));
  cluster.filter = () => true;
  cluster.runFor(1_000);
  assertEquals(asked.flatMap(values).filter((answer) => answer === "r2 ok 1").length, 1_024);
  assertEquals([most.length, Math.max(...most)], [16, 64]);
});

Deno.test("a query whose chunks are being read costs nothing until they have come, however many wait and however much happens", () => {
  let asked = 0;
  const machine = () => {
    const made = new KeyValue({ chunkSize: 64 });
    const { needs } = made.lazyLoading;
    return Object.assign(made, {
      lazyLoading: { ...made.lazyLoading, needs: (operations: readonly Uint8Array[]) => (asked++, needs(operations)) },
    });
  };
  const cluster = new Cluster({ machine });
  const ada = new TestClient(cluster, 1).open();
  for (let i = 0; i < 24; i++) ada.call([`SET k${i} ${"v".repeat(50)}`]);
  cluster.restart(3);
  cluster.runFor(1_000);
  const { replica, disk } = cluster.host(3);
  const now = cluster.now as Millis;
  const loads = new Set<Digest>();
  for (let i = 0; i < 200; i++) {
    const query = signedQuery(i, [`GET k${i % 8}`, `GET k${8 + i % 8}`]);
    for (const digest of replica!.step({ kind: "query", query }, now).loads) loads.add(digest);
  }
  asked = 0;
  for (let i = 0; i < 50; i++) replica!.step({ kind: "alarm" }, now);
  assertEquals(asked, 0);
  let answers = 0;
  for (let rounds = 0; answers < 200; rounds++) {
    assertLess(rounds, 100);
    const blobs = new Map([...loads].map((digest) => [digest, disk.blobs.get(digest)!]));
    loads.clear();
    const ready = replica!.step(blobs.size > 0 ? { kind: "loaded", blobs } : { kind: "alarm" }, now);
    for (const digest of ready.loads) loads.add(digest);
    answers += ready.answers.filter(({ outcome }) => typeof outcome !== "string").length;
  }
});

Deno.test("a query in which the machine finds out that chunks are missing is answered when they were read", () => {
  const isWrite = ([first]: Uint8Array) => first === "S".charCodeAt(0);
  const machine = () => {
    const made = new KeyValue({ chunkSize: 64 });
    const { lazyLoading } = made;
    return wrap<StateMachine>(made, {
      // It can tell before what it writes needs, and not what it reads needs.
      lazyLoading: { ...lazyLoading, needs: (all) => lazyLoading.needs(all.filter(isWrite)), undo: () => {} },
      query(operation) {
        const needs = [...lazyLoading.needs([operation])];
        if (needs.length > 0) throw new NotLoadedError(needs);
        return made.query(operation);
      },
    });
  };
  const cluster = new Cluster({ machine });
  const ada = new TestClient(cluster, 1).open();
  for (let i = 0; i < 23; i++) ada.call([`SET k${i} ${i}`]); // up to a checkpoint
  cluster.runFor(1_000);
  cluster.restart(3);
  cluster.runFor(100);
  const answers = cluster.ask(["GET k3", "GET k17"], [3]);
  assertEquals(values(answers), [], "it reads");
  cluster.runFor(100);
  assertEquals(values(answers), ['r3 ok "3", ok "17"']);
});

for (let seed = 1; seed <= 10; seed++) {
  Deno.test(`a quorum's answer is never older than what any client was told before (seed ${seed})`, () => {
    const cluster = new Cluster({ seed, loss: 0.1, doubling: 0.1, maxLatencyMs: 30 });
    const ada = new TestClient(cluster, 1).open();
    let agreed = 0;
    for (let i = 1; i <= 40; i++) {
      ada.call([`x=${i}`]);
      if (i % 13 === 0) {
        const victim = Math.floor(cluster.random.next() * 4);
        cluster.crash(victim);
        cluster.start(victim);
      }
      // Replica 3 is a liar that always answers what was there before.
      const answers = cluster.ask("x", [0, 1, 2]);
      cluster.runFor(200);
      const newest = [...answers.values()].filter((answer) => answer.startsWith("ok ") && answer.endsWith(`${i}`));
      const stale = [...answers.values()].filter((answer) => answer.startsWith("ok ") && !answer.endsWith(`${i}`));
      assert(stale.length + 1 < 3, `at write ${i} a quorum is stale: ${stale}`);
      if (newest.length === 3) agreed++;
    }
    assert(agreed > 10, `${agreed} queries were agreed on`);
  });
}

Deno.test("a quorum of queries is answered while a replica is down", () => {
  const cluster = new Cluster();
  new TestClient(cluster, 1).open().call(["x=1"]);
  cluster.runFor(1_000);
  cluster.crash(3);
  assertEquals(values(cluster.ask("x")), ["r0 ok 1", "r1 ok 1", "r2 ok 1"]);
  assertEquals(cluster.host(0).replica!.status().lastExecuted > (0 as SequenceNumber), true);
});
