import { assertEquals, assertRejects } from "@std/assert";
import {
  Client,
  ClientClosedError,
  type ClientOptions,
  OperationRejectedError,
  QueryRejectedError,
  QueueFullError,
  TimeoutError,
} from "../../src/client/mod.ts";
import { fromUtf8, utf8 } from "../../src/wire/mod.ts";
import { FakeCluster, problem, type QueryBehaviour } from "./fake_cluster.ts";
import { ManualTimer } from "./manual_timer.ts";
import { cryptoDone, test } from "./with_crypto_done.ts";

const says = (value: string): QueryBehaviour => (asked, cluster) => cluster.answer(asked, { value: utf8(value) });
const rejects: QueryBehaviour = (asked, cluster) =>
  cluster.answer(asked, { status: "rejected", value: utf8("not a read") });
const busy: QueryBehaviour = () => problem(503, "a view change", { "retry-after": "1" });
const mute: QueryBehaviour = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

function setUp(behaviours: readonly (QueryBehaviour | null)[] = [], n = 4) {
  const cluster = new FakeCluster(n);
  behaviours.forEach((behaviour, replica) => behaviour && (cluster.queryBehaviours[replica] = behaviour));
  const timer = new ManualTimer();
  const client = new Client({ cluster: cluster.file, fetch: cluster.fetch, timer });
  return { cluster, timer, client };
}

/** Lets time pass until the promise settles, none of it while signatures are being made or checked. */
async function passing<T>(timer: ManualTimer, promise: Promise<T>, stepMs = 100): Promise<T> {
  let settled = false;
  promise.catch(() => {}).finally(() => settled = true);
  while (!settled) {
    await cryptoDone();
    if (!settled) timer.advance(stepMs);
  }
  return await promise;
}

test("a query returns the answer of a quorum, at whatever sequence numbers, and nothing is ordered", async () => {
  const { cluster, timer, client } = setUp();
  assertEquals(await client.query("GET x"), { read: "GET x" });
  assertEquals([cluster.asked.length, timer.pending], [0, 0]);
});

test("a repeated query has another nonce", async () => {
  const { cluster, client } = setUp();
  await client.query("GET x");
  await client.query("GET x");
  assertEquals(new Set(cluster.queried.map(({ query }) => query.nonce)).size, 2);
});

test("a faulty or silent replica is outvoted", async () => {
  for (const faulty of [says('"a lie"'), rejects, busy, mute]) {
    const { cluster, client } = setUp([null, faulty]);
    assertEquals(await client.query("GET x"), { read: "GET x" });
    assertEquals(cluster.asked.length, 0);
  }
});

test("queries that are made together share one signed query, and each gets its own answer", async () => {
  const { cluster, client } = setUp();
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => client.query(`GET ${i}`)));
  assertEquals(answers, Array.from({ length: 50 }, (_, i) => ({ read: `GET ${i}` })));
  assertEquals(cluster.queried.map(({ query }) => query.operations.length), [50, 50, 50, 50]);
  assertEquals(new Set(cluster.queried.map(({ digest }) => digest)).size, 1);
});

test("of queries that share a message, each needs a quorum of its own, and only those without one are asked again", async () => {
  const { cluster, client } = setUp();
  const values = ["new", "new", "old", "old"];
  // As while x is being written: two replicas have executed it, and two not yet.
  cluster.queryBehaviours.fill((asked, cluster) => {
    const value = utf8(JSON.stringify(values[asked.replica]));
    if (asked.query.operations.length === 1) values.fill("new");
    return cluster.answer(asked, (operation) => operation === "GET x" ? { value } : {});
  });
  assertEquals(await Promise.all(["GET a", "GET x", "GET b"].map((read) => client.query(read))), [
    { read: "GET a" },
    "new",
    { read: "GET b" },
  ]);
  assertEquals(cluster.queried.filter(({ replica }) => replica === 0).map(({ query }) => query.operations.length), [
    3,
    1,
  ]);
  assertEquals(cluster.asked.length, 0, "and nothing is ordered");
});

/** As many queries as ask all replicas, until a quorum is preferred. */
const TO_ALL = 8;

/** A client that prefers a quorum by now, and a count of the replicas that were asked since. */
async function preferring(n = 4) {
  const { cluster, timer, client } = setUp([], n);
  for (let i = 0; i < TO_ALL; i++) await client.query("GET x");
  let before = cluster.queried.length;
  const asked = () => {
    const since = cluster.queried.slice(before).map(({ replica }) => replica);
    before = cluster.queried.length;
    return since;
  };
  return { cluster, timer, client, asked };
}

