import { assert, assertEquals, assertLess } from "@std/assert";
import type { Digest, Millis, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { PrePrepare } from "../../src/core/messages/messages.ts";
import { TestClient } from "./_client.ts";
import { Cluster } from "./_cluster.ts";
import { batchOf, show, signed, signedRequest, suspicionsFor } from "./_messages.ts";

function viewOf(cluster: Cluster, id: number): number {
  return cluster.host(id).replica!.status().view;
}

Deno.test("a dead primary is replaced, and the batches that it had ordered stay", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  for (let i = 1; i <= 5; i++) ada.call([`x=${i}`]);
  cluster.crash(0);
  for (let i = 6; i <= 30; i++) assertEquals(ada.call([`x=${i}`]).map(show), [`ok ${i}`]);
  cluster.start(0);
  cluster.runFor(5_000);
  cluster.assertAlike();
  assertEquals([0, 1, 2, 3].map((id) => viewOf(cluster, id)), [1, 1, 1, 1]);
});

Deno.test("with n = 7 and two successive primaries down, the third one goes on", () => {
  const cluster = new Cluster({ n: 7 });
  const ada = new TestClient(cluster, 1).open();
  cluster.crash(0);
  cluster.crash(1);
  assertEquals(ada.call(["x=1"]).map(show), ["ok 1"]);
  assert(viewOf(cluster, 3) >= 2);
});

Deno.test("a batch prepared at a quorum and committed nowhere commits in the next view", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(100);
  cluster.filter = (_from, _to, message) => message.kind !== "commit";
  const request = ada.request(["x=1"]);
  cluster.submit(request);
  cluster.runFor(100);
  assert(cluster.hosts.every(({ replica }) => replica!.status().slots.some(({ stage }) => stage === "prepared")));
  cluster.crash(0);
  cluster.filter = () => true;
  cluster.runUntil(() => cluster.accepted(request.digest) !== null);
  assertEquals(cluster.accepted(request.digest)!.map(show), ["ok 1"]);
  cluster.runFor(1_000);
  assertEquals(cluster.host(1).machine.logs.get("x"), ["1"]);
});

Deno.test("a batch committed at only one replica is executed by all others at that number", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(100);
  cluster.filter = (_from, to, { kind }) => (kind !== "commit" && kind !== "decision") || to === 3;
  const request = ada.request(["x=1"]);
  cluster.submit(request);
  cluster.runFor(100);
  const executed = cluster.host(3).replica!.status().lastExecuted;
  assertEquals(cluster.host(1).replica!.status().lastExecuted, executed - 1);
  cluster.crash(0);
  cluster.filter = (from, to) => from !== 3 && to !== 3; // the one that knows is cut off, too
  cluster.start(0);
  cluster.runUntil(() => cluster.host(1).replica!.status().lastExecuted >= executed);
  cluster.filter = () => true;
  cluster.runFor(5_000);
  cluster.assertAlike();
  assertEquals(cluster.host(1).machine.logs.get("x"), ["1"]);
});

/** Replica 0 as an equivocating primary: two batches for one number, to different halves. */
Deno.test("a primary that gives one number to two batches is replaced, and no two replicas execute differently", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(100);
  cluster.crash(0);
  const [one, two] = [ada.request(["x=one"]), ada.request(["x=two"])];
  const sequence = (cluster.host(1).replica!.status().lastExecuted + 1) as SequenceNumber;
  for (const [to, request] of [[1, one], [2, two], [3, two]] as const) {
    const batch = batchOf(cluster.now, [request]);
    const prePrepare = signed<PrePrepare>({
      kind: "pre-prepare",
      replica: 0 as ReplicaId,
      view: 0 as View,
      sequence,
      digest: batch.digest,
    });
    cluster.step(to, { kind: "pre-prepare", prePrepare, batch });
  }
  cluster.submit(one);
  cluster.submit(two);
  cluster.runUntil(() => [one, two].every(({ digest }) => cluster.accepted(digest)));
  cluster.runFor(3_000);
  cluster.assertAlike();
  assertEquals([...cluster.host(1).machine.logs.get("x")!].sort(), ["one", "two"]);
});

