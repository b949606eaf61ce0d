import { assert, assertEquals, assertGreater } from "@std/assert";
import type { ReplicaEvent } from "../../src/core/events.ts";
import type { Digest, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { Commit } from "../../src/core/messages/messages.ts";
import { TestClient } from "./_client.ts";
import { Cluster, type Host, type Options } from "./_cluster.ts";
import { configureText } from "./_epochs.ts";
import { signed } from "./_messages.ts";

const text = new TextDecoder();

function clusterOf(options: Options = {}): { cluster: Cluster; client: TestClient; admin: TestClient } {
  const cluster = new Cluster({ checkpointInterval: 8, spares: 4, ...options });
  return { cluster, client: new TestClient(cluster, 1).open(), admin: new TestClient(cluster, 2).open() };
}

const resultOf = (client: TestClient, operation: string) => {
  const { status, value } = client.call([operation])[0]!;
  return `${status} ${text.decode(value)}`;
};

const statusOf = (host: Host) => host.replica!.status();

/** Runs until these hosts are in this epoch. */
function until(cluster: Cluster, epoch: number, ids: readonly number[], limitMs = 60_000): void {
  cluster.runUntil(() => ids.every((id) => cluster.host(id).epoch === epoch), limitMs, `${ids} are in epoch ${epoch}`);
}

/** These hosts have executed the same, and no others run. */
function assertAlike(cluster: Cluster, ids: readonly number[]): void {
  cluster.runUntil(
    () => new Set(ids.map((id) => statusOf(cluster.host(id)).history)).size === 1,
    60_000,
    `${ids} have executed the same`,
  );
  const [first, ...rest] = ids.map((id) => new Map([...cluster.host(id).machine.logs].sort()));
  for (const other of rest) assertEquals(other, first);
}

const eventsOf = <K extends ReplicaEvent["kind"]>(cluster: Cluster, kind: K) =>
  cluster.events.flatMap(({ event }) => event.kind === kind ? [event as Extract<ReplicaEvent, { kind: K }>] : []);

Deno.test("a configure closes the epoch at the next checkpoint, without further requests, and the next epoch goes on", () => {
  const { cluster, client, admin } = clusterOf();
  client.call(["x=1"]);
  const before = statusOf(cluster.host(0)).lastExecuted;
  assert(resultOf(admin, configureText(1, [0, 1, 2, 3])).startsWith('ok {"epoch":1'));
  until(cluster, 1, [0, 1, 2, 3]);
  assertEquals(new Set(eventsOf(cluster, "epoch-closed").map(({ sequence }) => sequence)), new Set([8]));
  assert(before < 8);
  assertEquals(resultOf(client, "x=2"), "ok 2");
  assertEquals(statusOf(cluster.host(0)).view, 0);
  assertGreater(statusOf(cluster.host(0)).lastExecuted, 8);
  assertAlike(cluster, [0, 1, 2, 3]);
  assertEquals(eventsOf(cluster, "view-change"), []);
});

Deno.test("a retransmission over the end of an epoch gets the stored reply", () => {
  const { cluster, client, admin } = clusterOf();
  const request = client.request(["x=1"]);
  client.retry(request);
  admin.call([configureText(1, [0, 1, 2, 3])]);
  until(cluster, 1, [0, 1, 2, 3]);
  cluster.replies.delete(request.digest);
  client.retry(request);
  assertEquals(text.decode(cluster.accepted(request.digest)![0]!.value), "1");
  assertEquals(cluster.host(1).machine.logs.get("x"), ["1"]);
});

Deno.test("a configure at a multiple of K closes the epoch there", () => {
  const { cluster, client, admin } = clusterOf();
  for (let i = 0; statusOf(cluster.host(0)).lastExecuted < 7; cluster.runFor(50)) client.call([`x=${i++}`]);
  assertEquals(statusOf(cluster.host(0)).lastExecuted, 7);
  assertEquals(JSON.parse(resultOf(admin, configureText(1, [0, 1, 2, 3])).slice(3)).after, 8);
  until(cluster, 1, [0, 1, 2, 3]);
  assertEquals(resultOf(client, "y=1"), "ok 1");
});

Deno.test("one configuration is pending at a time, and each refusal has its reason", () => {
  const { cluster, admin } = clusterOf();
  cluster.follows = () => false;
  assertEquals(resultOf(admin, configureText(2, [0, 1, 2, 3])), "rejected wrong-epoch: expected 1, got 2");
  const both = admin.call([configureText(1, [0, 1, 2, 3]), configureText(1, [0, 1, 2, 4])]);
  assertEquals(both.map(({ status }) => status), ["ok", "rejected"]);
  assertEquals(text.decode(both[1]!.value), "already-pending: epoch 1 begins after 8");
});

Deno.test("nothing above the closing number is proposed, and what was in flight there waits for the next epoch", () => {
  const { cluster, client, admin } = clusterOf({ checkpointInterval: 2, logWindow: 8, latencyMs: 5 });
  // Several numbers in flight: the configure is somewhere among them.
  const clients = Array.from({ length: 12 }, (_, i) => new TestClient(cluster, 100 + i).open());
  cluster.follows = () => false;
  const requests = clients.map((one, i) => one.request([`k${i}=1`]));
  const configure = admin.request([configureText(1, [0, 1, 2, 3])]);
  for (const request of requests.slice(0, 3)) cluster.submit(request);
  cluster.submit(configure);
  for (const request of requests.slice(3)) {
    cluster.submit(request);
    cluster.runFor(1);
  }
  cluster.runUntil(() => eventsOf(cluster, "epoch-closed").length === 4);
  const [closed] = eventsOf(cluster, "epoch-closed");
  for (const host of cluster.hosts.slice(0, 4)) {
    assertEquals(statusOf(host).lastExecuted, closed!.sequence);
    assertEquals(statusOf(host).slots, []);
  }
  cluster.runFor(3_000);
  for (const host of cluster.hosts.slice(0, 4)) assertEquals(statusOf(host).lastExecuted, closed!.sequence);
  assertEquals(eventsOf(cluster, "view-change"), [], "no primary is blamed for requests that wait for the next epoch");
  for (const id of [0, 1, 2, 3]) cluster.follow(id);
  for (const [i, request] of requests.entries()) clients[i]!.retry(request);
  assertEquals(resultOf(client, "x=1"), "ok 1");
  for (let i = 0; i < 12; i++) assertEquals(cluster.host(0).machine.logs.get(`k${i}`), ["1"]);
  assertAlike(cluster, [0, 1, 2, 3]);
});

Deno.test("the primary is removed and a new member joins: it fetches the state of the closing checkpoint and votes", () => {
  const { cluster, client, admin } = clusterOf();
  for (let i = 0; i < 20; i++) client.call([`x${i}=1`]);
  admin.call([configureText(1, [1, 2, 3, 4])]);
  until(cluster, 1, [0, 1, 2, 3]);
  assertEquals(cluster.host(0).replica, null);
  cluster.join(4);
  cluster.runUntil(() => statusOf(cluster.host(4)).lastExecuted >= 24, 60_000, "the new member has the state");
  cluster.crash(1); // its vote is needed now
  assertEquals(resultOf(client, "y=1"), "ok 1");
  assertAlike(cluster, [2, 3, 4]);
});

Deno.test("four members become seven and four again", () => {
  const { cluster, client, admin } = clusterOf();
  client.call(["x=1"]);
  admin.call([configureText(1, [0, 1, 2, 3, 4, 5, 6], 4)]);
  until(cluster, 1, [0, 1, 2, 3]);
  for (const id of [4, 5, 6]) cluster.join(id);
  for (const id of [0, 1]) cluster.crash(id); // f = 2
  assertEquals(resultOf(client, "x=2"), "ok 2");
  admin.call([configureText(2, [6, 2, 4, 3], 16)]);
  until(cluster, 2, [2, 3, 4, 5, 6]);
  assertEquals(resultOf(client, "x=3"), "ok 3");
  assertAlike(cluster, [2, 3, 4, 6]);
  for (let i = 0; i < 40; i++) client.call([`y${i}=1`]);
  cluster.runUntil(() => statusOf(cluster.host(6)).lowWatermark >= 32);
});

Deno.test("one is dead while the epoch closes; it comes back two epochs later and follows", () => {
  const { cluster, client, admin } = clusterOf();
  client.call(["x=1"]);
  cluster.crash(3);
  admin.call([configureText(1, [0, 1, 2, 3])]);
  until(cluster, 1, [0, 1, 2]);
  client.call(["x=2"]);
  admin.call([configureText(2, [3, 0, 1, 2])]);
  until(cluster, 2, [0, 1, 2]);
  client.call(["x=3"]);
  cluster.follow(3);
  cluster.follow(3);
  cluster.crash(2);
  assertEquals(resultOf(client, "x=4"), "ok 4");
  assertAlike(cluster, [0, 1, 3]);
});

Deno.test("the primary dies before it proposes the rest of the epoch, and a view change brings the epoch to its end", () => {
  let viewChanges = 0;
  for (let seed = 1; seed <= 8; seed++) {
    const { cluster, client, admin } = clusterOf({ seed, maxLatencyMs: 30 });
    cluster.submit(admin.request([configureText(1, [1, 2, 3, 4])]));
    // One that is ahead of the others: the primary, which then has proposed the rest, or another one.
    cluster.runUntil(() => eventsOf(cluster, "configured").length > 0);
    cluster.crash(0);
    until(cluster, 1, [1, 2, 3]);
    cluster.join(4);
    assertEquals(resultOf(client, "x=1"), "ok 1");
    viewChanges += eventsOf(cluster, "view-change").length;
    assertEquals(statusOf(cluster.host(1)).view, 0);
  }
  assertGreater(viewChanges, 0);
});

Deno.test("the rest of an epoch is proposed at once, and not a pipeline after another", () => {
  const { cluster, admin } = clusterOf({ checkpointInterval: 64, settings: { pipelineDepth: 1 } });
  cluster.submit(admin.request([configureText(1, [0, 1, 2, 3])]));
  cluster.runUntil(() => eventsOf(cluster, "configured").length === 4);
  const configured = cluster.now;
  until(cluster, 1, [0, 1, 2, 3]);
  // A few rounds of messages of up to 5 ms. With one number after another each of 60 numbers takes three.
  assert(cluster.now - configured < 100, `${cluster.now - configured} ms`);
});

Deno.test("a view change carries a configure that had prepared at some", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const { cluster, client, admin } = clusterOf({ seed, maxLatencyMs: 30 });
    const request = admin.request([configureText(1, [0, 1, 2, 3])]);
    cluster.submit(request);
    cluster.runFor(10 + 6 * seed);
    cluster.crash(0);
    admin.retry(request);
    until(cluster, 1, [1, 2, 3]);
    assertEquals(resultOf(client, "x=1"), "ok 1");
    cluster.start(0);
    // It is in the closed epoch, where nobody answers, until it is shown the link.
    cluster.runFor(2_000);
    if (cluster.host(0).epoch === 0) cluster.follow(0);
    assertAlike(cluster, [0, 1, 2, 3]);
  }
});

