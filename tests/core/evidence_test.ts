import { assertEquals } from "@std/assert";
import { Evidence, isContradiction, type Statement } from "../../src/core/messages/evidence.ts";
import type { Digest, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { PrePrepare, ViewChange } from "../../src/core/messages/messages.ts";
import { TestClient } from "./_client.ts";
import { Cluster } from "./_cluster.ts";
import { batchOf, signed, suspicionsFor } from "./_messages.ts";

const [one, two] = ["1".repeat(64) as Digest, "2".repeat(64) as Digest];

type Numbered = Exclude<Statement, ViewChange>;
type Fields = Partial<Omit<PrePrepare, "kind">>;

function say(kind: Numbered["kind"], fields: Fields = {}): Numbered {
  const all = { replica: 3 as ReplicaId, view: 0 as View, sequence: 8 as SequenceNumber, digest: one, ...fields };
  const { view: _, ...rest } = all;
  return kind === "checkpoint" ? { kind, ...rest } : { kind, ...all };
}

function evidenceOf(cluster: Cluster, id = 1): readonly string[] {
  return cluster.host(id).replica!.status().evidence.map(({ first, second }) => {
    const [one, two] = [first.message, second.message];
    if (one.kind === "view-change" || two.kind === "view-change") {
      return [one, two].map((message) => `${message.kind} of ${message.replica} for ${(message as ViewChange).view}`)
        .join(", ");
    }
    return `${one.kind} of ${one.replica} at ${one.sequence}: ${one.digest[0]} ${two.digest[0]}`;
  });
}

for (const kind of ["pre-prepare", "prepare", "commit", "checkpoint"] as const) {
  const replica = (kind === "pre-prepare" ? 0 : 3) as ReplicaId;

  Deno.test(`two different ${kind}s of one replica are kept as evidence, also across a restart`, () => {
    const cluster = new Cluster();
    cluster.runFor(100);
    cluster.filter = () => false;
    for (const digest of [one, two, two]) cluster.deliver(1, signed(say(kind, { replica, digest })));
    assertEquals(evidenceOf(cluster), [`${kind} of ${replica} at 8: 1 2`]);
    const told = cluster.events.flatMap(({ event }) => event.kind === "contradiction" ? [event] : []);
    assertEquals(told.map(({ message, accused }) => [message, accused]), [[kind, replica]]);
    cluster.crash(1);
    cluster.start(1);
    assertEquals(evidenceOf(cluster), [`${kind} of ${replica} at 8: 1 2`]);
  });

  Deno.test(`the same ${kind} twice is no evidence`, () => {
    const cluster = new Cluster();
    cluster.runFor(100);
    cluster.filter = () => false;
    for (let i = 0; i < 2; i++) cluster.deliver(1, signed(say(kind, { replica })));
    assertEquals(evidenceOf(cluster), []);
  });
}

/** A view-change of replica 3; what it carries is of no account for what it contradicts. */
function leave(view: number, sequences: readonly number[] = []): ViewChange {
  const prepared = sequences.map((sequence) => {
    const fields = { view: 0 as View, sequence: sequence as SequenceNumber };
    const prePrepare = signed(say("pre-prepare", { ...fields, replica: 0 as ReplicaId }) as PrePrepare);
    const prepares = [2, 3].map((replica) => signed(say("prepare", { ...fields, replica: replica as ReplicaId })));
    return { prePrepare, prepares } as ViewChange["prepared"][number];
  });
  return {
    kind: "view-change",
    replica: 3 as ReplicaId,
    view: view as View,
    stable: [],
    prepared,
    suspicions: suspicionsFor(view),
  };
}

Deno.test("two different view-changes of one replica for one view are kept as evidence, also across a restart", () => {
  const cluster = new Cluster();
  cluster.runFor(100);
  cluster.filter = () => false;
  for (const sequences of [[], [8], [8], [9]]) cluster.deliver(1, signed(leave(2, sequences)));
  assertEquals(evidenceOf(cluster), ["view-change of 3 for 2, view-change of 3 for 2"]);
  cluster.crash(1);
  cluster.start(1);
  assertEquals(evidenceOf(cluster), ["view-change of 3 for 2, view-change of 3 for 2"]);
});

Deno.test("the same view-change twice, or two for two views, are no evidence", () => {
  const cluster = new Cluster();
  cluster.runFor(100);
  cluster.filter = () => false;
  for (const view of [2, 2, 3]) cluster.deliver(1, signed(leave(view)));
  assertEquals(evidenceOf(cluster), []);
});

/** A cluster in view 1, started with the view-changes of 1, 2 and 3. */
function inView1(): Cluster {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(1_000);
  cluster.crash(0);
  ada.call(["x=1"]);
  cluster.runUntil(() =>
    cluster.hosts.every(({ replica }) => !replica || replica.status().view === 1 && replica.status().active)
  );
  cluster.filter = () => false;
  return cluster;
}

Deno.test("a view-change other than the one in the new-view is evidence", () => {
  const cluster = inView1();
  for (const id of [1, 2]) {
    cluster.deliver(id, signed(leave(1, [8])));
    assertEquals(evidenceOf(cluster, id), ["view-change of 3 for 1, view-change of 3 for 1"]);
  }
});

Deno.test("a view-change in a new-view other than the one that its sender sent here is evidence", () => {
  const cluster = new Cluster();
  cluster.runFor(100);
  cluster.filter = () => false;
  cluster.deliver(2, signed(leave(1, [])));
  const viewChanges = [0, 1, 3].map((id) => signed({ ...leave(1, id === 3 ? [8] : []), replica: id as ReplicaId }));
  cluster.deliver(
    2,
    signed({ kind: "new-view", replica: 1 as ReplicaId, view: 1 as View, viewChanges, prePrepares: [] }),
  );
  assertEquals(evidenceOf(cluster, 2), ["view-change of 3 for 1, view-change of 3 for 1"]);
});

Deno.test("a primary that starts its view twice, with different batches at a number, is convicted by the pre-prepares", () => {
  const cluster = inView1();
  const { newView } = cluster.host(2).disk.view;
  const [own, ...more] = newView!.message.prePrepares;
  const lie = signed({ ...own!.message, digest: two });
  cluster.deliver(2, signed({ ...newView!.message, prePrepares: [lie, ...more] }));
  const { sequence, digest } = own!.message;
  assertEquals(evidenceOf(cluster, 2), [`pre-prepare of 1 at ${sequence}: ${digest[0]} 2`]);
});

Deno.test("messages that a correct replica may send are no contradiction", () => {
  const prepare = signed(say("prepare"));
  const contradicts = (kind: Numbered["kind"], fields: Fields) => isContradiction(prepare, signed(say(kind, fields)));
  const others: readonly Fields[] = [
    {},
    { digest: two, view: 1 as View },
    { digest: two, sequence: 9 as SequenceNumber },
    { digest: two, replica: 2 as ReplicaId },
  ];
  for (const fields of others) assertEquals(contradicts("prepare", fields), false);
  assertEquals(contradicts("commit", { digest: two }), false);
  assertEquals(contradicts("prepare", { digest: two }), true);
});

Deno.test("a commit for another batch than the executed one is evidence too", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  ada.call(["x=1"]);
  cluster.runFor(1_000);
  const sequence = cluster.host(1).replica!.status().lastExecuted;
  cluster.deliver(1, signed(say("commit", { sequence, digest: two })));
  assertEquals(evidenceOf(cluster).map((text) => text.slice(0, 16)), [`commit of 3 at ${sequence}`]);
});

