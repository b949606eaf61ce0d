/** Nobody leaves a view alone, and nobody stays alone in another. */
import { assert, assertEquals } from "@std/assert";
import { DEFAULT_SETTINGS } from "../../src/core/config.ts";
import type { ReplicaId, View } from "../../src/core/messages/ids.ts";
import type { GatewayRequest, Status, Suspicion } from "../../src/core/messages/messages.ts";
import { encodeOperation, KeyValue } from "../../src/machines/mod.ts";
import { plainOf, timersOf } from "../../src/node/storage/timers_record.ts";
import { TestClient } from "./_client.ts";
import { Cluster } from "./_cluster.ts";
import { show, signed, signedRequest, suspicionsOf } from "./_messages.ts";

const statusOf = (cluster: Cluster, id: number) => cluster.host(id).replica!.status();
const views = (cluster: Cluster) =>
  cluster.hosts.filter(({ replica }) => replica).map(({ id }) => statusOf(cluster, id).view as number);
const areTogether = (cluster: Cluster) => {
  const up = cluster.hosts.filter(({ replica }) => replica);
  return up.every(({ id }) =>
    statusOf(cluster, id).active && statusOf(cluster, id).view === statusOf(cluster, up[0]!.id).view
  );
};
/** A status of a replica that says it is leaving for this view. */
function claimOf(cluster: Cluster, to: number, replica: number, view: number) {
  const { lastExecuted: executed, lowWatermark: stable } = statusOf(cluster, to);
  const votes = { votesAbove: 0, challenge: 0, echo: 0, seen: 0, stages: [] };
  return { kind: "status", replica, view, phase: "leaving", stable, executed, ...votes };
}
const calm = (cluster: Cluster) => assertEquals(cluster.events.filter(({ event }) => event.kind === "view-change"), []);

Deno.test("a client that sends a request to the backups, and tells the primary that it gave the request up, does not get the primary replaced", () => {
  const cluster = new Cluster();
  const [ada, eve] = [1, 66].map((name) => new TestClient(cluster, name).open()) as [TestClient, TestClient];
  for (let t = 1; t < 10; t += 2) {
    cluster.submit(eve.request(["e=1"], { timestamp: t, lowestUnanswered: 1 }), [1, 2, 3]);
    cluster.submit(eve.request(["e=2"], { timestamp: t + 1, lowestUnanswered: t + 1 }), [0]);
    for (let i = 0; i < 20; i++) {
      ada.call([`x=${i}`]);
      cluster.runFor(80);
    }
    assertEquals(cluster.hosts.map(({ id }) => statusOf(cluster, id).pendingRequests), [0, 0, 0, 0]);
  }
  calm(cluster);
});

Deno.test("an operation sent through two gateways at once is answered by both, and stays pending at no replica", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(100); // the gateways know the agreed time
  const operations = [{ name: "bob", timestamp: 1, operation: new TextEncoder().encode("b=1") }];
  const vouched = (gateway: number) => {
    const notAfter = statusOf(cluster, gateway).agreedTime + 60_000 as GatewayRequest["notAfter"];
    return signedRequest<GatewayRequest>({
      kind: "gateway-request",
      gateway: gateway as ReplicaId,
      notAfter,
      operations,
    });
  };
  const [one, two] = [vouched(1), vouched(2)];
  cluster.submit(one, [1]);
  cluster.runUntil(() => cluster.host(0).machine.logs.has("b"), 1_000, "the primary has executed it");
  cluster.submit(two, [2]);
  for (let i = 0; i < 20; i++) {
    ada.call([`x=${i}`]);
    cluster.runFor(100);
  }
  cluster.submit(two); // as its gateway does after a second
  cluster.runFor(100);
  assertEquals([one, two].map(({ digest }) => cluster.accepted(digest)?.map(show)), [["ok 1"], ["ok 1"]]);
  assertEquals(cluster.hosts.map(({ machine }) => machine.logs.get("b")), [["1"], ["1"], ["1"], ["1"]]);
  assertEquals(cluster.hosts.map(({ id }) => statusOf(cluster, id).pendingRequests), [0, 0, 0, 0]);
  calm(cluster);
});