Deno.test("a replica that restarts while the epoch closes, or after it has, says again that it is over", () => {
  const { cluster, client, admin } = clusterOf();
  cluster.follows = () => false;
  client.call(["x=1"]);
  admin.call([configureText(1, [0, 1, 2, 3])]);
  cluster.restart(1);
  cluster.runUntil(() => eventsOf(cluster, "epoch-closed").length === 4);
  cluster.events.length = 0;
  for (const id of [0, 1, 2, 3]) cluster.start(id);
  assertEquals(eventsOf(cluster, "epoch-closed").length, 4);
  for (const id of [0, 1, 2, 3]) cluster.follow(id);
  for (const id of [0, 1, 2, 3]) cluster.restart(id);
  assertEquals(resultOf(client, "x=2"), "ok 2");
});

Deno.test("state transfer while the epoch closes: who missed the configure learns of the end from the state", () => {
  const { cluster, client, admin } = clusterOf();
  cluster.follows = () => false;
  cluster.crash(3);
  for (let i = 0; i < 40; i++) client.call([`x${i}=1`]);
  admin.call([configureText(1, [0, 1, 2, 3])]);
  cluster.start(3);
  cluster.runUntil(() => eventsOf(cluster, "epoch-closed").length === 4);
  for (const id of [3, 2, 1, 0]) cluster.follow(id);
  assertEquals(resultOf(client, "y=1"), "ok 1");
  assertAlike(cluster, [0, 1, 2, 3]);
});