Deno.test("at most 8 contradictions of one replica are kept, and 64 in all", () => {
  const evidence = new Evidence();
  const add = (replica: number, sequence: number) =>
    evidence.add({
      first: signed(say("commit", { replica: replica as ReplicaId, sequence: sequence as SequenceNumber })),
      second: signed(
        say("commit", { replica: replica as ReplicaId, sequence: sequence as SequenceNumber, digest: two }),
      ),
    });
  assertEquals([1, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((sequence) => add(0, sequence)).filter(Boolean).length, 8);
  for (let replica = 1; replica < 20; replica++) {
    for (let sequence = 1; sequence < 20; sequence++) add(replica, sequence);
  }
  assertEquals(evidence.all().length, 64);
});

Deno.test("evidence takes up 4 MiB at most", () => {
  const evidence = new Evidence();
  const add = (view: number, bytes: number) => {
    const first = { ...signed(leave(view)), bytes: new Uint8Array(bytes) };
    return evidence.add({ first, second: { ...first, bytes: first.bytes.with(0, 1) } });
  };
  const MiB = 2 ** 20;
  assertEquals([add(1, MiB), add(2, MiB + 1), add(3, MiB), add(4, 1)], [true, false, true, false]);
  assertEquals(evidence.all().map(({ first }) => (first.message as ViewChange).view), [1, 3]);
});

Deno.test("a primary that gives one number to two batches is convicted by the certificates in the view-changes", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(100);
  cluster.crash(0);
  const [here, there] = [ada.request(["x=one"]), ada.request(["x=two"])];
  const sequence = (cluster.host(1).replica!.status().lastExecuted + 1) as SequenceNumber;
  const told = ([1, 2, 3] as const).map((to) => {
    const batch = batchOf(cluster.now, [to === 1 ? here : there]);
    const message = say("pre-prepare", { replica: 0 as ReplicaId, sequence, digest: batch.digest });
    cluster.deliver(to, signed(message), batch);
    return batch;
  });
  // The liar votes as well, so that the second batch prepares at the two that were told of it.
  for (const to of [2, 3]) {
    cluster.deliver(to, signed(say("prepare", { replica: 1 as ReplicaId, sequence, digest: told[to - 1]!.digest })));
  }
  cluster.submit(here);
  cluster.runUntil(() => evidenceOf(cluster, 1).length > 0, 10_000, "evidence");
  assertEquals(evidenceOf(cluster, 1)[0]!.slice(0, 21), `pre-prepare of 0 at ${sequence}`);
});

Deno.test("correct replicas give no evidence, whatever the network does", () => {
  const cluster = new Cluster({ seed: 3, loss: 0.2, doubling: 0.3, maxLatencyMs: 40 });
  const ada = new TestClient(cluster, 1).open();
  for (let i = 1; i <= 30; i++) {
    ada.call([`x=${i}`]);
    if (i % 10 === 0) cluster.crash(i % 4);
    if (i % 10 === 5) cluster.hosts.forEach(({ id, replica }) => replica || cluster.start(id));
  }
  assertEquals(cluster.hosts.map(({ id, replica }) => replica ? evidenceOf(cluster, id) : []), [[], [], [], []]);
});