Deno.test("a primary that leaves a gap is replaced, and the gap is filled with null requests or new batches", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(100);
  cluster.crash(0);
  const request = ada.request(["x=1"]);
  const batch = batchOf(cluster.now, [request]);
  const sequence = (cluster.host(1).replica!.status().lastExecuted + 4) as SequenceNumber;
  const prePrepare = signed<PrePrepare>({
    kind: "pre-prepare",
    replica: 0 as ReplicaId,
    view: 0 as View,
    sequence,
    digest: batch.digest,
  });
  for (const to of [1, 2, 3]) cluster.step(to, { kind: "pre-prepare", prePrepare, batch });
  cluster.runUntil(() => cluster.accepted(request.digest) !== null);
  cluster.runFor(3_000);
  assert(
    cluster.host(1).replica!.status().lastExecuted >= sequence,
    "the prepared number is carried over, the gap filled",
  );
  assertEquals(cluster.host(2).machine.logs.get("x"), ["1"]);
});

Deno.test("a primary that assigns no numbers is replaced", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.filter = (from, _to, message) => !(from === 0 && message.kind === "pre-prepare");
  assertEquals(ada.call(["x=1"]).map(show), ["ok 1"]);
});

Deno.test("a primary that ignores one client's requests is replaced", () => {
  const cluster = new Cluster();
  const [ada, bob] = [new TestClient(cluster, 1).open(), new TestClient(cluster, 2).open()];
  const starved = bob.request(["y=1"]);
  cluster.submit(starved, [1, 2, 3]);
  cluster.filter = (_from, to, message) => !(to === 0 && message.kind === "request");
  for (let i = 1; cluster.accepted(starved.digest) === null; i++) {
    assert(i < 1_000, "the starved client is served");
    const request = ada.request([`x=${i}`]);
    cluster.submit(request);
    cluster.runFor(20);
  }
  assert(viewOf(cluster, 1) >= 1);
});

Deno.test("a replica whose links lose messages suspects the primary alone: it leaves no view, goes on voting, and withdraws the suspicion", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.filter = (from, to, message) => !(to === 3 && message.kind !== "request") && from !== 3;
  cluster.submit(ada.request(["x=1"]), [3]);
  cluster.runFor(2_000);
  const said = () => cluster.host(3).disk.suspicion!.suspicion.message.standing;
  assertEquals([viewOf(cluster, 3), said()], [0, "suspects"]);
  cluster.filter = () => true;
  cluster.crash(2); // its vote is needed
  for (let i = 2; i <= 10; i++) ada.call([`x=${i}`]);
  assertEquals(said(), "withdrawn");
  assertEquals([0, 1, 3].map((id) => viewOf(cluster, id)), [0, 0, 0]);
  cluster.start(2);
  cluster.runFor(5_000);
  cluster.assertAlike();
});

Deno.test("a replica restarted after it sent its view-change goes on from there", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.crash(0);
  cluster.filter = (_from, _to, message) => message.kind !== "new-view";
  const request = ada.request(["x=1"]);
  cluster.submit(request);
  cluster.runUntil(() => viewOf(cluster, 1) === 1 && viewOf(cluster, 2) === 1);
  for (const id of [1, 2, 3]) cluster.crash(id);
  for (const id of [1, 2, 3]) cluster.start(id);
  assert(viewOf(cluster, 2) >= 1, "it never goes back to the view it has left");
  cluster.filter = () => true;
  cluster.runUntil(() => cluster.accepted(request.digest) !== null || (cluster.submit(request), false));
});

Deno.test("without faults and with slow networks there is no view change", () => {
  const cluster = new Cluster({ maxLatencyMs: 60 });
  const ada = new TestClient(cluster, 1).open();
  for (let i = 1; i <= 200; i++) ada.call([`x=${i}`]);
  cluster.runFor(60_000);
  assertEquals(cluster.hosts.map(({ id }) => viewOf(cluster, id)), [0, 0, 0, 0]);
});

Deno.test("a silent primary is replaced after one timeout, one that is heard after four", () => {
  for (const [heard, timeouts] of [[false, 1], [true, 4]] as const) {
    const cluster = new Cluster({ settings: { viewTimeoutMs: 1_000, slowPrimaryMs: 60_000 } });
    const ada = new TestClient(cluster, 1).open();
    cluster.runFor(100);
    cluster.filter = (from, _to, { kind }) => from !== 0 || (heard && kind === "status");
    cluster.submit(ada.request(["x=1"]));
    const began = cluster.now;
    cluster.runUntil(() => viewOf(cluster, 1) === 1);
    assert(Math.abs(cluster.now - began - timeouts * 1_000) < 200, `after ${cluster.now - began} ms`);
  }
});

