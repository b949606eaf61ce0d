/** A liar repeats what a replica once signed, as often as it likes: that replica's true messages are answered all the same. */
import { assertEquals, assertGreater, assertLessOrEqual, assertNotEquals } from "@std/assert";
import type { Message, Signed } from "../../src/core/messages/messages.ts";
import { TestClient } from "./_client.ts";
import { Cluster } from "./_cluster.ts";

/** All that replica 3 says, for a liar to keep. */
function overheard(cluster: Cluster): Signed[] {
  const kept: Signed[] = [];
  cluster.onStep = (host, _input, { messages }) => {
    if (host.id === 3) kept.push(...messages.map(({ message }) => message));
  };
  return kept;
}

/** Repeats these to replicas 0 and 1 so often in each of so many ms. Gives what these said to replica 3 meanwhile. */
function repeat(
  cluster: Cluster,
  old: readonly Signed[],
  { ms, perMs = 2 }: { ms: number; perMs?: number },
): Message[] {
  const answers: Message[] = [];
  const before = cluster.onStep;
  let isReplay = false;
  cluster.onStep = (host, input, ready) => {
    before(host, input, ready);
    if (!isReplay) return;
    answers.push(...ready.messages.filter(({ to }) => to === 3).map(({ message }) => message.message));
  };
  for (let i = 0; i < ms * perMs; i++) {
    isReplay = true;
    for (const id of [0, 1]) cluster.deliver(id, old[i % old.length]!);
    isReplay = false;
    if (i % perMs === 0) cluster.runFor(1);
  }
  cluster.onStep = before;
  return answers;
}

function statuses(kept: readonly Signed[]): readonly Signed[] {
  return kept.filter(({ message }) => message.kind === "status");
}

/** A cluster in which replica 3 was away again and again, came back, and was heard saying so: `old` is from before it came back last. */
function withHistory(): { cluster: Cluster; ada: TestClient; old: readonly Signed[] } {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  const kept = overheard(cluster);
  let old: Signed[] = [];
  for (let round = 0; round < 4; round++) {
    old = [...kept];
    cluster.crash(3);
    for (let i = 0; i < 5; i++) ada.call([`x=${i}`]);
    cluster.start(3);
    cluster.runFor(1_000);
  }
  return { cluster, ada, old };
}

Deno.test("an old status is not answered", () => {
  const { cluster, old } = withHistory();
  assertGreater(statuses(old).length, 5);
  assertEquals(repeat(cluster, statuses(old), { ms: 200 }), []);
});

for (const whoRestarts of ["nobody", "the replica", "the others", "the replica, with its clock an hour back"]) {
  Deno.test(`while old statuses come at 2,000 a second, a replica catches up as fast as ever (${whoRestarts} restarted)`, () => {
    const { cluster, ada, old } = withHistory();
    cluster.crash(3);
    for (let i = 0; i < 60; i++) ada.call([`x=${i}`]);
    if (whoRestarts === "the others") {
      for (const id of [0, 1, 2]) {
        cluster.crash(id);
        cluster.start(id);
      }
      cluster.runFor(2_000);
    }
    if (whoRestarts.endsWith("back")) cluster.host(3).clockSkewMs = -3_600_000;
    cluster.crash(2);
    repeat(cluster, statuses(old), { ms: 50 });
    cluster.start(3);
    if (whoRestarts === "the replica") {
      cluster.crash(3);
      cluster.start(3);
    }
    repeat(cluster, statuses(old), { ms: 100 });
    const executed = (id: number) => cluster.host(id).replica!.status().lastExecuted;
    assertEquals(executed(3), executed(0));
  });
}

Deno.test("a replica's last status says how far it is, whatever its old statuses say", () => {
  const { cluster, old } = withHistory();
  repeat(cluster, statuses(old), { ms: 50 });
  let toThree = 0;
  cluster.filter = (_from, to, { kind }) => {
    if (to === 3 && kind === "decision") toThree++;
    return true;
  };
  cluster.runFor(3_000);
  assertEquals(toThree, 0);
});

Deno.test("after a restart of its receiver each old status is answered at most once, and none after a new one has arrived", () => {
  const { cluster, old } = withHistory();
  for (const id of [0, 1]) {
    cluster.crash(id);
    cluster.start(id);
  }
  const first = repeat(cluster, statuses(old), { ms: statuses(old).length, perMs: 1 });
  assertLessOrEqual(first.filter(({ kind }) => kind === "status").length, 2 * statuses(old).length);
  assertEquals(repeat(cluster, statuses(old), { ms: 500 }), []);
});

