import { assert, assertEquals } from "@std/assert";
import type { Digest, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type {
  Checkpoint,
  Commit,
  Message,
  Prepare,
  PrePrepare,
  Signed,
  Status,
  Verified,
  ViewChange,
} from "../../src/core/messages/messages.ts";
import type { MessageInput } from "../../src/core/io.ts";
import { TestClient } from "./_client.ts";
import { Cluster } from "./_cluster.ts";
import { batchOf, show, signed, suspicionsFor, suspicionsOf } from "./_messages.ts";

const VOTES = ["pre-prepare", "prepare", "commit", "checkpoint", "view-change", "new-view"];

function recovering(cluster: Cluster, id: number): boolean {
  return cluster.host(id).replica!.status().recovering;
}

/** Runs until the replica votes again, and returns the votes that it signed before. */
function votesUntilRecovered(cluster: Cluster, id: number, limitMs = 120_000): string[] {
  const votes: string[] = [];
  cluster.filter = (from, _to, message) => {
    if (
      from === id && recovering(cluster, id) && VOTES.includes(message.kind) && (message as PrePrepare).replica === id
    ) {
      votes.push(message.kind);
    }
    return true;
  };
  cluster.runUntil(() => !recovering(cluster, id), limitMs, `replica ${id} votes again`);
  return votes;
}

/** What one of the others says of itself to the replica `id`, which has lost its disk. */
function reportTo(
  cluster: Cluster,
  id: number,
  fields: Partial<Record<keyof Status, number>> & { readonly replica: number },
): Verified<Signed<Status>> {
  return reportOf({ echo: cluster.host(id).disk.lostDisk!.challenge, ...fields });
}

function reportOf(fields: Partial<Record<keyof Status, number>>): Verified<Signed<Status>> {
  const message = { kind: "status", view: 0, stable: 0, executed: 0, votesAbove: 0, challenge: 0, echo: 0, stages: [] };
  return signed({ ...message, ...fields } as unknown as Status);
}

Deno.test("in an idle cluster a replica that lost its disk sends no votes, fetches the state, and then votes again", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  for (let i = 1; i <= 30; i++) ada.call([`x=${i}`]);
  cluster.loseDisk(3);
  assertEquals(votesUntilRecovered(cluster, 3), []);
  assertEquals(ada.call(["x=31"]).map(show), ["ok 31"]);
  cluster.runFor(5_000);
  cluster.assertAlike();
  cluster.crash(1); // now its vote is needed
  assertEquals(ada.call(["x=32"]).map(show), ["ok 32"]);
});

Deno.test("a primary that lost its disk is replaced and recovers", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  for (let i = 1; i <= 5; i++) ada.call([`x=${i}`]);
  cluster.loseDisk(0);
  assertEquals(ada.call(["x=6"]).map(show), ["ok 6"]);
  assertEquals(votesUntilRecovered(cluster, 0), []);
  cluster.runFor(5_000);
  cluster.assertAlike();
});

Deno.test("a replica recovers a lost disk under load too, with a restart during the recovery", () => {
  const cluster = new Cluster({ loss: 0.05, maxLatencyMs: 20 });
  const ada = new TestClient(cluster, 1).open();
  for (let i = 1; i <= 10; i++) ada.call([`x=${i}`]);
  cluster.loseDisk(2);
  for (let i = 11; i <= 14; i++) ada.call([`x=${i}`]);
  if (recovering(cluster, 2)) {
    cluster.crash(2);
    cluster.start(2);
    assert(recovering(cluster, 2), "a restart does not make it forget that it has forgotten");
  }
  for (let i = 15; i <= 60; i++) ada.call([`x=${i}`]);
  cluster.runUntil(() => !recovering(cluster, 2), 60_000);
  cluster.runFor(5_000);
  cluster.assertAlike();
});