Deno.test("a replica wakes by itself when its primary's time is out, however seldom it sends a status", () => {
  const cluster = new Cluster({ settings: { statusIntervalMs: 5_000, idleStatusMs: 10_000 } });
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(20_000);
  cluster.crash(0);
  cluster.submit(ada.request(["x=1"]));
  cluster.runUntil(() => viewOf(cluster, 1) === 1, 1_000, "the next view");
});

Deno.test("a new primary that is silent too is given up long before one that is heard", () => {
  for (const [heard, timeouts] of [[false, 1 + 2 / 8], [true, 1 + 2]] as const) {
    const cluster = new Cluster({ n: 7, settings: { viewTimeoutMs: 1_000, slowPrimaryMs: 60_000 } });
    const ada = new TestClient(cluster, 1).open();
    cluster.runFor(100);
    cluster.filter = (from, _to, { kind }) => from > 1 || (from === 1 && heard && kind === "status");
    cluster.submit(ada.request(["x=1"]));
    const began = cluster.now;
    cluster.runUntil(() => viewOf(cluster, 3) === 2);
    assert(Math.abs(cluster.now - began - timeouts * 1_000) < 200, `after ${cluster.now - began} ms`);
  }
});

Deno.test("a cluster that stalls for two timeouts while its primary is heard keeps it", () => {
  const cluster = new Cluster({ settings: { viewTimeoutMs: 1_000, slowPrimaryMs: 60_000 } });
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(100);
  cluster.filter = (_from, _to, { kind }) => kind !== "commit";
  const request = ada.request(["x=1"]);
  cluster.submit(request);
  cluster.runFor(2_000);
  cluster.filter = () => true;
  cluster.runUntil(() => cluster.accepted(request.digest) !== null);
  assertEquals(cluster.hosts.map(({ id }) => viewOf(cluster, id)), [0, 0, 0, 0]);
});

Deno.test("a new-view whose O leaves out what was prepared is refused", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(100);
  cluster.filter = (_from, _to, message) => message.kind !== "commit" && message.kind !== "new-view";
  cluster.submit(ada.request(["x=1"]));
  cluster.runUntil(() => cluster.host(1).disk.view.newView !== null);
  const honest = cluster.host(1).disk.view.newView!.message;
  assert(honest.prePrepares.length > 0);
  const lies = [
    { ...honest, prePrepares: [] },
    { ...honest, viewChanges: honest.viewChanges.slice(1) },
    { ...honest, viewChanges: honest.viewChanges.map(() => honest.viewChanges[0]!) },
    {
      ...honest,
      prePrepares: honest.prePrepares.map((p) => signed({ ...p.message, digest: "0".repeat(64) as Digest })),
    },
    { ...honest, replica: 2 as ReplicaId },
    {
      ...honest,
      viewChanges: honest.viewChanges.map((v) => signed({ ...v.message, prepared: [] })),
      prePrepares: [] as never[],
    },
  ];
  const target = cluster.host(2);
  for (const lie of lies.slice(0, 5)) {
    cluster.step(2, { kind: "new-view", newView: signed(lie) });
    assertEquals(target.replica!.status().active, false);
  }
  cluster.step(2, { kind: "new-view", newView: signed(honest) });
  assertEquals(target.replica!.status().active, true);
});