Deno.test("a liar with a correct replica's suspicion that was withdrawn long ago moves no replica", () => {
  const cluster = new Cluster({ checkpointInterval: 4 });
  const ada = new TestClient(cluster, 1).open();
  cluster.filter = (from, to) => from !== 3 && to !== 3;
  cluster.submit(ada.request(["y=1"]), [3]);
  cluster.runUntil(() => cluster.host(3).disk.suspicion !== undefined, 60_000, "3 suspects the primary");
  const { suspicion } = cluster.host(3).disk.suspicion!;
  cluster.filter = () => true;
  for (let i = 0; i < 30; i++) ada.call([`x=${i}`]);
  cluster.runFor(3_000);
  cluster.events.length = 0;
  const executed = statusOf(cluster, 0).lastExecuted;
  for (const to of [0, 1, 2]) {
    cluster.deliver(to, suspicion);
    for (const near of [suspicion.message.executed, executed]) {
      for (const own of suspicionsOf(1, [2], near)) if (to !== 2) cluster.deliver(to, own);
    }
  }
  cluster.runFor(1_000);
  calm(cluster);
});

Deno.test("a replica that recovers from a lost disk is in the others' view within a second, even if nothing else happens", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  for (let i = 0; i < 10; i++) ada.call([`x=${i}`]);
  for (let round = 0; round < 2; round++) {
    cluster.loseDisk(3);
    cluster.runUntil(() => !statusOf(cluster, 3).recovering, 120_000, "3 has recovered");
    cluster.runUntil(() => areTogether(cluster), 1_000, "all are in one view");
  }
  cluster.crash((statusOf(cluster, 0).view + 1) % 4 === 3 ? 1 : 0); // its vote is needed
  assertEquals(ada.call(["x=10"]).map(show), ["ok 11"]);
});

Deno.test("a primary that is asked to stop hands over within two round trips, without a timeout, to a replica that is up", () => {
  const cluster = new Cluster({ n: 7 });
  const ada = new TestClient(cluster, 1).open();
  cluster.crash(1); // the next in turn is dead
  cluster.runFor(5_000);
  for (let i = 0; i < 5; i++) ada.call([`x=${i}`]);
  const began = cluster.now;
  cluster.step(0, { kind: "hand-over" });
  cluster.runUntil(() => areTogether(cluster) && statusOf(cluster, 0).view > 0, 100, "the view has changed");
  assert(cluster.now - began < 30, `${cluster.now - began} ms`);
  assertEquals(new Set(views(cluster)), new Set([2]));
  assertEquals(
    new Set(cluster.events.flatMap(({ event }) => event.kind === "view-change" ? [event.why] : [])).has("suspected"),
    false,
  );
  cluster.crash(0);
  assertEquals(ada.call(["x=5"]).map(show), ["ok 6"]);
});

Deno.test("suspicions that were lost are repeated, and those about a view that has started are not", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.crash(0);
  cluster.filter = (_from, _to, { kind }) => kind !== "suspicion";
  const request = ada.request(["x=1"]);
  cluster.submit(request);
  cluster.runFor(2_000);
  assertEquals(views(cluster), [0, 0, 0]);
  cluster.filter = () => true;
  cluster.runUntil(() => cluster.accepted(request.digest) !== null, 3_000, "the others hear of them");
  const late: number[] = [];
  cluster.onStep = (host, _input, { messages }) =>
    void (messages.some(({ message }) => message.message.kind === "suspicion") && late.push(host.id));
  cluster.runFor(10_000);
  assertEquals(late, []);
});

