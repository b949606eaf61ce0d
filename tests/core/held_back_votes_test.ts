/** Numbers that a new view takes over and that were executed before: who votes for them again, and when. */
import { assert, assertEquals } from "@std/assert";
import { TestClient } from "./_client.ts";
import { Cluster } from "./_cluster.ts";

/** A cluster that has executed ten batches, all within one window. */
function settled(): { readonly cluster: Cluster; readonly ada: TestClient } {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  for (let i = 1; i <= 9; i++) ada.call([`x=${i}`]);
  cluster.runFor(100);
  cluster.assertAlike();
  return { cluster, ada };
}

/** Counts the votes of view 1 that are sent from now on. */
function votesOf(cluster: Cluster): Map<number, number> {
  const counts = new Map<number, number>();
  cluster.filter = (_from, _to, message) => {
    if ((message.kind === "prepare" || message.kind === "commit") && message.view === 1) {
      counts.set(message.sequence, (counts.get(message.sequence) ?? 0) + 1);
    }
    return true;
  };
  return counts;
}

Deno.test("numbers that all have executed cost the next view no votes", () => {
  const { cluster, ada } = settled();
  const last = cluster.host(1).replica!.status().lastExecuted;
  cluster.crash(0);
  const votes = votesOf(cluster);
  ada.call(["x=10"]);
  cluster.runFor(2_000);
  assertEquals(cluster.host(1).replica!.status().view as number, 1);
  assertEquals([...votes.keys()].filter((sequence) => sequence <= last), []);
  assert(votes.get(last + 1)! > 0);
});

Deno.test("a backup that lacks what the others have executed has them vote for it again", () => {
  const { cluster, ada } = settled();
  const last = cluster.host(1).replica!.status().lastExecuted;
  cluster.filter = (_from, to, { kind }) => to !== 3 || (kind !== "commit" && kind !== "decision");
  ada.call(["x=10"]);
  cluster.runFor(10);
  assertEquals(cluster.host(3).replica!.status().lastExecuted as number, last);
  cluster.crash(0);
  // Decisions of earlier views, by which it could catch up, are lost from now on.
  cluster.filter = (_from, to, message) =>
    to !== 3 || (message.kind !== "decision" && (message.kind !== "commit" || message.view > 0));
  cluster.submit(ada.request(["x=11"])); // so that the others leave the view
  cluster.runUntil(() => cluster.host(3).replica!.status().lastExecuted > last, 20_000);
  cluster.runFor(100);
  assertEquals(cluster.host(3).machine.logs.get("x")!.slice(-2), ["10", "11"]);
  assertEquals(cluster.host(1).machine.logs.get("x"), cluster.host(3).machine.logs.get("x"));
});

Deno.test("a primary that lacks what the others have executed learns it in a round trip, and goes on", () => {
  const { cluster, ada } = settled();
  const last = cluster.host(1).replica!.status().lastExecuted;
  cluster.filter = (_from, to, { kind }) => to !== 1 || (kind !== "commit" && kind !== "decision");
  ada.call(["x=10"]);
  cluster.runFor(10);
  assertEquals(cluster.host(1).replica!.status().lastExecuted as number, last);
  cluster.crash(0);
  cluster.submit(ada.request(["x=11"])); // so that the others leave the view
  cluster.runUntil(() => {
    const { view, active } = cluster.host(1).replica!.status();
    return view === 1 && active;
  }, 20_000);
  const entered = cluster.now;
  cluster.filter = () => true;
  cluster.runUntil(() => cluster.host(1).replica!.status().lastExecuted > last, 20_000);
  assert(cluster.now - entered < 20, `${cluster.now - entered} ms`);
});

Deno.test("a new primary that was still taking a checkpoint votes for the numbers beyond its former window", () => {
  const cluster = new Cluster({
    checkpointInterval: 8,
    logWindow: 16,
    latencyMs: 2,
    limits: { maxBatchRequests: 2 },
    settings: { checkpointSliceBytes: 1 },
  });
  const ada = new TestClient(cluster, 1).open();
  const of = (id: number) => cluster.host(id).replica!.status();
  let key = 0;
  ada.call(Array.from({ length: 400 }, () => `k${key++}=1`));
  while (of(1).lastExecuted < 8) ada.call(["x=1"]);
  assertEquals(of(1).lowWatermark as number, 0);
  cluster.filter = (from, to) => from !== 1 && to !== 1; // 1 is cut off while it takes its checkpoint
  cluster.crash(1);
  cluster.runFor(2_000);
  while (of(0).lastExecuted < 15) ada.call(["x=2"]);
  cluster.runFor(1_000);
  assertEquals(of(0).lowWatermark as number, 8);
  // 16 and some beyond are prepared and not committed
  cluster.filter = (from, to, m) => from !== 1 && to !== 1 && m.kind !== "commit";
  const requests = [1, 2, 3, 4].map((i) => ada.request([`y=${i}`]));
  for (const request of requests) cluster.submit(request, [0, 2, 3]);
  cluster.runFor(20);
  cluster.crash(0);
  // 1 is back, and hears no decisions
  cluster.filter = (_from, to, { kind }) => kind !== "commit" && (to !== 1 || kind !== "decision");
  cluster.start(1, false);
  for (const request of requests) cluster.submit(request, [1, 2, 3]);
  cluster.runUntil(() => of(1).view === 1 && of(1).active, 20_000);
  assertEquals([1, 2].map((id) => of(id).lowWatermark as number), [0, 8]);
  cluster.filter = () => true;
  cluster.runUntil(() => requests.every(({ digest }) => cluster.accepted(digest) !== null), 60_000);
  assertEquals(of(1).view as number, 1);
});
