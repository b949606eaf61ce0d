import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Client, ClientClosedError, OperationRejectedError, QueueFullError } from "../../src/client/mod.ts";
import type { ClientOptions } from "../../src/client/mod.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { FakeCluster, lying, mute } from "./fake_cluster.ts";
import { ManualTimer } from "./manual_timer.ts";
import { cryptoDone, test } from "./with_crypto_done.ts";

function setUp(cluster: FakeCluster, options: Partial<ClientOptions> = {}) {
  const timer = new ManualTimer();
  const client = new Client({ cluster: cluster.file, fetch: cluster.fetch, timer, ...options });
  return { client, timer };
}

test("invoke returns the agreed result, parsed", async () => {
  const cluster = new FakeCluster();
  const { client } = setUp(cluster);
  assertEquals(await client.invoke("SET name Ada"), { echo: "SET name Ada" });
});

test("an object is sent as its JSON text, bytes as they are", async () => {
  const { client } = setUp(new FakeCluster());
  assertEquals(await client.invoke({ op: "get", key: "k" }), { echo: '{"op":"get","key":"k"}' });
  assertEquals(await client.invoke(utf8("GET k")), { echo: "GET k" });
});

test("submit returns the bytes, the sequence number and f + 1 replies", async () => {
  const cluster = new FakeCluster();
  const { client } = setUp(cluster);
  const outcome = await client.submit("GET k");
  assertEquals(outcome.text(), '{"echo":"GET k"}');
  assertEquals(outcome.sequence, 2);
  assertEquals(outcome.receipt.replies.length, 2);
});

for (const number of ["9007199254740993", "1e400"]) {
  test(`an answer with a number that JavaScript would change is a TypeError that names it: ${number}`, async () => {
    const cluster = new FakeCluster();
    cluster.execution = () => ({ value: utf8(`{"n":${number}}`) });
    const { client } = setUp(cluster);
    await assertRejects(() => client.invoke("GET k"), TypeError, number);
    assertEquals((await client.submit("GET k")).text(), `{"n":${number}}`);
  });
}

test("numbers in a result may be written in another way than JavaScript writes them", async () => {
  const cluster = new FakeCluster();
  cluster.execution = () => ({ value: utf8("[1.10,1e3,9007199254740992]") });
  assertEquals(await setUp(cluster).client.invoke("GET k"), [1.1, 1000, 2 ** 53]);
});

test("an answer that is not JSON is a TypeError that points to submit", async () => {
  const cluster = new FakeCluster();
  cluster.execution = () => ({ value: utf8("plain") });
  const { client } = setUp(cluster);
  await assertRejects(() => client.invoke("GET k"), TypeError, "submit()");
  assertEquals((await client.submit("GET k")).text(), "plain");
});

test("a cluster of one replica works", async () => {
  const { client } = setUp(new FakeCluster(1));
  assertEquals(await client.invoke("PING"), { echo: "PING" });
});

test("a session is opened once, and requests in it count 1, 2, 3", async () => {
  const cluster = new FakeCluster();
  const { client } = setUp(cluster);
  for (const operation of ["a", "b", "c"]) await client.invoke(operation);
  const [opening, ...rest] = [...new Map(cluster.asked.map((a) => [a.digest, a.request])).values()];
  assertEquals([opening!.session, opening!.operations.length], [0, 0]);
  assertEquals(rest.map(({ session, timestamp, lowestUnanswered }) => [session, timestamp, lowestUnanswered]), [
    [1, 1, 1],
    [1, 2, 2],
    [1, 3, 3],
  ]);
});

test("calls of one turn of the event loop share one signed request", async () => {
  const cluster = new FakeCluster();
  const { client } = setUp(cluster);
  const operations = Array.from({ length: 100 }, (_, i) => `SET k${i}`);
  const results = await Promise.all(operations.map((operation) => client.invoke(operation)));
  assertEquals(results, operations.map((echo) => ({ echo })));
  assertEquals(cluster.requests.length, 1);
});

test("each of a bundle's calls gets its own result", async () => {
  const cluster = new FakeCluster();
  cluster.execution = (operation) =>
    operation === "bad" ? { status: "rejected", value: utf8("no such thing") } : { value: utf8("1") };
  const { client } = setUp(cluster);
  const bad = client.invoke("bad");
  const good = client.invoke("good");
  const error = await assertRejects(() => bad, OperationRejectedError, "no such thing");
  assertEquals([error.effect, error.sequence], ["none", 2]);
  assertEquals(await good, 1);
});

test("a bundle holds no more operations than the cluster accepts", async () => {
  const cluster = new FakeCluster(4, { maxRequestOperations: 3 });
  const { client } = setUp(cluster);
  await Promise.all(["a", "b", "c", "d", "e", "f", "g"].map((operation) => client.invoke(operation)));
  assertEquals(cluster.requests.map(({ operations }) => operations.length), [3, 3, 1]);
});

test("a bundle holds no more bytes than the cluster accepts", async () => {
  const cluster = new FakeCluster(4, { maxRequestBytes: 4096 });
  cluster.execution = () => ({ value: utf8("1") });
  const { client } = setUp(cluster);
  await Promise.all(Array.from({ length: 5 }, () => client.invoke("x".repeat(1500))));
  assertEquals(cluster.requests.map(({ operations }) => operations.length), [2, 2, 1]);
});

test("an operation that is longer than the cluster accepts is a RangeError", async () => {
  const { client } = setUp(new FakeCluster(4, { maxRequestBytes: 4096 }));
  await assertRejects(() => client.invoke("x".repeat(4000)), RangeError, "at most 3575 bytes, got 4000");
});