test("while all goes well, a query asks a quorum, and from time to time all", async () => {
  for (const [n, quorum] of [[4, 3], [7, 5]] as const) {
    const { cluster, client, asked } = await preferring(n);
    const counts: number[] = [];
    for (let i = 0; i < 140; i++) {
      assertEquals(await client.query("GET x"), { read: "GET x" });
      counts.push(asked().length);
    }
    assertEquals(counts.filter((count) => count === quorum).length, 140 - TO_ALL);
    assertEquals(counts.filter((count) => count === n).length, TO_ALL);
    assertEquals(cluster.asked.length, 0);
  }
});

test("if a preferred replica lies, fails or denies, the others are asked at once, and all for a while", async () => {
  for (const faulty of [says('"a lie"'), rejects, busy, () => new Response("junk")]) {
    const { cluster, timer, client, asked } = await preferring();
    await client.query("GET x");
    const [liar] = asked();
    cluster.queryBehaviours[liar!] = faulty as QueryBehaviour;
    const start = timer.now();
    for (let i = 0; i < TO_ALL + 1; i++) {
      assertEquals(await client.query("GET x"), { read: "GET x" });
      assertEquals(asked().length, 4);
    }
    assertEquals(await client.query("GET x"), { read: "GET x" });
    assertEquals([asked().includes(liar!), timer.now() - start, cluster.asked.length], [false, 0, 0]);
  }
});

test("a preferred replica that is silent is late after milliseconds, and preferred no more", async () => {
  const { cluster, timer, client, asked } = await preferring();
  await client.query("GET x");
  const [silent] = asked();
  cluster.queryBehaviours[silent!] = mute;
  const start = timer.now();
  assertEquals(await passing(timer, client.query("GET x"), 1), { read: "GET x" });
  assertEquals([asked().length, timer.now() - start <= 10, timer.pending], [4, true, 0]);
  for (let i = 0; i < TO_ALL; i++) {
    timer.advance(1);
    const answer = client.query("GET x");
    await cryptoDone();
    timer.advance(1);
    assertEquals(await answer, { read: "GET x" });
  }
  asked();
  assertEquals(await client.query("GET x"), { read: "GET x" });
  assertEquals([asked().includes(silent!), cluster.asked.length], [false, 0]);
});

test("of queries that share a message, one on which the preferred disagree has the others asked, within one poll", async () => {
  const { cluster, client, asked } = await preferring();
  await client.query("GET a");
  const [behind] = asked();
  cluster.queryBehaviours[behind!] = (to, cluster) =>
    cluster.answer(to, (operation) => operation === "GET x" ? { value: utf8('"old"') } : {});
  assertEquals(await Promise.all(["GET a", "GET x"].map((read) => client.query(read))), [
    { read: "GET a" },
    { read: "GET x" },
  ]);
  assertEquals([asked().length, cluster.asked.length], [4, 0]);
});

test("results for which an answer has no room are asked for again at once", async () => {
  const { cluster, timer, client } = setUp();
  cluster.queryBehaviours.fill((asked, cluster) => {
    const { query } = asked;
    return cluster.answer({ ...asked, query: { ...query, operations: query.operations.slice(0, 2) } });
  });
  const answers = await Promise.all(Array.from({ length: 5 }, (_, i) => client.query(`GET ${i}`)));
  assertEquals(answers, Array.from({ length: 5 }, (_, i) => ({ read: `GET ${i}` })));
  assertEquals([cluster.queried.length, timer.pending], [3 * 4, 0]);
});

test("a liar that leaves results out, or gives too many, changes nothing", async () => {
  const leavesOut: QueryBehaviour = (asked, cluster) =>
    cluster.answer({ ...asked, query: { ...asked.query, operations: asked.query.operations.slice(0, 1) } });
  const adds: QueryBehaviour = (asked, cluster) =>
    cluster.answer({ ...asked, query: { ...asked.query, operations: [...asked.query.operations, utf8("x")] } });
  for (const liar of [leavesOut, adds]) {
    const { cluster, client } = setUp([null, liar]);
    const answers = await Promise.all(["GET a", "GET b"].map((read) => client.query(read)));
    assertEquals(answers, [{ read: "GET a" }, { read: "GET b" }]);
    assertEquals(cluster.queried.length, 4);
  }
});

test("replicas of the first release, which know one operation a query, are sent one at a time", async () => {
  const old: QueryBehaviour = (asked, cluster) =>
    asked.query.operations.length === 1 ? cluster.answer(asked) : problem(400, "query.operation: expected bytes");
  const { cluster, client } = setUp([old, old, old, old]);
  const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => client.query(`GET ${i}`)));
  assertEquals(answers, Array.from({ length: 10 }, (_, i) => ({ read: `GET ${i}` })));
  assertEquals(cluster.asked.length, 0);
  assertEquals(cluster.queried.filter(({ query }) => query.operations.length > 1).length <= 4, true);
});