for (let seed = 1; seed <= 60; seed++) {
  Deno.test(`crashes of any replica, partitions and message loss never cause a fork or a lasting stop (seed ${seed})`, () => {
    const n = [4, 4, 5, 7][seed % 4]!;
    const cluster = new Cluster({ n, seed, loss: 0.05, doubling: 0.05, maxLatencyMs: 30 });
    const clients = [1, 2].map((name) => new TestClient(cluster, name).open());
    let cut: ReadonlySet<number> = new Set();
    cluster.filter = (from, to) => cut.has(from) === cut.has(to);
    for (let i = 1; i <= 25; i++) {
      for (const client of clients) client.retry(client.request([`${client.id.slice(-1)}=${i}`]));
      for (const { id, replica } of cluster.hosts) if (!replica) cluster.start(id);
      const victim = Math.floor(cluster.random.next() * n);
      const dice = cluster.random.next();
      if (dice < 0.2) cluster.crash(victim);
      cut = new Set(dice > 0.7 && dice < 0.9 ? [victim] : []);
      if (dice > 0.95) {
        for (const { id } of cluster.hosts) {
          cluster.crash(id);
          cluster.start(id);
        }
      }
    }
    cut = new Set();
    for (const { id, replica } of cluster.hosts) if (!replica) cluster.start(id);
    cluster.runFor(30_000);
    cluster.assertAlike();
    const once = Array.from({ length: 25 }, (_, i) => String(i + 1));
    for (const client of clients) assertEquals(cluster.host(0).machine.logs.get(client.id.slice(-1)), once);
  });
}

Deno.test("a replica that lacks a decision gets its proof from one other, even if the rest have moved on", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(100);
  cluster.filter = (_from, to, message) => !(to === 3 && message.kind === "commit");
  ada.call(["x=1"]);
  const { lastExecuted } = cluster.host(1).replica!.status();
  cluster.crash(0);
  cluster.crash(2);
  cluster.runUntil(() => cluster.host(3).replica!.status().lastExecuted === lastExecuted);
  assertEquals(cluster.host(3).machine.logs.get("x"), ["1"]);
});

Deno.test("a proof of a decision needs a quorum of distinct, equal commits", () => {
  const cluster = new Cluster();
  new TestClient(cluster, 1).open();
  cluster.runFor(100);
  const sequence = (cluster.host(1).replica!.status().lastExecuted + 1) as SequenceNumber;
  const commit = (replica: number, fields: object = {}) =>
    signed({
      kind: "commit" as const,
      replica: replica as ReplicaId,
      view: 0 as View,
      sequence,
      digest: "1".repeat(64) as Digest,
      ...fields,
    });
  const committed = () => cluster.host(1).replica!.status().slots.find((slot) => slot.sequence === sequence)?.stage;
  const offer = (commits: ReturnType<typeof commit>[]) =>
    cluster.step(1, { kind: "decision", decision: signed({ kind: "decision", replica: 3 as ReplicaId, commits }) });
  offer([]);
  offer([commit(0), commit(2)]);
  offer([commit(0), commit(2), commit(2)]);
  offer([commit(0), commit(2), commit(3, { view: 1 })]);
  offer([commit(0), commit(2), commit(3, { digest: "2".repeat(64) })]);
  offer([commit(0), commit(2), commit(3, { sequence: sequence + 1 })]);
  assertEquals(committed(), undefined);
  offer([commit(0), commit(2), commit(3)]);
  assertEquals(committed(), "committed");
});

Deno.test("a view that starts late, after a later view has decided otherwise, halts no replica", () => {
  const cluster = new Cluster();
  cluster.filter = () => false;
  const sequence = 1 as SequenceNumber;
  const [late, decided] = ["late", "decided"].map((value, i) =>
    batchOf(cluster.now, [new TestClient(cluster, i + 1).request([`x=${value}`])])
  ) as [ReturnType<typeof batchOf>, ReturnType<typeof batchOf>];
  const place = (view: number, { digest }: typeof late) => ({ view: view as View, sequence, digest });
  const commits = [0, 1, 2].map((id) =>
    signed({ kind: "commit" as const, replica: id as ReplicaId, ...place(2, decided) })
  );
  cluster.step(3, { kind: "decision", decision: signed({ kind: "decision", replica: 1 as ReplicaId, commits }) });
  // Replica 0 had the late batch prepared in view 0; those with whose view-changes view 2 began had not.
  const prePrepare = (view: number) =>
    signed<PrePrepare>({ kind: "pre-prepare", replica: view as ReplicaId, ...place(view, late) });
  const prepares = [1, 2].map((id) =>
    signed({ kind: "prepare" as const, replica: id as ReplicaId, ...place(0, late) })
  );
  const viewChanges = [0, 1, 2].map((id) =>
    signed({
      kind: "view-change" as const,
      replica: id as ReplicaId,
      view: 1 as View,
      stable: [],
      prepared: id === 0 ? [{ prePrepare: prePrepare(0), prepares }] : [],
      suspicions: suspicionsFor(1),
    })
  );
  const newView = { replica: 1 as ReplicaId, view: 1 as View, viewChanges, prePrepares: [prePrepare(1)] };
  cluster.step(3, { kind: "new-view", newView: signed({ kind: "new-view", ...newView }) });
  assertEquals(viewOf(cluster, 3), 1);
  // Its primary is bound by what it has carried over, all the same.
  const denial = signed<PrePrepare>({ kind: "pre-prepare", replica: 1 as ReplicaId, ...place(1, decided) });
  const { messages, events } = cluster.step(3, { kind: "pre-prepare", prePrepare: denial, batch: decided });
  assertEquals(messages.map(({ message }) => message.message.kind), []);
  assert(events.some(({ kind }) => kind === "contradiction"));
  for (const batch of [late, decided]) {
    const { digest, bytes } = batch;
    cluster.step(3, { kind: "blobs", from: 1 as ReplicaId, blobs: [{ digest, bytes, batch }] });
  }
  assertEquals(cluster.host(3).replica!.status().lastExecuted, sequence);
  assertEquals([...cluster.host(3).disk.committed.values()].map(({ batch }) => batch.digest), [decided.digest]);
});

