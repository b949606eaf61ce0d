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
