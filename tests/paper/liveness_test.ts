/** PBFT §4.4 and §4.5.2, liveness: when the timers start, stop and double, and who follows whom. */
import { assert, assertEquals } from "@std/assert";
import {
  batch,
  Bench,
  commit,
  find,
  kinds,
  opening,
  prepare,
  prepared,
  refusals,
  request,
  SETTINGS,
  signedNewView,
  viewChange,
} from "./_bench.ts";
import { suspicionsOf } from "../core/_messages.ts";

const T = SETTINGS.viewTimeoutMs;
const views = (bench: Bench) => [Number(bench.status.view), bench.status.active];

Deno.test("§4.5.2: a backup without pending requests leaves no view, however long nothing happens", () => {
  assertEquals(new Bench(2).leavesAfter(30_000), null);
});

Deno.test("§4.4: the timer starts with the first pending request and fires one timeout later", () => {
  const bench = new Bench(2);
  bench.wait(5 * T);
  bench.take(opening);
  bench.wait(T - 50);
  bench.take(request(1)); // a second one does not start it anew
  const left = bench.leavesAfter(T)!;
  assert(left >= 40 && left <= 70, `${left} ms`);
});

Deno.test("§4.4: a primary announces no suspicion", () => {
  const bench = new Bench(0);
  bench.take(opening);
  assertEquals(bench.leavesAfter(10 * T), null);
});

Deno.test("§4.4: the timer stops when no request is pending any more", () => {
  const bench = new Bench(1);
  bench.take(opening);
  bench.wait(T - 50);
  bench.execute(1, opening);
  assertEquals(bench.leavesAfter(10 * T), null);
});

Deno.test("§4.4: the timer restarts when one request is executed and others are pending", () => {
  const bench = new Bench(1);
  bench.take(opening);
  bench.take(request(1));
  bench.wait(T - 50);
  bench.execute(1, opening);
  const left = bench.leavesAfter(10 * T)!;
  assert(left > T / 2, `${left} ms`);
  assert(left <= 5 * T, `${left} ms`);
});

Deno.test("§4.5.2: after the view-change the timer starts only with a quorum of view-changes", () => {
  const bench = new Bench(2);
  bench.take(opening);
  bench.leavesAfter(2 * T);
  bench.take(viewChange(0, 1));
  assertEquals(bench.leavesAfter(30 * T), null);
  bench.take(viewChange(3, 1));
  assertEquals(typeof bench.leavesAfter(10 * T), "number");
  assertEquals(views(bench), [2, false]);
});

Deno.test("§4.5.2: the timeout doubles with each view change that fails", () => {
  const bench = new Bench(2);
  bench.take(opening);
  const waits = [bench.leavesAfter(2 * T)!];
  for (const v of [1, 3, 4]) {
    if (v === 3) {
      // Replica 2 is the primary of view 2: it starts that and gets no votes for anything.
      for (const i of [0, 3]) bench.take(viewChange(i, 3));
    } else for (const i of v === 1 ? [1, 3] : [0, 3]) bench.take(viewChange(i, v));
    waits.push(bench.leavesAfter(100 * T)!);
  }
  const rounded = waits.map((wait) => Math.round(wait / T));
  assertEquals(rounded, [1, 2, 4, 8]);
});

Deno.test("§4.5.2: a new primary that has not left the old view gets only a part of the timeout until it is heard", () => {
  const waits = [[0, 3], [1, 3]].map((others) => {
    const bench = new Bench(2);
    for (const i of others) bench.take(viewChange(i, 1));
    return bench.leavesAfter(10 * T)!;
  });
  assert(waits[0]! < waits[1]! / 4, `${waits} ms`);
  const heard = new Bench(2);
  for (const i of [0, 3, 1]) heard.take(viewChange(i, 1));
  assertEquals(heard.leavesAfter(10 * T), waits[1]!);
});

Deno.test("§4.5.2: the timeout also doubles after a view that starts and executes nothing", () => {
  const bench = new Bench(2);
  bench.take(opening);
  bench.leavesAfter(2 * T);
  for (const i of [0, 3]) bench.take(viewChange(i, 1));
  bench.take(signedNewView(1, [viewChange(0, 1), viewChange(1, 1), viewChange(3, 1)], []));
  assertEquals(views(bench), [1, true]);
  const left = bench.leavesAfter(20 * T)!;
  assert(left >= 2 * T - 20, `${left} ms`);
});