test("an operation of another type is a TypeError", async () => {
  const { client } = setUp(new FakeCluster());
  await assertRejects(() => client.invoke(7 as unknown as string), TypeError, "got 7");
});

test("at most maxInFlight requests are in flight; further operations are bundled", async () => {
  const cluster = new FakeCluster();
  const { client, timer } = setUp(cluster, { maxInFlight: 1 });
  await client.invoke("warm up");
  const release = hold(cluster);
  const first = client.invoke("first");
  await cluster.until(5);
  const others = [client.invoke("second"), client.invoke("third")];
  await timer.turn();
  await cryptoDone();
  assertEquals(cluster.requests.length, 2);
  release();
  await Promise.all([first, ...others]);
  assertEquals(cluster.requests.map(({ operations }) => operations.length), [1, 1, 2]);
});

test("a timestamp never runs ahead of the lowest unanswered one by the session's window", async () => {
  const cluster = new FakeCluster(4, { sessionWindow: 3 });
  const { client, timer } = setUp(cluster, { maxInFlight: 10 });
  await client.invoke("warm up");
  const release = hold(cluster);
  const calls: Promise<unknown>[] = [];
  for (let i = 0; i < 5; i++) {
    calls.push(client.invoke(`${i}`));
    await timer.turn();
  }
  await cluster.until(4 + 3 * 2);
  await cryptoDone();
  const ahead = cluster.requests.map(({ timestamp, lowestUnanswered }) => timestamp - lowestUnanswered);
  assertEquals(ahead, [0, 0, 1, 2]);
  release();
  await Promise.all(calls);
});

test("the client acknowledges exactly the requests whose replies it has", async () => {
  const cluster = new FakeCluster();
  const { client, timer } = setUp(cluster, { maxInFlight: 3 });
  await client.invoke("1");
  const held = hold(cluster, "2");
  const second = client.invoke("2");
  await timer.turn();
  await client.invoke("3");
  await client.invoke("4");
  assertEquals(cluster.requests.map((r) => [r.timestamp, r.lowestUnanswered]), [[1, 1], [2, 2], [3, 2], [4, 2]]);
  held();
  await second;
  await client.invoke("5");
  assertEquals(cluster.requests.at(-1)!.lowestUnanswered, 5);
});

test("operations over the limit of the queue are refused and were not sent", async () => {
  const { client } = setUp(new FakeCluster(), { maxWaitingOperations: 2 });
  const waiting = [client.invoke("a"), client.invoke("b")];
  const error = await assertRejects(() => client.invoke("c"), QueueFullError);
  assertEquals(error.effect, "none");
  await Promise.all(waiting);
});

test("bytes over the limit of the queue are refused", async () => {
  const { client } = setUp(new FakeCluster(), { maxWaitingBytes: 10 });
  const waiting = client.invoke("12345678");
  await assertRejects(() => client.invoke("901"), QueueFullError);
  await waiting;
});

test("close ends all calls, and their errors say which may have been executed", async () => {
  const cluster = new FakeCluster();
  const { client, timer } = setUp(cluster, { maxInFlight: 1 });
  await client.invoke("warm up");
  cluster.behaviours.fill(mute);
  const sent = client.invoke("sent");
  await cluster.until(6);
  const waiting = client.invoke("waiting");
  await timer.turn();
  client.close();
  assertEquals((await assertRejects(() => sent, ClientClosedError)).effect, "unknown");
  assertEquals((await assertRejects(() => waiting, ClientClosedError)).effect, "none");
  await assertRejects(() => client.invoke("late"), ClientClosedError);
  assert(cluster.asked.slice(4).every(({ signal }) => signal.aborted));
  await timer.turn();
  assertEquals(timer.pending, 0);
});

test("an idle client holds no timer", async () => {
  const { client, timer } = setUp(new FakeCluster());
  await Promise.all([client.invoke("a"), client.invoke("b")]);
  assertEquals(timer.pending, 0);
});

test("a cluster file with a fault is a TypeError, a bad number a RangeError", () => {
  const { file } = new FakeCluster();
  assertThrows(() => new Client({ cluster: { ...file, urls: { R0: "http://a.test" } } }), TypeError, "cluster.urls");
  assertThrows(() => new Client({ cluster: file, retryMs: -1 }), RangeError, "retryMs");
});

test("a client with a given key pair has the id of that key", async () => {
  const { generateKeyPair } = await import("../../src/crypto/mod.ts");
  const keyPair = generateKeyPair();
  const cluster = new FakeCluster();
  const { client } = setUp(cluster, { keyPair });
  await client.invoke("a");
  assertEquals(await client.id(), keyPair.publicKey as string);
  assertEquals(cluster.requests[0]!.client as string, keyPair.publicKey);
});

test("f faulty replicas cannot make up a result", async () => {
  const cluster = new FakeCluster();
  cluster.behaviours[1] = lying;
  const { client } = setUp(cluster);
  for (const operation of ["a", "b", "c", "d"]) assertEquals(await client.invoke(operation), { echo: operation });
});

/** Lets replicas hold back their answers, to requests with this operation only if one is given. Returns what ends it. */
function hold(cluster: FakeCluster, operation?: string): () => void {
  let release = () => {};
  const released = new Promise<void>((resolve) => release = resolve);
  cluster.behaviours.fill(async (asked) => {
    const isMeant = asked.request.operations.some((bytes) => new TextDecoder().decode(bytes) === operation);
    if (operation === undefined || isMeant) await released;
    return cluster.reply(asked);
  });
  return release;
}