test("with one answer too few for a quorum the read is ordered", async () => {
  for (const others of [[says('"old"'), says('"old"')], [mute, mute], [busy, busy], [rejects, mute]]) {
    const { cluster, timer, client } = setUp(others);
    assertEquals(await passing(timer, client.query("GET x")), { echo: "GET x" });
    assertEquals(cluster.requests.length, 1);
  }
});

test("in a cluster of 6 replicas 4 must agree, not 3", async () => {
  const { cluster, timer, client } = setUp([says('"old"'), says('"old"'), says('"old"')], 6);
  assertEquals(await passing(timer, client.query("GET x")), { echo: "GET x" });
  assertEquals(cluster.requests.length, 1);
});

test("an answer to another query, of another replica, forged, or of another kind does not count", async () => {
  const other = "0".repeat(64) as never;
  const bad: readonly QueryBehaviour[] = [
    (asked, cluster) => cluster.answer(asked, {}, { query: other }),
    (asked, cluster) => cluster.answer(asked, {}, { replica: 3 as never, signedBy: 3 }),
    (asked, cluster) => cluster.answer(asked, {}, { signedBy: 2 }),
    (asked, cluster) => cluster.answer(asked, {}, { replica: 9 as never }),
    (asked, cluster) => cluster.answer(asked, { status: "refused" }),
    () => new Response("garbage"),
  ];
  for (const behaviour of bad) {
    const { cluster, timer, client } = setUp([behaviour, behaviour]);
    assertEquals(await passing(timer, client.query("GET x")), { echo: "GET x" });
    assertEquals(cluster.requests.length, 1);
  }
});

test("a replayed answer to an earlier query does not count", async () => {
  const { cluster, timer, client } = setUp();
  const kept = new Map<number, Uint8Array>();
  const keep: QueryBehaviour = async (asked, cluster) => {
    const frame = new Uint8Array(await cluster.answer(asked, { value: utf8('"old"') }).arrayBuffer());
    kept.set(asked.replica, frame);
    return new Response(frame);
  };
  const again: QueryBehaviour = ({ replica }) => new Response(kept.get(replica) as Uint8Array<ArrayBuffer>);
  cluster.queryBehaviours.fill(keep);
  assertEquals(await client.query("GET x"), "old");
  cluster.queryBehaviours.splice(0, 3, again, again, again);
  await assertRejects(() => passing(timer, client.query("GET x"), 1_000), TimeoutError);
});

test("a query that is not a read is rejected, and never ordered", async () => {
  const { cluster, timer, client } = setUp([rejects, rejects, rejects, rejects]);
  const error = await assertRejects(() => client.query("SET x 1"), QueryRejectedError, "not a read");
  assertEquals(error.effect, "none");
  // Not even when only one liar says that it is a read, and there is no quorum.
  cluster.queryBehaviours.splice(0, 2, says('"a lie"'), mute);
  await assertRejects(() => passing(timer, client.query("SET x 1"), 1_000), TimeoutError);
  assertEquals(cluster.asked.length, 0);
});

test("while no replica can answer, a query is repeated at growing intervals, until they can", async () => {
  const { cluster, timer, client } = setUp([busy, busy, busy, busy]);
  const answer = client.query("GET x");
  await passing(
    timer,
    Promise.race([answer, new Promise((resolve) => timer.schedule(timer.now() + 6_000 as never, () => resolve(null)))]),
  );
  const rounds = cluster.queried.length / 4;
  assertEquals(rounds >= 3 && rounds <= 6, true, `${rounds} rounds in 6 s`);
  cluster.queryBehaviours.fill((asked, cluster) => cluster.answer(asked));
  assertEquals(await passing(timer, answer), { read: "GET x" });
});

test("an ordered read that the state machine rejects rejects the query", async () => {
  const { cluster, timer, client } = setUp([mute, mute]);
  cluster.execution = () => ({ status: "rejected", value: utf8("no such key") });
  await assertRejects(() => passing(timer, client.query("GET x")), OperationRejectedError, "no such key");
});

test("a query ends with its signal, its time, or the client, and leaves no alarm", async () => {
  const { timer, client } = setUp([mute, mute, mute, mute]);
  const controller = new AbortController();
  const aborted = client.query("GET x", { signal: controller.signal });
  await timer.turn();
  controller.abort(new Error("enough"));
  await assertRejects(() => aborted, Error, "enough");
  const late = await assertRejects(() => passing(timer, client.query("GET x"), 1_000), TimeoutError);
  assertEquals(late.effect, "none");
  const open = client.query("GET x");
  await timer.turn();
  client.close();
  assertEquals((await assertRejects(() => open, ClientClosedError)).effect, "none");
  await assertRejects(() => client.query("GET x"), ClientClosedError);
  assertEquals(timer.pending, 0);
});