Deno.test("a disk that is lost at the end of the epoch: its replica votes in the next one only when it has recovered there", () => {
  const { cluster, client, admin } = clusterOf();
  for (let i = 0; i < 10; i++) client.call([`x${i}=1`]);
  cluster.submit(admin.request([configureText(1, [0, 1, 2, 3])]));
  cluster.runUntil(() => eventsOf(cluster, "configured").length === 4);
  cluster.loseDisk(2);
  until(cluster, 1, [0, 1, 3]);
  cluster.runFor(1_000);
  while (cluster.host(2).epoch < 1) cluster.follow(2);
  assert(statusOf(cluster.host(2)).recovering);
  cluster.runUntil(() => !statusOf(cluster.host(2)).recovering, 300_000, "it has recovered");
  assertEquals(resultOf(client, "y=1"), "ok 1");
  assertAlike(cluster, [0, 1, 2, 3]);
});

Deno.test("over loss and doubling, epoch after epoch, everything is executed once and alike", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { cluster, client, admin } = clusterOf({
      seed,
      loss: 0.05,
      doubling: 0.1,
      maxLatencyMs: 20,
      checkpointInterval: 4,
    });
    const lineUps = [[1, 2, 3, 4], [2, 3, 4, 5], [5, 3, 0, 4], [0, 1, 2, 3]];
    let present = [0, 1, 2, 3];
    for (const [i, members] of lineUps.entries()) {
      client.call([`x=${i}`, `x=${i}'`]);
      const request = admin.request([configureText(i + 1, members)]);
      cluster.submit(request, present);
      const reached = () => cluster.epochs.length > i + 1;
      for (let tries = 0; !reached() && tries < 60; tries++) {
        cluster.runFor(500);
        if (!reached()) cluster.submit(request, present.filter((id) => cluster.host(id).epoch === i));
      }
      assert(reached(), `seed ${seed}: epoch ${i + 1} begins`);
      // Whoever is still in the closed epoch is shown the link; new members start.
      cluster.runFor(1_000);
      for (const id of new Set([...present, ...members])) {
        const host = cluster.host(id);
        if (host.epoch > i) continue;
        if (present.includes(id)) cluster.follow(id);
        else cluster.join(id);
      }
      present = members;
    }
    client.call(["x=end"]);
    assertAlike(cluster, [0, 1, 2, 3]);
    assertEquals(cluster.host(0).machine.logs.get("x")?.length, 9, `seed ${seed}`);
  }
});