Deno.test("a replica that lost its disk asks again at each interval under load, until it is answered", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  for (let i = 1; i <= 10; i++) ada.call([`x=${i}`]);
  cluster.loseDisk(3);
  let asked = 0;
  cluster.filter = (from, to, message) => {
    if (from === 3 && message.kind === "status" && (message as Status).challenge > 0) asked++;
    return to !== 3 || message.kind !== "status";
  };
  for (let i = 11; i <= 500; i++) ada.call([`x=${i}`]);
  assert(cluster.host(3).replica!.status().lastExecuted > 100, "it executes what the others decide");
  assert(asked > 3 * 3, `asked ${asked} times`);
});

Deno.test("a replica that lost its disk never votes again at a number in which it may have voted", () => {
  const cluster = new Cluster();
  new TestClient(cluster, 1).open();
  cluster.runFor(100);
  const sequence = (cluster.host(3).replica!.status().lastExecuted + 1) as SequenceNumber;
  const propose = (value: string) => {
    const batch = batchOf(cluster.now, [new TestClient(cluster, 9).request([`x=${value}`])]);
    const message = {
      kind: "pre-prepare" as const,
      replica: 0 as ReplicaId,
      view: 0 as View,
      sequence,
      digest: batch.digest,
    };
    return cluster.step(3, { kind: "pre-prepare", prePrepare: signed<PrePrepare>(message), batch }).messages.map((
      { message: m },
    ) => m.message.kind);
  };
  cluster.filter = () => false;
  assertEquals(propose("one"), ["prepare"]);
  cluster.loseDisk(3);
  assertEquals(propose("two"), []);
});

Deno.test("a replica that lost its disk does not repeat a vote of its earlier life that somebody gives it back", () => {
  const cluster = new Cluster();
  new TestClient(cluster, 1).open();
  cluster.runFor(100);
  const sequence = (cluster.host(3).replica!.status().lastExecuted + 1) as SequenceNumber;
  cluster.filter = () => false;
  cluster.loseDisk(3);
  const batch = batchOf(cluster.now, [new TestClient(cluster, 9).request(["x=one"])]);
  const place = { view: 0 as View, sequence, digest: batch.digest };
  const prePrepare = signed<PrePrepare>({ kind: "pre-prepare", replica: 0 as ReplicaId, ...place });
  cluster.step(3, { kind: "pre-prepare", prePrepare, batch });
  const vote = { replica: 3 as ReplicaId, ...place };
  // A host that keeps inputs has kept them, and gives them back at the next start.
  const kept: MessageInput[] = [
    { kind: "prepare", prepare: signed<Prepare>({ kind: "prepare", ...vote }) },
    { kind: "commit", commit: signed<Commit>({ kind: "commit", ...vote }) },
  ];
  const refused = kept.map((input) => cluster.step(3, input).events.filter(({ kind }) => kind === "discarded"));
  assertEquals(refused.flat().map((event) => "reason" in event && event.reason), ["unknown-own", "unknown-own"]);
  cluster.step(3, { kind: "start", kept });
  const status = reportTo(cluster, 3, { replica: 1, number: 2 ** 40 });
  const { messages } = cluster.step(3, { kind: "status", status });
  const sent = messages.map(({ message: { message } }) => message).filter((message) =>
    "replica" in message && message.replica === 3
  );
  assertEquals(sent.map(({ kind }) => kind).filter((kind) => VOTES.includes(kind)), []);
});

Deno.test("the bound counts only if enough others are at or below it, and enough have executed as far", () => {
  const cluster = new Cluster({ n: 7 }); // f = 2: the one that lost its disk, and a liar
  cluster.filter = () => false;
  cluster.loseDisk(6);
  const report = (replica: number, stable: number, executed = stable) => {
    cluster.step(6, { kind: "status", status: reportTo(cluster, 6, { replica, stable, executed }) });
    return cluster.host(6).disk.lostDisk?.bound;
  };
  assertEquals([report(0, 800), report(1, 0, 9), report(2, 8), report(3, 8, 10)], [null, null, null, null]);
  assertEquals(report(4, 0, 7), null, "four of the others must be at or below it");
  assertEquals(report(5, 0, 8), 8 + 16);
});