Deno.test("replicas that have left for different views meet again", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(100);
  cluster.crash(1);
  // 0 gives up on view 1, whose primary is dead, before 2 and 3 have heard that it left for it.
  cluster.filter = (from, _to, message) => !(from === 0 && message.kind === "view-change" && message.view === 1);
  cluster.step(0, { kind: "start" });
  const request = ada.request(["x=1"]);
  const heal = cluster.filter;
  cluster.filter = (from, to, message) => heal(from, to, message) && message.kind !== "pre-prepare";
  cluster.submit(request);
  cluster.runUntil(() => viewOf(cluster, 2) >= 1 && viewOf(cluster, 3) >= 1);
  cluster.filter = heal;
  cluster.runUntil(() => cluster.accepted(request.digest) !== null);
});

function reasonsToLeave(cluster: Cluster): Set<string> {
  return new Set(cluster.events.flatMap(({ event }) => event.kind === "suspicion" ? [event.why] : []));
}

Deno.test("a primary that is always just under the timeout is replaced", () => {
  const cluster = new Cluster({ settings: { viewTimeoutMs: 5_000, slowPrimaryMs: 1_000 } });
  const ada = new TestClient(cluster, 1).open();
  cluster.filter = (_from, to, message) => !(to === 0 && message.kind === "request" && cluster.now % 2_000 < 1_900);
  for (let i = 1; viewOf(cluster, 1) === 0; i++) {
    assert(i < 50, "it is replaced");
    const request = ada.request([`x=${i}`]);
    cluster.submit(request, [1, 2, 3]);
    cluster.runUntil(() => cluster.accepted(request.digest) !== null);
  }
  assert(reasonsToLeave(cluster).has("slow-primary"));
  assert(!reasonsToLeave(cluster).has("no-progress"));
});

Deno.test("a primary that serves who waits longest, one at a time, while others wait behind, is replaced", () => {
  const cluster = new Cluster();
  const clients = Array.from({ length: 40 }, (_, i) => new TestClient(cluster, i + 1).open());
  cluster.filter = (_from, to, { kind }) => !(to === 0 && kind === "request");
  const requests = clients.map((client) => client.request(["x=1"]));
  for (const request of requests) cluster.submit(request, [1, 2, 3]);
  const began = cluster.now;
  for (let i = 0; viewOf(cluster, 1) === 0; i++) {
    cluster.runFor(350);
    cluster.submit(requests[i]!, [0]); // in place of a primary that keeps back what it knows
  }
  assertLess(cluster.now - began, 8_000);
  assertEquals(reasonsToLeave(cluster), new Set(["slow-primary"]));
  cluster.runUntil(() => requests.every(({ digest }) => cluster.accepted(digest) !== null), 1_000);
});

/** A request of gateway 1 or 3, in the name of somebody. */
function vouched(cluster: Cluster, gateway: number, name: string, timestamp: number) {
  const operations = [{ name, timestamp, operation: new TextEncoder().encode("x=1") }];
  const notAfter = (cluster.now + 300_000) as Millis;
  return signedRequest({ kind: "gateway-request", gateway: gateway as ReplicaId, notAfter, operations });
}