Deno.test("§4.5.2: once something is executed in the new view, the timeout is back to its first value", () => {
  const bench = new Bench(2);
  bench.take(opening);
  bench.leavesAfter(2 * T);
  for (const i of [0, 3]) bench.take(viewChange(i, 1));
  bench.take(signedNewView(1, [viewChange(0, 1), viewChange(1, 1), viewChange(3, 1)], []));
  const { digest } = batch(opening);
  bench.prePrepare({ v: 1 });
  for (const i of [0, 3]) bench.take(prepare(i, { v: 1, digest }));
  for (const i of [0, 1]) bench.take(commit(i, { v: 1, digest }));
  assertEquals(Number(bench.status.lastExecuted), 1);
  bench.take(request(1));
  const left = bench.leavesAfter(20 * T)!;
  assert(left <= T + 20, `${left} ms`);
});

for (const [n, needed] of [[4, 2], [5, 2], [7, 3], [10, 4]] as const) {
  Deno.test(`§4.5.2: a view-change that shows ${needed} suspicions makes a replica follow at once, one with fewer does not, n = ${n}`, () => {
    const bench = new Bench(n - 1, { n });
    const some = Array.from({ length: needed }, (_, i) => i);
    assertEquals(refusals(bench.take(viewChange(0, 5, [], [], some.slice(1)))), ["invalid-certificate"]);
    assertEquals(views(bench), [0, true]);
    const ready = bench.take(viewChange(0, 5, [], [], some));
    assertEquals(Number(find(ready, "view-change")!.view), 5);
  });

  Deno.test(`§4.5.2: ${needed} replicas that suspect the primary make all replicas leave, fewer none, n = ${n}`, () => {
    const bench = new Bench(n - 1, { n });
    const all = suspicionsOf(1, Array.from({ length: needed }, (_, i) => i));
    for (const suspicion of all.slice(1)) assertEquals(kinds(bench.take(suspicion)), []);
    assertEquals(Number(find(bench.take(all[0]!), "view-change")!.view), 1);
  });
}

Deno.test("§4.5.2: f liars never force a view change, whatever views they claim", () => {
  const bench = new Bench(2);
  for (const v of [1, 2, 3, 1_000_000]) {
    for (const suspicion of suspicionsOf(v, [3])) bench.take(suspicion);
    bench.take(viewChange(3, v, [prepared({})], [], [3]));
    bench.take(viewChange(3, v, [prepared({})], [], [3, 3]));
  }
  bench.take(opening);
  bench.prePrepare();
  for (const i of [1, 3]) bench.take(prepare(i));
  for (const i of [0, 1]) bench.take(commit(i));
  assertEquals([views(bench), bench.leavesAfter(10 * T)], [[0, true], null]);
});

Deno.test("§4.5.2: suspicions whose executed numbers are far apart do not count together", () => {
  const bench = new Bench(2); // K = 2
  for (const [replica, executed] of [[0, 0], [1, 3]] as const) {
    for (const suspicion of suspicionsOf(1, [replica], executed)) bench.take(suspicion);
  }
  assertEquals(views(bench), [0, true]);
  for (const suspicion of suspicionsOf(1, [3], 1)) {
    assertEquals(views(bench).concat(kinds(bench.take(suspicion)).includes("view-change")), [0, true, true]);
  }
});

Deno.test("§4.5.2: a liar's view-change without a proof is no part of a quorum, but it does start the timer", () => {
  const bench = new Bench(1);
  bench.take(viewChange(3, 1_000_000, [], [], [3]));
  const ready = bench.take(viewChange(0, 1));
  assertEquals([Number(find(ready, "view-change")!.view), find(ready, "new-view")], [1, undefined]);
  assertEquals(typeof bench.leavesAfter(10 * T), "number");
});

Deno.test("§4.5.2: a replica that slept for an hour handles the messages that came in before it suspects the primary", () => {
  const bench = new Bench(1);
  bench.take(opening);
  bench.cluster.now += 3_600_000;
  assertEquals(kinds(bench.step({ kind: "alarm" })).includes("view-change"), false);
  bench.execute(1, opening);
  assertEquals(bench.leavesAfter(10 * T), null);
});

Deno.test("§4.5.2: a clock that jumps forward or back neither fires nor stops the timer", () => {
  const bench = new Bench(1);
  bench.take(opening);
  bench.wait(100);
  bench.cluster.now -= 500_000;
  const left = bench.leavesAfter(10 * T)!;
  assert(left >= T - 150 && left <= T + 20, `${left} ms`);
});
