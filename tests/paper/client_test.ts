/** PBFT §4.1, the client: what replicas owe it. What the client itself does is in `tests/client`. */
import { assert, assertEquals } from "@std/assert";
import { ADA, answers, Bench, commit, find, opening, prepare, refusals, request, said } from "./_bench.ts";

Deno.test("§4.1: the reply goes to the client itself and names the view, the request, the replica and the result", () => {
  const bench = new Bench(1);
  const { replies } = bench.execute(1, opening);
  assertEquals(replies.map(({ to }) => to), [{ client: ADA }]);
  const { replica, view, request: digest, results } = replies[0]!.reply;
  assertEquals([Number(replica), Number(view), digest, results.length], [1, 0, opening.digest, 1]);
});

Deno.test("§4.1: the view in a reply is the one that the replica is in, by which the client finds the primary", () => {
  const bench = new Bench(1);
  bench.execute(1, opening);
  bench.execute(2, request(1));
  bench.take(request(2));
  bench.leavesAfter(1_000);
  const { replies } = bench.take(request(1));
  assertEquals(replies.map(({ reply }) => Number(reply.view)), [1]);
});

Deno.test("§4.1: a request that was executed already is answered again by each replica, and not executed again", () => {
  const bench = new Bench(1);
  bench.execute(1, opening);
  assertEquals(answers(bench.execute(2, request(1, "x=1"))), ["ok 1"]);
  const again = bench.take(request(1, "x=1"));
  assertEquals([answers(again), said(again), bench.log], [["ok 1"], [], ["1"]]);
});

Deno.test("§4.1: of a client's requests each timestamp is executed once, though the primary orders it twice", () => {
  const bench = new Bench(1);
  bench.execute(1, opening);
  bench.execute(2, request(1, "x=1"));
  assertEquals(answers(bench.execute(3, request(1, "x=1"), request(2, "x=2"))), ["ok 1", "ok 2"]);
  assertEquals(bench.log, ["1", "2"]);
});

Deno.test("§4.1: a backup that has not executed a request relays it to the primary, and to it alone at first", () => {
  const bench = new Bench(1);
  const wait = () => bench.wait(200).flatMap(({ ready }) => said(ready).filter((what) => what.startsWith("request")));
  bench.take(opening);
  assert(wait().length > 0);
  const primary = new Bench(0, { settings: { pipelineDepth: 1 } });
  primary.take(opening);
  primary.take(request(1));
  assertEquals(primary.wait(200).filter(({ ready }) => find(ready, "request")), []);
});

Deno.test("§4.1: a request that the primary does not multicast makes the backups suspect it", () => {
  const bench = new Bench(1);
  bench.take(opening);
  assertEquals(bench.leavesAfter(2_000) === null, false);
});

Deno.test("§4.1: the state machine decides in the order of the batch, and a request of an unknown session never reaches it", () => {
  const bench = new Bench(1);
  assertEquals(answers(bench.execute(1, request(1), opening, request(2, "x=2"))), [
    "refused unknown-session",
    "ok 1",
    "ok 1",
  ]);
  assertEquals(bench.log, ["2"]);
});

Deno.test("§4.1: a pending request is not added a second time", () => {
  const bench = new Bench(1);
  bench.take(opening);
  assertEquals(refusals(bench.take(opening)), ["duplicate"]);
  bench.prePrepare();
  for (const i of [2, 3]) bench.take(prepare(i));
  for (const i of [0, 2]) bench.take(commit(i));
  assertEquals(bench.status.pendingRequests, 0);
});
