import { assert, assertEquals, assertGreater } from "@std/assert";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import type { ReplicaNode } from "../../src/node/node.ts";
import { type Fared, IsolatesCluster, type IsolatesOptions } from "./_isolates.ts";

async function fare(options: IsolatesOptions & { readonly seconds: number }): Promise<Fared> {
  const cluster = await IsolatesCluster.open(options);
  try {
    return await cluster.run({ callers: 1, seconds: options.seconds });
  } finally {
    await cluster.close();
  }
}

/** For each operation at each replica. */
function perOperation({ done, conflicts, commits, calls, reloads }: Fared) {
  const each = (count: number) => count / done / 4;
  return {
    conflicts: each(conflicts),
    commits: each(commits),
    reads: each(calls - commits - conflicts),
    reloads: each(reloads),
  };
}

// Everything here is in virtual time, so these figures are the same on every machine.
for (const [callMs, seconds] of [[2.5, 0.7], [80, 10]] as const) {
  Deno.test(`two isolates of each replica, at ${callMs} ms per database call, make progress as one does, in one view`, async () => {
    const networkMs = 0.5;
    const one = await fare({ isolates: 1, callMs, networkMs, seconds });
    const two = await fare({ isolates: 2, callMs, networkMs, seconds });
    assertGreater(two.perSecond, 0.7 * one.perSecond, JSON.stringify({ one, two }));
    assertEquals([one.view, two.view], [0, 0]);
    // After a conflict an instance reads what has changed, not everything.
    assert(two.wholeReads < two.conflicts / 10, JSON.stringify(two));
    assertEquals(one.conflicts, 0);
    // One instance alone reads nothing while it is awake, and writes no log for others.
    assertGreater(one.commits + 10, one.calls);
    // What nobody waits for does not get in the way of what binds, and two instances store no more than one does.
    const { conflicts, commits, reads, reloads } = perOperation(two);
    const counts = JSON.stringify(perOperation(two));
    assert(conflicts < 1.7, counts);
    assert(commits < 1.1 * perOperation(one).commits, counts);
    assert(reads < 26, counts);
    assert(reloads < 4.2, counts);
  });
}

Deno.test("three and four isolates of each replica go on in one view", async () => {
  const options = { callMs: 80, networkMs: 0.5, seconds: 6 };
  const one = await fare({ ...options, isolates: 1 });
  for (const [isolates, least] of [[3, 0.55], [4, 0.45]] as const) {
    const many = await fare({ ...options, isolates });
    assertGreater(many.perSecond, least * one.perSecond, JSON.stringify({ one, many }));
    assertEquals(many.view, 0);
  }
});

Deno.test("where one of two isolates of each replica is frozen in the middle, the other ones go on", async () => {
  const cluster = await IsolatesCluster.open({ isolates: 2, callMs: 80, networkMs: 0.5 });
  let before = 0;
  const executed = () => Math.min(...cluster.nodes().map((node) => node.status().replica.lastExecuted));
  await cluster.run({
    callers: 1,
    seconds: 20,
    halfway: () => {
      before = executed();
      cluster.freeze();
    },
  });
  // As one isolate of each does, but for the answers that the frozen ones owe.
  assertGreater(executed() - before, 12);
  assertEquals(Math.max(...cluster.nodes().map((node) => node.status().replica.view)), 0);
  await cluster.close();
});

Deno.test("an operation on slow stores takes the commits that bind the replicas, and few others", async () => {
  const cluster = await IsolatesCluster.open({ isolates: 1, callMs: 80, networkMs: 20 });
  const seconds = 30;
  const { perSecond, commits, view } = await cluster.run({ callers: 1, seconds });
  await cluster.close();
  // Three binding commits follow each other, and seven ways: 380 ms. With a commit for each vote, and one before the reply, it is 625 ms.
  assertGreater(perSecond, 1_000 / 520);
  const each = commits / (perSecond * seconds) / 4;
  assert(each < 4.2, `${each} commits per operation and replica`);
  assertEquals(view, 0);
});

Deno.test("an isolate that starts waits for its own store, not for its primary, and so writes no timers that the others would take up", async () => {
  const cluster = await IsolatesCluster.open({ isolates: 1, callMs: 2.5, networkMs: 0.5 });
  await cluster.run({ callers: 1, seconds: 0.7 });
  await cluster.timer.advance(2_000);
  const before = { ...cluster.counts };
  const node = await cluster.add(3 as ReplicaId);
  await cluster.timer.advance(100);
  const { lastExecuted, stateRoot } = node.status().replica;
  assertEquals([lastExecuted, stateRoot], sameOf(cluster.any(2 as ReplicaId)));
  assertGreater(lastExecuted % cluster.genesis.checkpointInterval, 0, "a number to execute again");
  // That of its start, and none for a wait that ends by itself.
  assertEquals(cluster.counts.commits - before.commits, 1);
  await cluster.close();
});

function sameOf(node: ReplicaNode) {
  const { lastExecuted, stateRoot } = node.status().replica;
  return [lastExecuted, stateRoot];
}