Deno.test("the bound follows from the checkpoints that the others have taken, even if they do not know that these are stable", () => {
  const cluster = new Cluster(); // K = 8, L = 16: at 8 all have signed a checkpoint, and only the one that lost its disk had the quorum
  cluster.filter = () => false;
  cluster.loseDisk(3);
  for (const replica of [0, 1, 2]) {
    cluster.step(3, { kind: "status", status: reportTo(cluster, 3, { replica, stable: 0, executed: 9 }) });
  }
  assertEquals(cluster.host(3).disk.lostDisk?.bound as number, 8 + 16, "it may have voted up to here");
});

Deno.test("a replica can't make the others fill the log again and again", () => {
  const cluster = new Cluster();
  cluster.runFor(3_000);
  const ask = (votesAbove: number) => {
    cluster.step(0, { kind: "status", status: reportOf({ replica: 3, votesAbove }) });
    cluster.runFor(2_000);
    return cluster.host(0).replica!.status().lastExecuted;
  };
  assertEquals(ask(1_000) as number, 0, "not beyond the window");
  assertEquals(ask(8) as number, 8);
  assertEquals(ask(16) as number, 8, "not again so soon");
  cluster.runFor(30_000);
  assertEquals(ask(16) as number, 16);
});

Deno.test("in an idle cluster a primary that does not fill the log for a replica that lost its disk is replaced", () => {
  const cluster = new Cluster({ n: 7 }); // f = 2: the one that lost its disk, and the primary
  const ada = new TestClient(cluster, 1).open();
  for (let i = 1; i <= 3; i++) ada.call([`x=${i}`]);
  cluster.loseDisk(6);
  cluster.filter = (from, _to, message) => from !== 0 || message.kind !== "pre-prepare";
  cluster.runUntil(() => !recovering(cluster, 6), 120_000, "6 votes again");
  assert(cluster.host(1).replica!.status().view > 0);
  assertEquals(ada.call(["x=4"]).map(show), ["ok 4"]);
});

Deno.test("in an idle cluster a primary that lost its disk, and so can't fill the log, is replaced and recovers", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  for (let i = 1; i <= 3; i++) ada.call([`x=${i}`]);
  cluster.loseDisk(0);
  assertEquals(votesUntilRecovered(cluster, 0), []);
  cluster.runFor(5_000);
  cluster.assertAlike();
});

Deno.test("a replica that asks only the backups for log filling, or asks too soon, gets it late; the primary is not replaced for it", () => {
  const cluster = new Cluster();
  cluster.runFor(3_000);
  const ask = (to: readonly number[], votesAbove: number) => {
    for (const id of to) {
      cluster.step(id, { kind: "status", status: reportOf({ replica: 3, votesAbove }) });
    }
  };
  const executed = () => cluster.host(1).replica!.status().lastExecuted;
  ask([0], 8);
  cluster.runUntil(() => executed() === 8, 5_000, "the log is filled");
  ask([1, 2], 16);
  cluster.runFor(5_000);
  assertEquals(executed() as number, 8, "the primary has done so for it just now");
  cluster.runUntil(() => executed() === 16, 35_000, "it is told by the backups");
  cluster.runFor(120_000);
  assertEquals(cluster.hosts.map(({ replica }) => replica!.status().view as number), [0, 0, 0, 0]);
});

Deno.test("a replica that votes again moves to the view for which f + 1 others have left meanwhile", () => {
  const cluster = new Cluster();
  new TestClient(cluster, 1).open();
  cluster.loseDisk(3);
  for (const replica of [0, 1] as ReplicaId[]) {
    const suspicions = suspicionsFor(7);
    const said = { replica, view: 7 as View, stable: [], prepared: [], suspicions };
    const viewChange = signed({ kind: "view-change" as const, ...said });
    cluster.step(3, { kind: "view-change", viewChange });
  }
  assertEquals(votesUntilRecovered(cluster, 3), []);
  assertEquals(cluster.host(3).replica!.status().view as number, 7);
});