Deno.test("a hand-over that a replica granted before it was stopped is as long ago as the clock says", () => {
  const cluster = new Cluster();
  new TestClient(cluster, 1).open();
  cluster.filter = () => false;
  const [said] = suspicionsOf(3, [3], statusOf(cluster, 1).lastExecuted);
  cluster.deliver(1, signed({ ...claimOf(cluster, 1, 3, 3), number: 1_000_000_000 } as never));
  cluster.deliver(1, signed({ ...said!.message, standing: "agrees" as const }));
  const { disk, replica } = cluster.host(1);
  const timers = timersOf(plainOf(replica!.timers()));
  disk.timers = timers;
  cluster.crash(1);
  cluster.runFor(40_000);
  cluster.start(1);
  const kept = cluster.host(1).replica!.timers().handOvers;
  assertEquals([kept.map(({ replica }) => replica as number), kept], [[3], timers.handOvers]);
});

Deno.test("who is asked to stop hands over nothing if it is no primary, is alone, waits for its view, or may not vote yet", () => {
  const cluster = new Cluster();
  new TestClient(cluster, 1).open();
  const handsOver = (id: number, of = cluster) => {
    const { records, messages } = of.step(id, { kind: "hand-over" });
    return records.some(({ kind }) => kind === "suspicion") || messages.length > 0;
  };
  assertEquals([1, 2, 3].map((id) => handsOver(id)), [false, false, false]);
  assertEquals(handsOver(0, new Cluster({ n: 1 })), false);
  cluster.filter = () => false;
  cluster.restart(0); // it asks the others what it has sent
  assertEquals(handsOver(0), false);
  for (const suspicion of suspicionsOf(1, [2, 3])) cluster.step(1, { kind: "suspicion", suspicion });
  assertEquals([statusOf(cluster, 1).primary, statusOf(cluster, 1).active], [1, false]);
  assertEquals(handsOver(1), false);
});

Deno.test("a replica that asks for hand-overs again and again gets one per half minute", () => {
  const cluster = new Cluster();
  new TestClient(cluster, 1).open();
  cluster.runFor(5_000);
  const liar = 3;
  cluster.crash(liar);
  const began = cluster.now;
  for (let i = 0; cluster.now < began + 60_000; i++) {
    const view = Math.max(...views(cluster)) + 1;
    for (const to of [0, 1, 2]) {
      for (const one of suspicionsOf(view, [liar])) {
        const message = {
          ...one.message,
          number: i + 1,
          standing: "agrees" as const,
          executed: statusOf(cluster, to).lastExecuted,
        };
        cluster.deliver(to, { ...one, message });
      }
    }
    cluster.runFor(100);
  }
  assert(Math.max(...views(cluster)) <= 3, `${views(cluster)}`);
});

for (const [n, f] of [[7, 2], [10, 3]] as const) {
  Deno.test(`${f} of ${n} that ask one correct replica after the other for a hand-over get no more of them than there are correct replicas`, () => {
    const cluster = new Cluster({ n, latencyMs: 2 });
    const ada = new TestClient(cluster, 1).open();
    const correct = Array.from({ length: n - f }, (_, id) => id);
    const liars = Array.from({ length: f }, (_, i) => n - 1 - i);
    cluster.filter = (from, _to, { kind }) => !liars.includes(from) || (kind !== "pre-prepare" && kind !== "suspicion");
    let number = Number.MAX_SAFE_INTEGER - 10_000;
    const say = (from: number, to: number, view: number) => {
      const { lastExecuted: executed } = statusOf(cluster, to);
      const one = { kind: "suspicion", replica: from, view, executed, number: ++number, standing: "agrees" };
      cluster.deliver(to, signed(one as never));
    };
    const claimToBeIn = (view: number, from: number, to: number) =>
      cluster.deliver(to, signed({ ...claimOf(cluster, to, from, view), number: ++number } as never));
    const pairs = liars.flatMap((liar) => correct.map((to) => [liar, to] as const));
    for (let i = 0; i < pairs.length; i++) {
      const [liar, first] = pairs[i % pairs.length]!;
      ada.call([`a=${i}`]);
      const { view } = statusOf(cluster, 0);
      const next = view + 1 + Array.from({ length: n }, (_, ahead) => (view + 1 + ahead) % n).indexOf(liar);
      claimToBeIn(next, liar, first);
      say(liar, first, next);
      cluster.runFor(3); // the others hear that the first one agrees
      for (const other of liars) for (const to of correct) if (to !== first || other !== liar) say(other, to, next);
      cluster.runFor(200);
    }
    const handed = cluster.events.filter(({ replica, event }) =>
      replica === 0 && event.kind === "view-change" && event.why === "handed-over"
    );
    assert(handed.length >= 1 && handed.length <= 2 * f + 1, `${handed.length} hand-overs`);
  });
}

