/** What a replica that starts has the others tell it: what it said, signed by itself. What an old copy of a store does is in tests/node/old_copy_test.ts. */
import { assert, assertEquals } from "@std/assert";
import type { ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type {
  NewView,
  PrePrepare,
  Signed,
  Status,
  Suspicion,
  Verified,
  ViewChange,
} from "../../src/core/messages/messages.ts";
import { TestClient } from "./_client.ts";
import { Cluster } from "./_cluster.ts";
import { batchOf, show, signed, suspicionsFor, suspicionsOf } from "./_messages.ts";

const statusOf = (cluster: Cluster, id: number) => cluster.host(id).replica!.status();
const isAsking = (cluster: Cluster, id: number) => statusOf(cluster, id).isAsking ?? false;
const told = (cluster: Cluster, kind: string) => cluster.events.filter(({ event }) => event.kind === kind);
const LATENCY_MS = 10;
const ROUND_TRIP_MS = 2 * LATENCY_MS;

/** Counts what is sent. */
function countMessages(cluster: Cluster): () => number {
  let count = 0;
  cluster.onStep = (_host, _input, { messages }) => void (count += messages.length);
  return () => count;
}

for (const n of [4, 7, 13]) {
  Deno.test(`n = ${n}: a primary that is killed and restarted at once votes after one round trip and stays the primary`, () => {
    const cluster = new Cluster({ n, latencyMs: LATENCY_MS });
    const ada = new TestClient(cluster, 1).open();
    ada.call(["x=1"]);
    cluster.restart(0);
    assert(isAsking(cluster, 0));
    cluster.runFor(ROUND_TRIP_MS);
    assert(!isAsking(cluster, 0));
    assertEquals(ada.call(["x=2"]).map(show), ["ok 2"]);
    assertEquals([told(cluster, "suspicion"), told(cluster, "view-change"), told(cluster, "old-copy")], [[], [], []]);
  });

  Deno.test(`n = ${n}: after a power loss of all replicas they vote within a status interval, in whatever order they start`, () => {
    const cluster = new Cluster({ n, latencyMs: LATENCY_MS });
    const ada = new TestClient(cluster, 1).open();
    ada.call(["x=1"]);
    for (const { id } of cluster.hosts) cluster.crash(id);
    const sent = countMessages(cluster);
    for (const { id } of [...cluster.hosts].reverse()) {
      cluster.start(id, true);
      cluster.runFor(7);
    }
    cluster.runFor(3 * ROUND_TRIP_MS);
    assertEquals(cluster.hosts.filter(({ id }) => isAsking(cluster, id)), []);
    assert(sent() < 12 * n * n, `${sent()} messages`);
    assertEquals(ada.call(["x=2"]).map(show), ["ok 2"]);
    assertEquals(told(cluster, "old-copy"), []);
  });
}

Deno.test("n = 1: a replica alone asks nobody at its start", () => {
  const cluster = new Cluster({ n: 1 });
  const ada = new TestClient(cluster, 1).open();
  ada.call(["x=1"]);
  cluster.restart(0);
  assert(!isAsking(cluster, 0));
  assertEquals(ada.call(["x=2"]).map(show), ["ok 2"]);
});

Deno.test("two replicas that start while the other two are down ask them for hours at a low rate, and vote as soon as one of them is back", () => {
  const cluster = new Cluster({ latencyMs: LATENCY_MS });
  const ada = new TestClient(cluster, 1).open();
  ada.call(["x=1"]);
  for (const id of [0, 1, 2, 3]) cluster.crash(id);
  for (const id of [2, 3]) cluster.start(id, true);
  const sent = countMessages(cluster);
  cluster.submit(ada.request(["x=2"]), [2, 3]);
  cluster.runFor(3_600_000);
  assert(isAsking(cluster, 2) && isAsking(cluster, 3));
  assert(sent() < 8 * 3_600_000 / 2_000, `${sent()} messages in an hour`);
  cluster.start(1, true);
  cluster.runFor(3 * ROUND_TRIP_MS);
  assertEquals([1, 2, 3].map((id) => isAsking(cluster, id)), [false, false, false]);
  cluster.runUntil(
    () => cluster.host(1).machine.logs.get("x")?.length === 2,
    60_000,
    "what was asked for meanwhile is executed",
  );
  cluster.start(0, true);
  assertEquals(ada.call(["x=3"]).map(show), ["ok 3"]);
});

Deno.test("a replica that waits for answers at its start neither suspects, nor agrees, nor leaves a view; then it joins the others' view", () => {
  for (const others of ["leave", "suspect", "start the view"] as const) {
    const cluster = new Cluster({ latencyMs: LATENCY_MS });
    const ada = new TestClient(cluster, 1).open();
    ada.call(["x=1"]);
    const said: string[] = [];
    cluster.onStep = (host, _input, { messages }) => {
      if (host.id === 3) {
        for (const { message: { message } } of messages) {
          if (!["status", "request"].includes(message.kind)) said.push(message.kind);
        }
      }
    };
    cluster.filter = (_from, to, { kind }) => to !== 3 || kind !== "status";
    cluster.restart(3);
    cluster.submit(ada.request(["x=2"]), [3]);
    cluster.runFor(5_000);
    if (others === "suspect") { for (const one of suspicionsOf(1, [1, 2], 2)) cluster.deliver(3, one); }
    else cluster.crash(0);
    if (others !== "suspect") {
      const isReached = (id: number) => statusOf(cluster, id).view >= 1;
      cluster.filter = (from, to, { kind }) => {
        if (to === 3 && kind === "status") return false;
        return others === "start the view" || kind !== "view-change" || to === 3 || from === 3;
      };
      for (const id of [1, 2]) cluster.deliver(id, suspicionsFor(1, 2)[0]!);
      for (const id of [1, 2]) for (const one of suspicionsOf(1, [0, 3], 2)) cluster.deliver(id, one);
      cluster.runUntil(() => isReached(1) && isReached(2), 60_000, "the others have left");
      cluster.runFor(1_000);
    }
    assert(isAsking(cluster, 3));
    assertEquals(said, [], others);
    cluster.filter = () => true;
    cluster.runUntil(() => !isAsking(cluster, 3), 5_000, "it votes again");
    cluster.runUntil(() => statusOf(cluster, 3).view >= 1, 1_000, `it is where the others are, who ${others}`);
    if (others === "suspect") continue;
    assertEquals(ada.call(["x=3"]).length, 1);
  }
});

Deno.test("an own suspicion that the replica does not know gives it the next number, and is no sign of an old copy", () => {
  const cluster = new Cluster({ latencyMs: LATENCY_MS });
  new TestClient(cluster, 1).open().call(["x=1"]);
  const [said] = suspicionsOf(9, [3], 2);
  for (const id of [0, 1, 2]) cluster.deliver(id, said!);
  cluster.restart(3);
  cluster.runFor(ROUND_TRIP_MS);
  assert(!isAsking(cluster, 3));
  const { suspicion, furthest } = cluster.host(3).disk.suspicion!;
  assertEquals([(suspicion.message as Suspicion).number, furthest], [9, 9 as View]);
  assertEquals(told(cluster, "old-copy"), []);
});

Deno.test("an own view-change in the new-view of an unknown view is a sign of an old copy", () => {
  const cluster = new Cluster({ latencyMs: LATENCY_MS });
  const leave = (replica: number) => {
    const proof = suspicionsFor(1);
    const message = {
      kind: "view-change",
      replica: replica as ReplicaId,
      view: 1 as View,
      stable: [],
      prepared: [],
      suspicions: proof,
    };
    return signed<ViewChange>(message as ViewChange);
  };
  const newViewOf = (replicas: readonly number[]) => {
    const viewChanges = replicas.map(leave);
    return signed<NewView>({
      kind: "new-view",
      replica: 1 as ReplicaId,
      view: 1 as View,
      viewChanges,
      prePrepares: [],
    });
  };
  const [without, withIt] = [newViewOf([0, 1, 2]), newViewOf([1, 2, 3])];
  for (const [newView, isOld] of [[without, false], [withIt, true]] as const) {
    const { events } = new Cluster().step(3, { kind: "new-view", newView });
    assertEquals(events.filter(({ kind }) => kind === "old-copy").length, isOld ? 1 : 0);
  }
  // Who has left for it knows it.
  for (const one of suspicionsOf(1, [0, 1])) cluster.deliver(3, one);
  assertEquals(statusOf(cluster, 3).view, 1 as View);
  assertEquals(
    cluster.step(3, { kind: "new-view", newView: withIt }).events.filter(({ kind }) => kind === "old-copy"),
    [],
  );
});

Deno.test("pre-prepares that a new primary signed with its new-view, beyond its own window, are no sign of an old copy", () => {
  const cluster = new Cluster({ latencyMs: LATENCY_MS });
  const ada = new TestClient(cluster, 1).open();
  cluster.filter = (_from, to) => to !== 1;
  for (let i = 0; i < 20; i++) ada.call([`x=${i}`]);
  // Of the last number there is a prepared certificate, and no decision.
  cluster.filter = (_from, to, { kind }) => to !== 1 && kind !== "commit";
  cluster.submit(ada.request(["x=last"]), [0, 2, 3]);
  cluster.runFor(4 * LATENCY_MS);
  cluster.crash(0);
  cluster.filter = (_from, to, { kind }) => to !== 1 || kind === "suspicion" || kind === "view-change";
  const proof = suspicionsOf(1, [2, 3], 22);
  for (const id of [1, 2, 3]) for (const one of proof) cluster.deliver(id, one);
  cluster.runUntil(
    () => statusOf(cluster, 1).active && statusOf(cluster, 2).view === 1,
    5_000,
    "1 has started the view",
  );
  cluster.runFor(ROUND_TRIP_MS);
  cluster.filter = () => true;
  cluster.restart(1);
  cluster.runUntil(() => !isAsking(cluster, 1), 5_000, "1 votes");
  cluster.runFor(2_000);
  assertEquals(told(cluster, "old-copy"), []);
});

Deno.test("an own pre-prepare that the replica does not know is a sign of an old copy", () => {
  const cluster = new Cluster({ latencyMs: LATENCY_MS });
  const batch = batchOf(0, []);
  const message = {
    kind: "pre-prepare",
    view: 0 as View,
    sequence: 3 as SequenceNumber,
    digest: batch.digest,
  } as const;
  const by = (replica: number) => signed<PrePrepare>({ ...message, replica: replica as ReplicaId });
  assertEquals(cluster.step(1, { kind: "pre-prepare", prePrepare: by(1), batch }).events.map(({ kind }) => kind), [
    "discarded",
  ], "which it never says");
  const { events } = cluster.step(0, { kind: "pre-prepare", prePrepare: by(0), batch });
  assertEquals(events.map(({ kind }) => kind), ["old-copy", "discarded"]);
  assert(statusOf(cluster, 0).recovering);
});

for (const what of ["asks the others what it has sent", "finds that its store is an old copy"]) {
  Deno.test(`a replica that ${what} sends no commit, also for what it had accepted`, () => {
    const cluster = new Cluster({ latencyMs: 2 });
    const ada = new TestClient(cluster, 1).open();
    cluster.runFor(100);
    const last = cluster.host(3).replica!.status().lastExecuted;
    // 3 has accepted the next number, and sees no prepares.
    cluster.filter = (_from, to, { kind }) =>
      to !== 3 || (kind !== "prepare" && kind !== "commit" && kind !== "decision");
    const request = ada.request(["x=1"]);
    cluster.submit(request);
    cluster.runFor(10);
    assertEquals(cluster.host(3).replica!.status().slots.at(-1)?.stage, "pre-prepared");
    let commits = 0;
    cluster.filter = (from, to, { kind }) => {
      if (from === 3 && kind === "commit") commits++;
      return to !== 3 || kind === "prepare";
    };
    cluster.crash(3);
    cluster.start(3, what.startsWith("asks"));
    if (what.startsWith("finds")) {
      const unknown = { kind: "commit", replica: 3, view: 0, sequence: last + 2, digest: "0".repeat(64) };
      cluster.deliver(3, { message: unknown, bytes: new Uint8Array(), signature: new Uint8Array() } as never);
    }
    for (const replica of [1, 2]) {
      const slot = cluster.host(replica).disk.accepted.get(last + 1)!.prePrepare.message;
      cluster.deliver(
        3,
        {
          message: { ...slot, kind: "prepare", replica },
          bytes: new Uint8Array(),
          signature: new Uint8Array(),
        } as never,
      );
    }
    assertEquals(commits, 0);
    cluster.filter = () => true;
    cluster.crash(2); // so that its vote is needed
    if (what.startsWith("asks")) {
      ada.call(["x=2"]);
      cluster.runFor(3_000);
      cluster.assertAlike();
    }
  });
}

Deno.test("a liar that returns to a replica what this one has answered it does not make it count on with numbers that nobody takes", () => {
  const cluster = new Cluster({ latencyMs: LATENCY_MS });
  const ada = new TestClient(cluster, 1).open();
  ada.call(["x=1"]);
  cluster.crash(2); // the liar
  const claim = {
    kind: "status",
    replica: 2,
    view: 0,
    phase: "active",
    stable: 0,
    executed: 1,
    votesAbove: 0,
    echo: 0,
  };
  const said: Signed[] = [];
  cluster.onStep = (host, _input, { messages }) => {
    if (host.id === 3) said.push(...messages.filter(({ to }) => to === 2).map(({ message }) => message));
  };
  // The others are heard only after the liar.
  cluster.filter = () => false;
  cluster.restart(3);
  for (const number of [Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER]) {
    const lie = signed({ ...claim, number, challenge: 1, seen: number, stages: [] } as unknown as Status);
    cluster.deliver(3 as ReplicaId, lie);
    assert(said.length > 0, "the liar is answered");
    for (const own of said.splice(0)) cluster.deliver(3 as ReplicaId, own as Verified<Signed<Status>>);
  }
  cluster.filter = () => true;
  cluster.runUntil(() => !isAsking(cluster, 3), 5_000, "the replica votes");
  assertEquals(ada.call(["x=2"]).map(show), ["ok 2"]);
});

Deno.test("a replica votes again, though another instance on its store, which is gone, has told one of the others higher numbers", () => {
  const cluster = new Cluster({ latencyMs: LATENCY_MS });
  const ada = new TestClient(cluster, 1).open();
  ada.call(["x=1"]);
  cluster.crash(0);
  cluster.restart(3);
  const later = {
    kind: "status",
    replica: 3,
    number: cluster.now + 3_000,
    view: 0,
    phase: "active",
    stable: 0,
    executed: 1,
    votesAbove: 0,
    challenge: 0,
    echo: 0,
    seen: 0,
    stages: [],
  } as unknown as Status;
  cluster.deliver(1 as ReplicaId, signed(later));
  cluster.runUntil(() => !isAsking(cluster, 3), 30_000, "it has enough answers");
  assertEquals(ada.call(["x=2"]).map(show), ["ok 2"]);
});

Deno.test("what draws only the highest number is no answer: a status with a used number has no own messages returned", () => {
  const cluster = new Cluster({ latencyMs: LATENCY_MS });
  const status = {
    kind: "status",
    replica: 3,
    number: 7,
    view: 0,
    phase: "active",
    stable: 0,
    executed: 0,
    votesAbove: 0,
    challenge: 5,
    echo: 0,
    seen: 0,
    stages: [],
  } as unknown as Status;
  const answers = () => {
    const { messages } = cluster.step(1, { kind: "status", status: signed(status) });
    return messages.flatMap(({ to, message: { message } }) => to === 3 && message.kind === "status" ? [message] : []);
  };
  assertEquals(answers().map(({ echo }) => echo as number), [5]);
  const [reminder, ...more] = answers();
  assertEquals([reminder?.echo, reminder?.challenge, reminder?.seen, more] as unknown[], [0, 0, 7, []]);
});