Deno.test("an old view-change is answered with the new-view only once", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  const kept = overheard(cluster);
  for (const primary of [0, 1]) {
    cluster.crash(primary);
    ada.call([`x=${primary}`]);
    cluster.start(primary);
    cluster.runFor(5_000);
  }
  const old = kept.filter(({ message }) => message.kind === "view-change");
  const views = new Set(old.map(({ message }) => message.kind === "view-change" ? message.view : 0)).size;
  assertGreater(views, 0);
  const drawn = repeat(cluster, old, { ms: 1_000 });
  assertLessOrEqual(drawn.filter(({ kind }) => kind === "new-view").length, 2 * views);
  assertEquals(repeat(cluster, old, { ms: 1_000 }), []);
});

Deno.test("a replica that missed the new-view gets it again, because its status says that it waits", () => {
  const cluster = new Cluster();
  new TestClient(cluster, 1).open();
  cluster.runFor(5_000);
  cluster.filter = (_from, to, { kind }) => to !== 3 || kind !== "new-view";
  cluster.step(0, { kind: "hand-over" });
  cluster.runFor(2_000); // by now its view-change, which it repeats, has drawn one from everybody
  const statuses = () => cluster.hosts.map(({ replica }) => replica!.status());
  assertEquals(statuses().map(({ active }) => active), [true, true, true, false]);
  cluster.filter = () => true;
  cluster.runUntil(() => statuses()[3]!.active, 2_500);
  assertEquals(statuses().map(({ view }) => view as number), [1, 1, 1, 1]);
  const kept: Signed[] = [];
  cluster.onStep = (_host, _input, { messages }) => void kept.push(...messages.map(({ message }) => message));
  cluster.runFor(10_000);
  assertEquals(kept.filter(({ message }) => message.kind === "new-view"), [], "and whoever is there gets none");
});

Deno.test("status numbers grow across restarts, with a clock that is set back, and after a lost disk", () => {
  const { cluster } = withHistory();
  const kept = overheard(cluster);
  const numbers = () => kept.flatMap(({ message }) => message.kind === "status" ? [message.number] : []);
  const { host } = { host: cluster.host(3) };
  let highest = 0;
  for (const skew of [0, -3_600_000, -7_200_000]) {
    kept.length = 0;
    cluster.crash(3);
    host.clockSkewMs = skew;
    cluster.start(3);
    cluster.runFor(3_000);
    assertGreater(Math.min(...numbers()), highest);
    highest = Math.max(...numbers());
  }
});

Deno.test("a replica that lost its disk and whose clock was set back is heard: the others tell it which numbers it has used", () => {
  const { cluster, ada } = withHistory();
  cluster.host(3).clockSkewMs = -500_000;
  cluster.loseDisk(3);
  cluster.runUntil(() => !cluster.host(3).replica!.status().recovering, 120_000, "recovered");
  cluster.crash(2);
  ada.call(["x=after"]);
});

Deno.test("an instance that goes on after a later one on the same store is heard: it leaves out numbers that the later one may have used", () => {
  const { cluster, ada } = withHistory();
  const host = cluster.host(3);
  const earlier = host.replica;
  cluster.restart(3);
  cluster.runFor(3_000);
  ada.call(["x=later"]);
  cluster.runFor(3_000);
  host.replica = earlier;
  cluster.runUntil(
    () => host.replica!.status().lastExecuted === cluster.host(0).replica!.status().lastExecuted,
    20_000,
    "the earlier instance has caught up",
  );
});

Deno.test("a replica that restarts in a view change gets its messages back and votes, while its status of an earlier restart is repeated", () => {
  const cluster = new Cluster({ checkpointInterval: 64 });
  const ada = new TestClient(cluster, 1).open();
  const kept = overheard(cluster);
  cluster.restart(3);
  const [old] = statuses(kept);
  for (let i = 1; i <= 60; i++) ada.call([`x=${i}`]);
  cluster.crash(1); // the liar, and the next primary: without replica 3 there is no quorum for the view after that
  cluster.filter = (_from, to, { kind }) => !(to === 0 && kind === "request");
  const request = ada.request(["x=61"]);
  cluster.submit(request, [2, 3]);
  cluster.runUntil(() => [0, 2, 3].every((id) => cluster.host(id).replica!.view === 1));
  cluster.crash(3);
  let returned = 0;
  cluster.onStep = (_host, input, { messages }) => {
    if (input.kind !== "status" || input.status.message !== old!.message) return;
    returned += messages.filter(({ message }) => message.message.kind === "view-change").length;
  };
  for (let ms = 0; ms < 2_000; ms++) {
    if (ms === 500) cluster.start(3, true);
    for (const id of [0, 2]) cluster.deliver(id, old!);
    cluster.runFor(1);
  }
  assertNotEquals(cluster.accepted(request.digest), null);
  assertLessOrEqual(returned, 2 * 2_000 / 75);
});