for (const isKept of [true, false]) {
  Deno.test(`replicas that are started anew before each ask ${isKept ? "grant no more hand-overs, if their hosts store their timers" : "forget what they granted, if their hosts store no timers"}`, () => {
    const cluster = new Cluster({ latencyMs: 2 });
    const ada = new TestClient(cluster, 1).open();
    const [liar, correct] = [3, [0, 1, 2]];
    const number = Number.MAX_SAFE_INTEGER - 10_000;
    cluster.filter = (from, _to, { kind }) => from !== liar || (kind !== "pre-prepare" && kind !== "suspicion");
    for (let i = 1; i <= 6; i++) {
      ada.call([`a=${i}`]);
      cluster.runFor(100);
      for (const id of correct) {
        const { disk, replica } = cluster.host(id);
        if (isKept) disk.timers = timersOf(plainOf(replica!.timers()));
        cluster.crash(id);
        cluster.start(id);
      }
      cluster.runFor(100);
      const { view, lastExecuted } = statusOf(cluster, 0);
      const next = view + 1 + Array.from({ length: 4 }, (_, ahead) => (view + 1 + ahead) % 4).indexOf(liar);
      for (const { message } of suspicionsOf(next, [liar], lastExecuted)) {
        // It claims to be in that view already, and left behind there.
        for (const to of correct) {
          cluster.deliver(to, signed({ ...claimOf(cluster, to, liar, next), number: number + i } as never));
          cluster.deliver(to, signed({ ...message, number: number + i, standing: "agrees" as const }));
        }
      }
      cluster.runFor(300);
    }
    const handed = cluster.events.filter(({ replica, event }) =>
      replica === 0 && event.kind === "view-change" && event.why === "handed-over"
    );
    if (isKept) assertEquals(handed.length, 1);
    else assert(handed.length > 3, `${handed.length}`);
  });
}

for (
  const [n, liars, what] of [
    [4, [0], "orders nothing, and hands over to itself"],
    [7, [0, 1], "order nothing, and hand over to each other"],
    [7, [0, 1], "leave a client out, and hand over to each other"],
  ] as const
) {
  Deno.test(`${liars.length} of ${n} that ${what} again and again can't keep a request waiting for long`, () => {
    const cluster = new Cluster({ n, seed: 3 });
    const [ada, eve] = [1, 2].map((name) => new TestClient(cluster, name).open()) as [TestClient, TestClient];
    const isSilent = what.startsWith("order");
    const isLiar = (id: number) => (liars as readonly number[]).includes(id);
    cluster.filter = (from, to, message) => {
      const isVictims = message.kind === "request" && message.client === ada.id;
      return !(isSilent && isLiar(from) && message.kind === "pre-prepare") && !(isVictims && isLiar(to));
    };
    const correct = cluster.hosts.map(({ id }) => id).filter((id) => !isLiar(id));
    const request = ada.request(["a=1"]);
    const began = cluster.now;
    for (let i = 0; cluster.accepted(request.digest) === null; i++) {
      assert(cluster.now < began + 15_000, `view ${statusOf(cluster, 3).view} after ${cluster.now - began} ms`);
      if (i % 10 === 0) cluster.submit(request, correct);
      if (!isSilent) cluster.submit(eve.request([`e=${i}`]));
      const { view, active, lastExecuted: executed } = statusOf(cluster, 3);
      // Before anybody would suspect it.
      if (active && isLiar(view % n) && i % (isSilent ? 6 : 30) === 5) {
        const next = n === 4 ? view + 4 : view % n === 0 ? view + 1 : view + 6;
        for (const { message } of suspicionsOf(next, [view % n], executed)) {
          const asking = { ...message, number: 1_000 + i, standing: "agrees" as const };
          for (const to of correct) cluster.deliver(to, signed(asking));
        }
      }
      cluster.runFor(50);
    }
  });
}