test("a query with an invalid operation throws", async () => {
  const { client } = setUp();
  await assertRejects(() => client.query(7 as never), TypeError);
  await assertRejects(() => client.query(new Uint8Array(1024 * 1024)), RangeError);
});

test("queryBytes returns an answer that is not JSON", async () => {
  const { cluster, client } = setUp();
  cluster.queryBehaviours.fill(says("not JSON"));
  await assertRejects(() => client.query("GET x"), TypeError, "not JSON");
  assertEquals(await client.queryBytes("GET x"), utf8("not JSON"));
});

/** A cluster whose replicas answer when they are told to. */
function held(options: Partial<ClientOptions> = {}) {
  const gate = Promise.withResolvers<void>();
  const behaviour: QueryBehaviour = async (asked, cluster) => {
    await gate.promise;
    return cluster.answer(asked, (operation) => ({ value: utf8(JSON.stringify(operation)) }));
  };
  const cluster = new FakeCluster(4);
  for (let replica = 0; replica < 4; replica++) cluster.queryBehaviours[replica] = behaviour;
  const timer = new ManualTimer();
  const client = new Client({ cluster: cluster.file, fetch: cluster.fetch, timer, ...options });
  return { cluster, timer, client, open: gate.resolve };
}

test("at most maxQueriesInFlight signed queries are in flight, the others wait, and none is lost", async () => {
  const { cluster, client, open } = held({ maxQueriesInFlight: 3 });
  const answers: Promise<unknown>[] = [];
  for (let i = 0; i < 20; i++) {
    answers.push(client.query(`GET ${i}`));
    await cryptoDone();
  }
  assertEquals(new Set(cluster.queried.map(({ query }) => query.nonce)).size, 3);
  open();
  assertEquals(await Promise.all(answers), Array.from({ length: 20 }, (_, i) => `GET ${i}`));
});

test("equal waiting queries are sent as one, after all of them were made", async () => {
  const { cluster, client, open } = held({ maxQueriesInFlight: 1 });
  const first = client.query("GET x");
  await cryptoDone();
  const others = Array.from({ length: 50 }, () => client.queryBytes("GET x"));
  open();
  assertEquals(await first, "GET x");
  const values = await Promise.all(others);
  assertEquals(values.map(fromUtf8), Array(50).fill('"GET x"'));
  assertEquals(new Set(values.map(({ buffer }) => buffer)).size, 50, "each caller has bytes of its own");
  assertEquals(new Set(cluster.queried.map(({ query }) => query.nonce)).size, 2);
});

test("queries over the limit of the queue are refused, and a query that ends makes room", async () => {
  const { client, open } = held({ maxQueriesInFlight: 1, maxWaitingOperations: 2 });
  const controller = new AbortController();
  const first = client.query("GET a");
  await cryptoDone();
  const left = client.query("GET b", { signal: controller.signal });
  const last = client.query("GET c");
  await assertRejects(() => client.query("GET d"), QueueFullError);
  controller.abort(new Error("no longer"));
  await assertRejects(() => left, Error, "no longer");
  const late = client.query("GET d");
  open();
  assertEquals(await Promise.all([first, last, late]), ["GET a", "GET c", "GET d"]);
});

test("a waiting query times out too, and does not affect another caller that shares it", async () => {
  const { timer, client, open } = held({ maxQueriesInFlight: 1, timeoutMs: 1_000, retryMs: 10_000 });
  const controller = new AbortController();
  const first = client.query("GET a").catch((error) => error);
  await cryptoDone();
  const second = client.query("GET b").catch((error) => error);
  timer.advance(500);
  const left = client.query("GET c", { signal: controller.signal }).catch((error) => error);
  const stays = client.query("GET c").catch((error) => error);
  timer.advance(600);
  assertEquals([await first, await second].map((error) => error instanceof TimeoutError), [true, true]);
  controller.abort(new Error("no longer"));
  assertEquals((await left as Error).message, "no longer");
  open();
  assertEquals(await stays, "GET c");
  assertEquals(timer.pending, 0);
});

test("3,000 queries at once are answered, each with its own answer", async () => {
  const { client, open } = held();
  open();
  const answers = await Promise.all(Array.from({ length: 3_000 }, (_, i) => client.query(`GET ${i % 100}`)));
  assertEquals(answers.every((answer, i) => answer === `GET ${i % 100}`), true);
});