Deno.test("a primary that leaves out one request of a busy gateway is replaced", () => {
  const cluster = new Cluster({ checkpointInterval: 64 });
  new TestClient(cluster, 1).open();
  cluster.filter = (_from, to, message) =>
    !(to === 0 && message.kind === "gateway-request" && message.operations[0]!.name === "bob");
  const request = vouched(cluster, 1, "bob", 1);
  cluster.submit(request, [1]);
  const began = cluster.now;
  for (let i = 1; cluster.accepted(request.digest) === null; i++) {
    assertLess(cluster.now - began, 8_000);
    if (i === 125) cluster.submit(request, [1, 2, 3]); // as a gateway does after a second
    cluster.submit(vouched(cluster, 1, "ann", i), [1]);
    cluster.runFor(8);
  }
  assertEquals(reasonsToLeave(cluster), new Set(["slow-primary"]));
});

Deno.test("a primary whose place for a gateway is always full is not suspected for what it has no place for", () => {
  const cluster = new Cluster({ checkpointInterval: 64, latencyMs: 30, settings: { maxPendingPerClient: 16 } });
  new TestClient(cluster, 1).open();
  cluster.filter = (_from, to, message) =>
    !(to === 0 && message.kind === "gateway-request" && message.operations[0]!.name === "bob");
  cluster.submit(vouched(cluster, 3, "bob", 1), [1, 2]);
  const began = cluster.now;
  for (let i = 1; cluster.now - began < 8_000;) {
    const flood = vouched(cluster, 3, "ann", i++);
    if (cluster.step(0, { kind: "request", request: flood }).admission === "full") cluster.runFor(5);
  }
  assertEquals(reasonsToLeave(cluster), new Set());
});

/**
 * Clients keep the primary's batches full while it doesn't hear of one request, of which only the backups know. Returns
 * that request once it has waited for two times `slowPrimaryMs`, with most of the others still to be served.
 */
function withoutRoom(seed: number) {
  const cluster = new Cluster({
    limits: { maxBatchRequests: 2, maxRequestBytes: 1024 },
    settings: { viewTimeoutMs: 5_000, slowPrimaryMs: 300, pipelineDepth: 1 },
    maxLatencyMs: 30,
    seed,
  });
  const clients = Array.from({ length: 122 }, (_, i) => new TestClient(cluster, i + 1).open());
  const [unheard, last, ...rest] = clients.map((client) => client.request(["x=1"]));
  cluster.submit(unheard!, [1, 2, 3]);
  for (const request of rest) cluster.submit(request);
  cluster.filter = (_from, to, message) => !(to === 0 && message.kind === "request");
  const began = cluster.now;
  // It is asked at each event: what is accepted stays so.
  const waiting = new Set(rest.map(({ digest }) => digest));
  const served = () => {
    for (const digest of waiting) if (cluster.accepted(digest) !== null) waiting.delete(digest);
    return rest.length - waiting.size;
  };
  cluster.runUntil(() => cluster.now - began > 600);
  assert(served() > 0 && served() < rest.length / 2, `seed ${seed}: batches stay full`);
  return { cluster, unheard: unheard!, last: last!, allServed: () => served() === rest.length };
}

Deno.test("a primary that has no room for a request while its batches are full is not suspected", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const { cluster, unheard } = withoutRoom(seed);
    // The backups relay the request again while the batches are still full, and the primary gives it its turn.
    cluster.filter = () => true;
    cluster.runUntil(() => cluster.accepted(unheard.digest) !== null);
    assertEquals(reasonsToLeave(cluster), new Set(), `seed ${seed}`);
  }
});

Deno.test("a primary is suspected once a batch has room for a request that has waited while batches were full", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const { cluster, unheard, last, allServed } = withoutRoom(seed);
    cluster.runUntil(allServed);
    // No backup can tell a primary that has not heard of the request from one that leaves it out.
    cluster.filter = (_from, to, message) =>
      !(to === 0 && message.kind === "request" && message.client === unheard.message.client);
    cluster.submit(last);
    cluster.runUntil(() => cluster.accepted(unheard.digest) !== null);
    assertEquals(reasonsToLeave(cluster), new Set(["slow-primary"]), `seed ${seed}`);
  }
});