Deno.test("a liar that says it was left behind, and as primary orders nothing, is granted hand-overs less and less often", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  const [liar, correct] = [3, [0, 1, 2]];
  cluster.filter = (from, _to, message) => !(from === liar && message.kind === "pre-prepare");
  const began = cluster.now;
  for (let i = 0; cluster.now < began + 300_000; i++) {
    ada.call([`a=${i}`]);
    const { view, lastExecuted: executed } = statusOf(cluster, 0);
    const own = Array.from({ length: 4 }, (_, n) => view + 1 + n).find((next) => next % 4 === liar)!;
    for (const { message } of [...suspicionsOf(own + 1, [liar], executed), ...suspicionsOf(own, [liar], executed)]) {
      const standing = message.view === own ? "agrees" as const : "suspects" as const;
      const said = signed({ ...message, standing, number: 1_000 + 2 * i + (message.view === own ? 1 : 0) });
      for (const to of correct) cluster.deliver(to, said);
    }
    cluster.runFor(1_000);
  }
  // One per half minute would make ten, each with a view that fails.
  const failed = cluster.events.filter(({ replica, event }) =>
    replica === 0 && event.kind === "view-change" && event.why !== "handed-over"
  );
  assert(failed.length >= 2 && failed.length <= 5, `${failed.length} views have failed`);
});

for (const says of ["suspects", "agrees"] as const) {
  Deno.test(`a replica that left alone is joined, however far the others went on since it last announced that it ${says}`, () => {
    const cluster = new Cluster({ checkpointInterval: 4 });
    const ada = new TestClient(cluster, 1).open();
    const said = () => cluster.host(3).disk.suspicion?.suspicion.message;
    const beyond = (executed: number) => executed + 2 * statusOf(cluster, 0).highWatermark;
    const goOn = (to: number) => {
      for (let i = statusOf(cluster, 0).lastExecuted; i < to; i++) ada.call([`x=${i}`]);
    };
    cluster.filter = (from, to) => from !== 3 && to !== 3;
    cluster.submit(ada.request(["y=1"]), [3]);
    cluster.runUntil(() => said() !== undefined, 60_000, "3 suspects the primary");
    cluster.deliver(3, suspicionsOf(1, [2], said()!.executed)[0]!);
    assertEquals(statusOf(cluster, 3).view, 1);
    const isOfLeaving = (kind: string) => kind === "suspicion" || kind === "view-change";
    cluster.filter = (from, to, { kind }) =>
      says === "agrees" ? from !== 3 || !isOfLeaving(kind) : from !== 3 && to !== 3;
    goOn(beyond(said()!.executed));
    if (says === "agrees") {
      cluster.runUntil(() => said()!.standing === "agrees", 60_000, "3 asks the others to come");
      goOn(beyond(said()!.executed));
    }
    assertEquals(said()!.standing, says);
    cluster.filter = () => true;
    cluster.crash(2); // so that its vote is needed
    assertEquals(ada.call(["z=1"]).map(show), ["ok 1"]);
    assert(areTogether(cluster));
  });
}