Deno.test("null requests change neither the state nor the agreed time", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  ada.call(["x=1"]);
  const before = cluster.host(1).replica!.status();
  cluster.loseDisk(3);
  votesUntilRecovered(cluster, 3);
  const after = cluster.host(1).replica!.status();
  assert(after.lastExecuted > before.lastExecuted);
  assertEquals(after.agreedTime, before.agreedTime);
  assertEquals(cluster.host(3).machine.logs.get("x"), ["1"]);
  assertEquals(after.history === before.history as Digest, false);
});

/** Replica 3 leaves view 0 alone; then it loses its disk and recovers. Returns its view-changes before and after. */
function leaveAloneAndLoseDisk(cluster: Cluster): { before: ViewChange[]; after: ViewChange[]; votes: PrePrepare[] } {
  const said = { before: [] as ViewChange[], after: [] as ViewChange[], votes: [] as PrePrepare[] };
  const ada = new TestClient(cluster, 1).open();
  let list = said.before;
  cluster.onStep = (host, _input, { messages }) => {
    if (host.id !== 3) return;
    for (const { message: { message: m } } of messages) {
      if (m.kind === "view-change") list.push(m);
      else if (m.kind === "prepare" || m.kind === "commit") said.votes.push(m as unknown as PrePrepare);
    }
  };
  cluster.filter = (from, to, { kind }) => kind !== "view-change" && from !== 3 && to !== 3;
  cluster.submit(ada.request(["x=1"]), [3]);
  const suspects = () => cluster.host(3).disk.suspicion !== undefined;
  cluster.runUntil(suspects, 60_000, "3 suspects the primary");
  // A liar joins in, so that it leaves; nobody hears of that.
  for (const suspicion of suspicionsOf(1, [1])) cluster.deliver(3, suspicion);
  cluster.runUntil(() => said.before.length > 0);
  list = said.after;
  said.votes.length = 0;
  cluster.filter = () => true;
  cluster.loseDisk(3);
  cluster.runUntil(() => !recovering(cluster, 3), 120_000, "3 votes again");
  for (let i = 1; i <= 5; i++) ada.call([`y=${i}`]);
  return said;
}

Deno.test("a replica that had left its view alone and then lost its disk votes in no lower view and sends no second view-change for one view", () => {
  const cluster = new Cluster();
  const { before, after, votes } = leaveAloneAndLoseDisk(cluster);
  const left = Math.max(...before.map(({ view }) => view));
  assertEquals(votes.filter(({ view }) => view < left), []);
  assertEquals(after.filter(({ view }) => view <= left), []);
  cluster.crash(0); // now its vote is needed
  const bob = new TestClient(cluster, 2).open();
  assertEquals(bob.call(["z=1"]).map(show), ["ok 1"]);
  assert(votes.some(({ view }) => view > left));
});

Deno.test("a replica that loses its disk twice learns from the others for which view it left in between", () => {
  const cluster = new Cluster();
  const once = leaveAloneAndLoseDisk(cluster).after.map(({ view }) => view);
  cluster.loseDisk(3);
  const again: number[] = [];
  cluster.onStep = (host, _input, { events }) => {
    if (host.id === 3) { for (const event of events) if (event.kind === "view-change") again.push(event.view); }
  };
  cluster.runUntil(() => !recovering(cluster, 3) && again.length > 0, 120_000, "3 votes again, where the others are");
  assert(again[0]! > Math.max(...once), `${again} after ${once}`);
});