Deno.test("a status that tells of less than the start of the epoch harms nobody", () => {
  const { cluster, client, admin } = clusterOf();
  admin.call([configureText(1, [0, 1, 2, 3])]);
  until(cluster, 1, [0, 1, 2, 3]);
  cluster.filter = (_from, _to, message) => {
    if (message.kind === "status" && message.replica === 3 as ReplicaId) {
      Object.assign(message, { stable: 0, executed: 0 });
    }
    return true;
  };
  cluster.runFor(10_000);
  assertEquals(resultOf(client, "x=1"), "ok 1");
});

Deno.test("who has executed all of a closed epoch answers no query there: the next epoch may have gone on", () => {
  const { cluster, client, admin } = clusterOf();
  client.call(["x=1"]);
  // Only replica 0 hears that the closing checkpoint is stable.
  cluster.filter = (_from, to, { kind }) => (kind !== "checkpoint" && kind !== "stable-checkpoint") || to === 0;
  admin.call([configureText(1, [4, 5, 6, 7])]);
  until(cluster, 1, [0]);
  for (const id of [4, 5, 6, 7]) {
    cluster.host(id).disk = cluster.host(0).disk.nextEpoch();
    cluster.join(id);
  }
  assertEquals(resultOf(client, "x=2"), "ok 2");
  const answers = cluster.ask("x", [1, 2, 3]);
  cluster.runFor(5_000);
  assertEquals([...answers.values()].filter((answer) => answer === "ok 1"), []);
});

Deno.test("a vote on a number after the end of the epoch, which a replica has forgotten, is no sign of an old copy", () => {
  const { cluster, admin } = clusterOf();
  // The end is known, and the epoch is not closed: no checkpoint becomes stable.
  cluster.filter = (_from, _to, { kind }) => kind !== "checkpoint";
  admin.call([configureText(1, [0, 1, 2, 3])]);
  cluster.runUntil(() => statusOf(cluster.host(1)).lastExecuted === 8, 60_000, "the last number is executed");
  const commit = (sequence: number) =>
    signed<Commit>({
      kind: "commit",
      replica: 1 as ReplicaId,
      view: 0 as View,
      sequence: sequence as SequenceNumber,
      digest: "0".repeat(64) as Digest,
    });
  const { events } = cluster.step(1, { kind: "commit", commit: commit(10) });
  assertEquals(events.map(({ kind }) => kind), ["discarded"]);
  assertEquals(statusOf(cluster.host(1)).recovering, false);
});