Deno.test("a replica whose own store is slow waits for its primary as long as the commits take, and no longer", () => {
  const whenSuspected = (commitMs: number) => {
    const cluster = new Cluster();
    const ada = new TestClient(cluster, 1).open();
    cluster.filter = () => false;
    const began = cluster.now;
    cluster.submit(ada.request(["x=1"]), [1]);
    cluster.runFor(10); // what already runs is given more time as well
    if (commitMs > 0) cluster.step(1, { kind: "store-pace", commitMs });
    cluster.runUntil(() => cluster.host(1).disk.suspicion !== undefined, 600_000, "1 suspects the primary");
    return cluster.now - began;
  };
  const usual = whenSuspected(0);
  assertEquals(whenSuspected(1), usual);
  const slow = whenSuspected(1_000);
  assert(slow >= 6_000 && slow < 6_000 + usual, `${slow} ms, else ${usual} ms`);
  assert(whenSuspected(1_000_000) <= 64 * usual + 1_000);
});

Deno.test("a replica that is started anew for each message, and reads and executes again what it had, suspects a dead primary all the same", () => {
  const cluster = new Cluster({ machine: () => new KeyValue() });
  const set = (value: string) => new TextDecoder().decode(encodeOperation({ op: "set", key: "x", value }));
  const ada = new TestClient(cluster, 1).open();
  for (let i = 0; i < 12; i++) ada.call([set(`${i}`)]);
  cluster.runFor(1_000);
  const { lastExecuted, lowWatermark } = statusOf(cluster, 1);
  assert(lowWatermark > 0 && lastExecuted > lowWatermark);
  cluster.crash(0);
  const request = ada.request([set("later")]);
  cluster.filter = () => false;
  const loads: number[] = [];
  cluster.onStep = ({ id }, _input, ready) => void (id === 1 && ready.loads.length > 0 && loads.push(cluster.now));
  for (let starts = 1; cluster.host(1).disk.suspicion === undefined; starts++) {
    assert(starts < 100, "1 suspects the primary");
    const { disk, replica } = cluster.host(1);
    disk.timers = replica!.timers();
    cluster.crash(1);
    cluster.start(1);
    cluster.submit(request, [1]);
    cluster.runFor(100);
    assert(loads.length >= starts, "it reads at each start");
    assertEquals(statusOf(cluster, 1).lastExecuted, lastExecuted);
  }
});

Deno.test("a liar that asks for a hand-over again and again does not make a replica that suspects its primary sign, store and send each time", () => {
  const [lies, everyMs] = [200, 10];
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(500);
  // Replica 2 suspects its primary, and nobody else does.
  cluster.filter = (from, to) => from !== 2 && to !== 2;
  cluster.submit(ada.request(["x=1"]), [2]);
  cluster.runFor(3_000);
  const own = () => cluster.host(2).disk.suspicion!.suspicion.message;
  assertEquals([own().view, own().standing], [1 as View, "suspects"]);
  let stored = 0;
  cluster.onStep = (host, _input, { records }) => {
    if (host.id === 2) stored += records.filter(({ kind }) => kind === "suspicion").length;
  };
  const claim = claimOf(cluster, 2, 3, 5);
  cluster.deliver(2 as ReplicaId, signed({ ...claim, number: 10_000_000 } as unknown as Status));
  const { executed } = own();
  for (let i = 0; i < lies; i++) {
    cluster.deliver(
      2 as ReplicaId,
      signed<Suspicion>({
        kind: "suspicion",
        replica: 3 as ReplicaId,
        view: 2 as View,
        executed,
        number: 1_000 + i,
        standing: "agrees",
      }),
    );
    cluster.runFor(everyMs);
  }
  // It agrees, as the one that asks may be needed, and suspects again: both once per interval in which a correct replica asks.
  const most = 2 * Math.ceil(lies * everyMs / DEFAULT_SETTINGS.statusIntervalMs);
  assert(stored >= 2 && stored <= most, `${stored} announcements for ${lies} lies`);
  assertEquals([own().view, own().standing], [1 as View, "suspects"]);
});