Deno.test("statuses from before the start are no reports, whoever repeats them", () => {
  const cluster = new Cluster();
  cluster.filter = () => false;
  cluster.loseDisk(3);
  for (const replica of [0, 1, 2]) {
    cluster.step(3, { kind: "status", status: reportTo(cluster, 3, { replica, echo: 0 }) });
    cluster.step(3, { kind: "status", status: reportTo(cluster, 3, { replica, echo: 999 }) });
  }
  assertEquals(cluster.host(3).disk.lostDisk!.bound, null);
  for (const replica of [0, 1]) cluster.step(3, { kind: "status", status: reportTo(cluster, 3, { replica }) });
  assertEquals(cluster.host(3).disk.lostDisk!.bound, null, "two are enough only if a third has come as far");
  cluster.step(3, { kind: "status", status: reportTo(cluster, 3, { replica: 2 }) });
  assertEquals(cluster.host(3).disk.lostDisk!.bound, 16 as SequenceNumber);
});

Deno.test("what a replica that lost its disk has said itself is no report, whoever returns it", () => {
  const cluster = new Cluster();
  cluster.filter = () => false;
  cluster.loseDisk(3);
  for (const replica of [0, 1, 3]) cluster.step(3, { kind: "status", status: reportTo(cluster, 3, { replica }) });
  assertEquals(cluster.host(3).disk.lostDisk!.bound, null);
  cluster.step(3, { kind: "status", status: reportTo(cluster, 3, { replica: 2 }) });
  assertEquals(cluster.host(3).disk.lostDisk!.bound, 16 as SequenceNumber);
});

Deno.test("a liar's huge view does not keep a replica that lost its disk from voting, once all correct ones have reported", () => {
  const cluster = new Cluster({ n: 7 });
  const ada = new TestClient(cluster, 1).open();
  cluster.filter = (from, _to, message) => !(from === 5 && message.kind === "status");
  cluster.loseDisk(6);
  cluster.step(6, { kind: "status", status: reportTo(cluster, 6, { replica: 5, view: 1_000_000 }) });
  cluster.runUntil(() => !recovering(cluster, 6), 120_000, "6 votes again");
  assert(cluster.host(6).replica!.status().view < 10);
  assertEquals(ada.call(["x=1"]).map(show), ["ok 1"]);
});

Deno.test("a replica that votes again accepts no pre-prepare at a number that has become stable meanwhile", () => {
  const cluster = new Cluster({ checkpointInterval: 4 });
  const ada = new TestClient(cluster, 1).open();
  for (let i = 1; i <= 6; i++) ada.call([`x=${i}`]);
  cluster.loseDisk(3);
  const { replica, disk } = cluster.host(3);
  const late: number[] = [];
  const step = replica!.step.bind(replica);
  replica!.step = (input, now) => {
    const ready = step(input, now);
    let stable = 0;
    for (const record of ready.records) {
      if (record.kind === "stable") stable = record.certificate[0]!.message.sequence;
      if (record.kind !== "accepted") continue;
      const { sequence } = record.prePrepare.message;
      if (sequence <= stable) late.push(sequence);
    }
    return ready;
  };
  const bound = () => disk.lostDisk?.bound ?? Infinity;
  const withheld: Message[] = [];
  cluster.filter = (from, to, message) => {
    // The first primary hears of no request and of no bound: it is replaced before it fills the log.
    if (to === 0 && (message.kind === "request" || (message.kind === "status" && message.votesAbove > 0))) return false;
    if (to !== 3) return true;
    switch (message.kind) {
      case "commit": // One number more is decided by its own commit only,
        return from !== 0 || message.sequence !== bound() + 1;
      case "checkpoint": // and what is stable after that by its own checkpoint.
        if (from === 0 && message.sequence === bound()) withheld.push(message);
        return from !== 0 || message.sequence < bound();
      case "stable-checkpoint":
        return message.checkpoints[0]!.message.sequence < bound();
      case "decision":
        return message.commits[0]!.message.sequence <= bound();
      default:
        return true;
    }
  };
  const executed = () => cluster.host(0).replica!.status().lastExecuted;
  cluster.runUntil(() => bound() < Infinity, 10_000, "replica 3 knows where the others are");
  // They go to a view in which it may vote: it has heard of none but the first.
  cluster.submit(ada.request(["x=7"]), [1, 2]);
  cluster.runUntil(() => cluster.host(0).replica!.status().view === 1, 10_000, "a new view");
  while (executed() < bound() - 4) ada.call(["x=7"]);
  cluster.runUntil(() => replica!.status().lowWatermark === bound() - 4, 10_000, "replica 3 has the window");
  // Bodies that the others no longer need it could not fetch.
  const keepUp = () => cluster.runUntil(() => replica!.status().lastExecuted >= Math.min(executed(), bound()), 10_000);
  while (executed() < bound() + 4) {
    ada.call(["x=8"]);
    keepUp();
  }
  cluster.runFor(20);
  cluster.step(3, { kind: "checkpoint", checkpoint: signed(withheld[0] as Checkpoint) });
  assert(!recovering(cluster, 3));
  assertEquals(late, []);
});

Deno.test("a liar that claims a lost disk, and tells the primary a small bound and the backups a large one, does not get the primary replaced", () => {
  const cluster = new Cluster({ checkpointInterval: 64 });
  new TestClient(cluster, 1).open();
  cluster.runFor(5_000);
  cluster.crash(3);
  const executed = () => cluster.host(0).replica!.status().lastExecuted;
  const say = (to: number, votesAbove: number) =>
    cluster.deliver(
      to,
      signed(
        {
          kind: "status",
          replica: 3,
          view: 0,
          stable: 0,
          executed: 0,
          votesAbove,
          challenge: 5,
          echo: 0,
          stages: [],
        } as never,
      ),
    );
  say(0, executed() + 1);
  const high = cluster.host(1).replica!.status().highWatermark;
  for (const to of [1, 2]) say(to, high);
  for (let ms = 0; ms < 100_000; ms += 50) {
    say(0, executed() + 1);
    cluster.runFor(50);
  }
  assertEquals([0, 1, 2].map((id) => cluster.host(id).replica!.status().view as number), [0, 0, 0]);
});

Deno.test("a liar that claims a lost disk to the backups, in a status of a number that the primary takes for an old one, does not get the primary replaced", () => {
  const cluster = new Cluster({ checkpointInterval: 64 });
  new TestClient(cluster, 1).open();
  cluster.runFor(5_000);
  cluster.crash(3);
  const high = cluster.host(1).replica!.status().highWatermark;
  // 0 is the primary. It has received a later number.
  cluster.deliver(0, reportOf({ replica: 3, number: 2_000 }));
  for (const to of [1, 2]) cluster.deliver(to, reportOf({ replica: 3, number: 1_000, votesAbove: high }));
  cluster.runFor(100_000);
  const all = [0, 1, 2].map((id) => cluster.host(id).replica!.status());
  assertEquals(all.map(({ view }) => view as number), [0, 0, 0]);
  assertEquals(all.map(({ lastExecuted }) => lastExecuted), [high, high, high], "the log is filled");
});

Deno.test("a replica notes the view-changes that the others return to it, after a lost disk and on an old copy", () => {
  const cluster = new Cluster();
  new TestClient(cluster, 1).open();
  cluster.filter = () => false;
  const said = {
    replica: 3 as ReplicaId,
    view: 5 as View,
    stable: [],
    prepared: [],
    suspicions: suspicionsOf(5, [1, 2]),
  };
  const own = signed<ViewChange>({ kind: "view-change", ...said });
  cluster.step(3, { kind: "view-change", viewChange: own }); // its store knows of no view but the first
  assertEquals([recovering(cluster, 3), cluster.host(3).disk.lostDisk?.left], [true, 5 as View]);
  cluster.loseDisk(3);
  assertEquals(cluster.host(3).disk.lostDisk!.left, 0 as View);
  cluster.step(3, { kind: "view-change", viewChange: own });
  assertEquals(cluster.host(3).disk.lostDisk!.left, 5 as View);
});
