import { assertEquals, assertRejects } from "@std/assert";
import {
  Client,
  type ClientOptions,
  RefusedError,
  RequestDeniedError,
  SessionExpiredError,
  TimeoutError,
} from "../../src/client/mod.ts";
import { digest, replicaId, view } from "../../src/core/messages/ids.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { type Behaviour, correct, down, FakeCluster, lying, mute, problem } from "./fake_cluster.ts";
import { ManualTimer } from "./manual_timer.ts";
import { cryptoDone, test } from "./with_crypto_done.ts";

/** A client with an open session, and the number of POSTs so far. */
async function setUp(cluster: FakeCluster, options: Partial<ClientOptions> = {}) {
  const timer = new ManualTimer();
  const client = new Client({ cluster: cluster.file, fetch: cluster.fetch, timer, ...options });
  await client.invoke("warm up");
  return { client, timer, before: cluster.asked.length };
}

/** The backup that a client with this history asks first. */
function favourite(cluster: FakeCluster): number {
  return cluster.askedSince(0).find((replica) => replica !== 0)!;
}

test("without faults only the primary and f others get the request", async () => {
  const cluster = new FakeCluster(7);
  const { client, before } = await setUp(cluster);
  await client.invoke("a");
  const asked = cluster.askedSince(before);
  assertEquals(asked.length, 3);
  assertEquals(asked[0], 0);
  assertEquals(new Set(asked).size, 3);
});

test("one reply is not enough", async () => {
  const cluster = new FakeCluster();
  const { client, before } = await setUp(cluster);
  cluster.behaviours.fill(mute);
  cluster.behaviours[0] = correct;
  const controller = new AbortController();
  const call = client.invoke("a", { signal: controller.signal });
  await cluster.until(before + 2);
  controller.abort();
  await assertRejects(() => call, DOMException);
});

test("one replica's reply does not count twice, no matter who passes it on", async () => {
  const cluster = new FakeCluster();
  const { client, before, timer } = await setUp(cluster);
  const lie: Behaviour = (asked) => {
    const results = cluster.execute(asked).map((result) => ({ ...result, value: utf8('"a lie"') }));
    return cluster.reply(asked, { replica: replicaId(3), signedBy: 3, results });
  };
  cluster.behaviours.fill(lie);
  const call = client.invoke("a");
  await cluster.until(before + 4);
  cluster.behaviours.fill(correct, 0, 3);
  let ended = false;
  call.finally(() => ended = true);
  while (!ended) {
    timer.advance(600);
    await new Promise((resolve) => setTimeout(resolve));
  }
  assertEquals(await call, { echo: "a" });
});

test("an unreachable replica is replaced at once, and is not preferred the next time", async () => {
  const cluster = new FakeCluster();
  const { client, before } = await setUp(cluster);
  const gone = favourite(cluster);
  cluster.behaviours[gone] = down;
  assertEquals(await client.invoke("a"), { echo: "a" });
  assertEquals(cluster.askedSince(before).slice(0, 2), [0, gone]);
  const next = cluster.asked.length;
  await client.invoke("b");
  assertEquals(cluster.askedSince(next).includes(gone), false);
  assertEquals(cluster.askedSince(next).length, 2);
});

test("a reply with a wrong signature does not count, and another replica gets the request", async () => {
  const cluster = new FakeCluster();
  const { client, before } = await setUp(cluster);
  const forger = favourite(cluster);
  cluster.behaviours[forger] = (asked) => cluster.reply(asked, { signedBy: (forger + 1) % 4 });
  assertEquals(await client.invoke("a"), { echo: "a" });
  assertEquals(cluster.askedSince(before).length, 3);
});

test("a reply to another request, or bytes that are no reply, do not count", async () => {
  const answers: Behaviour[] = [
    (asked, cluster) => cluster.reply(asked, { request: digest("0".repeat(64)) }),
    (asked, cluster) => cluster.reply(asked, { results: [] }),
    (asked, cluster) => cluster.reply(asked, { replica: replicaId(9) }),
    () => new Response("not a frame"),
    () => new Response(null, { status: 500 }),
    () => new Response(new Uint8Array(10_000_000)),
  ];
  for (const answer of answers) {
    const cluster = new FakeCluster();
    const { client, before } = await setUp(cluster);
    cluster.behaviours[favourite(cluster)] = answer;
    assertEquals(await client.invoke("a"), { echo: "a" });
    assertEquals(cluster.askedSince(before).length, 3);
  }
});

test("a faulty replica is outvoted by further replicas that get the request", async () => {
  const cluster = new FakeCluster();
  const { client, before, timer } = await setUp(cluster);
  cluster.behaviours[favourite(cluster)] = lying;
  assertEquals(await client.invoke("a"), { echo: "a" });
  assertEquals(cluster.askedSince(before).length, 3);
  assertEquals(timer.pending, 0);
});

test("with a silent primary all replicas get the request after retryMs", async () => {
  const cluster = new FakeCluster();
  const { client, timer, before } = await setUp(cluster, { retryMs: 500 });
  cluster.behaviours[0] = mute;
  const call = client.invoke("a");
  await cluster.until(before + 2);
  assertEquals(timer.nextInMs, 500);
  timer.advance(500);
  assertEquals(await call, { echo: "a" });
  assertEquals(new Set(cluster.askedSince(before)).size, 4);
});

test("a silent primary still gets later requests, but the client does not wait for it", async () => {
  const cluster = new FakeCluster();
  const { client, timer, before } = await setUp(cluster);
  cluster.behaviours[0] = mute;
  const call = client.invoke("a");
  await cluster.until(before + 2);
  timer.advance(500);
  await call;
  const next = cluster.asked.length;
  assertEquals(await client.invoke("b"), { echo: "b" });
  const asked = cluster.askedSince(next);
  assertEquals([asked.length, asked[0]], [3, 0]);
});

test("retries come at doubling intervals up to maxRetryMs, give or take a quarter", async () => {
  const cluster = new FakeCluster();
  const { client, timer, before } = await setUp(cluster, { retryMs: 100, maxRetryMs: 400, postMs: 1 });
  cluster.behaviours.fill(mute);
  const controller = new AbortController();
  const call = client.invoke("a", { signal: controller.signal });
  let posts = before + 2;
  await cluster.until(posts);
  for (const expected of [100, 200, 400, 400]) {
    const ms = timer.nextInMs;
    assertEquals(ms >= expected * 0.75 - 1 && ms <= expected * 1.25 + 1, true, `${ms} where ${expected} was expected`);
    timer.advance(ms);
    await cluster.until(posts += 4);
  }
  controller.abort();
  await assertRejects(() => call, DOMException);
});

/** Has an operation answered that takes so long. Returns how many POSTs that took. */
async function taking(
  ms: number,
  { cluster, client, timer }: { cluster: FakeCluster; client: Client; timer: ManualTimer },
) {
  const answers: (() => void)[] = [];
  cluster.behaviours.fill((asked) => new Promise((resolve) => answers.push(() => resolve(cluster.reply(asked)))));
  const before = cluster.asked.length;
  const call = client.invoke("a");
  await cluster.until(before + 2);
  timer.advance(ms);
  for (const answer of answers) answer();
  assertEquals(await call, { echo: "a" });
  return cluster.askedSince(before).length;
}

test("where operations take long, a client does not make them longer with needless copies", async () => {
  const cluster = new FakeCluster();
  const { client, timer } = await setUp(cluster, { retryMs: 500, maxRetryMs: 2_000 });
  const parts = { cluster, client, timer };
  assertEquals(await taking(900, parts), 4, "nothing is known yet");
  for (let i = 0; i < 10; i++) await taking(400, parts);
  assertEquals(await taking(900, parts), 2);
  // It is patient, and not for ever.
  for (let i = 0; i < 40; i++) await taking(1_900, parts);
  cluster.behaviours.fill(mute);
  const controller = new AbortController();
  const call = client.invoke("a", { signal: controller.signal });
  const asked = cluster.asked.length;
  await cluster.until(asked + 2);
  timer.advance(1_999);
  assertEquals(cluster.asked.length, asked + 2);
  timer.advance(1);
  await cluster.until(asked + 4);
  controller.abort();
  await assertRejects(() => call, DOMException);
  // And it gets quick again.
  for (let i = 0; i < 60; i++) await taking(10, parts);
  assertEquals(await taking(500, parts), 4);
});

test("a POST that hangs is cancelled at a retry and sent again", async () => {
  const cluster = new FakeCluster();
  const { client, timer, before } = await setUp(cluster, { retryMs: 500, postMs: 500 });
  cluster.behaviours.fill(mute);
  const call = client.invoke("a");
  await cluster.until(before + 2);
  const first = cluster.asked.at(-1)!;
  cluster.behaviours.fill(correct);
  timer.advance(500);
  assertEquals(await call, { echo: "a" });
  assertEquals(first.signal.aborted, true);
});

test("the view that f + 1 replicas claim determines the primary", async () => {
  const cluster = new FakeCluster();
  cluster.view = 6;
  const { client, before } = await setUp(cluster);
  await client.invoke("a");
  assertEquals(cluster.askedSince(before)[0], 2);
});

test("one replica alone cannot change the view", async () => {
  const cluster = new FakeCluster();
  cluster.behaviours[0] = (asked) => cluster.reply(asked, { view: view(1_000_003) });
  const { client, before } = await setUp(cluster);
  await client.invoke("a");
  assertEquals(cluster.askedSince(before)[0], 0);
});

test("429: the primary gets nothing for as long as it asks, and no other replica gets the request", async () => {
  const cluster = new FakeCluster();
  const { client, timer, before } = await setUp(cluster);
  cluster.behaviours[0] = () => problem(429, "busy", { "retry-after": "2" });
  const call = client.invoke("a");
  await cluster.until(before + 2);
  await settled(() => timer.nextInMs > 1000);
  const ms = timer.nextInMs;
  assertEquals(ms >= 1500 && ms <= 2501, true, `${ms} where 2000 was expected`);
  cluster.behaviours[0] = correct;
  timer.advance(ms - 1);
  assertEquals(cluster.askedSince(before).length, 2);
  timer.advance(1);
  assertEquals(await call, { echo: "a" });
  assertEquals(cluster.askedSince(before).length, 3);
});

test("429 of the primary holds for the next request too", async () => {
  const cluster = new FakeCluster();
  const { client, timer, before } = await setUp(cluster, { maxInFlight: 2 });
  cluster.behaviours[0] = () => problem(429, "busy", { "retry-after": "2" });
  const first = client.invoke("a");
  await cluster.until(before + 2);
  await settled(() => timer.nextInMs > 1000);
  const second = client.invoke("b");
  await cluster.until(before + 3);
  assertEquals(cluster.askedSince(before).filter((replica) => replica === 0).length, 1);
  cluster.behaviours[0] = correct;
  timer.advance(2600);
  assertEquals([await first, await second], [{ echo: "a" }, { echo: "b" }]);
});

test("503: another replica gets the request at once", async () => {
  const cluster = new FakeCluster();
  const { client, before } = await setUp(cluster);
  cluster.behaviours[favourite(cluster)] = () => problem(503, "starting", { "retry-after": "1" });
  assertEquals(await client.invoke("a"), { echo: "a" });
  assertEquals(cluster.askedSince(before).length, 3);
});

test("202: the replica gets the request again", async () => {
  const cluster = new FakeCluster();
  const { client, timer, before } = await setUp(cluster, { retryMs: 500 });
  let times = 0;
  cluster.behaviours[0] = (asked) => ++times === 1 ? new Response(null, { status: 202 }) : cluster.reply(asked);
  const call = client.invoke("a");
  await cluster.until(before + 2);
  while (times < 2) {
    timer.advance(100);
    await timer.turn();
  }
  assertEquals(await call, { echo: "a" });
});

test("HTTP errors of f replicas do not end a call; those of f + 1 replicas do", async () => {
  const cluster = new FakeCluster();
  const { client } = await setUp(cluster);
  const deny: Behaviour = () => problem(403, "not on the list");
  cluster.behaviours[favourite(cluster)] = deny;
  assertEquals(await client.invoke("a"), { echo: "a" });
  cluster.behaviours.fill(deny);
  const error = await assertRejects(() => client.invoke("b"), RequestDeniedError, "not on the list");
  assertEquals(error.status, 403);
});

test("an aborted call rejects with its signal's reason and cancels its POSTs", async () => {
  const cluster = new FakeCluster();
  const { client, timer, before } = await setUp(cluster);
  cluster.behaviours.fill(mute);
  const controller = new AbortController();
  const call = client.invoke("a", { signal: controller.signal });
  await cluster.until(before + 2);
  controller.abort();
  const error = await assertRejects(() => call, DOMException);
  assertEquals(error.name, "AbortError");
  assertEquals(cluster.asked.slice(before).map(({ signal }) => signal.aborted), [true, true]);
  assertEquals(timer.pending, 0);
});

test("an aborted call does not affect the others in its request", async () => {
  const cluster = new FakeCluster();
  const { client, before } = await setUp(cluster);
  let answer = () => {};
  const answered = new Promise<void>((resolve) => answer = resolve);
  cluster.behaviours.fill(async (asked) => (await answered, cluster.reply(asked)));
  const controller = new AbortController();
  const aborted = client.invoke("a", { signal: controller.signal });
  const other = client.invoke("b");
  await cluster.until(before + 2);
  controller.abort(new Error("changed my mind"));
  await assertRejects(() => aborted, Error, "changed my mind");
  answer();
  assertEquals(await other, { echo: "b" });
});

test("a call that is aborted before it is sent is never sent", async () => {
  const cluster = new FakeCluster();
  const { client } = await setUp(cluster);
  const controller = new AbortController();
  const aborted = client.invoke("a", { signal: controller.signal });
  controller.abort();
  await assertRejects(() => aborted, DOMException);
  await assertRejects(() => client.invoke("b", { signal: AbortSignal.abort() }), DOMException);
  await client.invoke("c");
  assertEquals(cluster.requests.flatMap((r) => r.operations.map((o) => new TextDecoder().decode(o))), ["warm up", "c"]);
});

test("listeners on signals are removed when a call ends", async () => {
  const { client } = await setUp(new FakeCluster());
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal) as (...args: unknown[]) => void;
  const remove = signal.removeEventListener.bind(signal) as (...args: unknown[]) => void;
  signal.addEventListener = (...args: unknown[]) => (listeners++, add(...args));
  signal.removeEventListener = (...args: unknown[]) => (listeners--, remove(...args));
  await Promise.all([client.invoke("a", { signal }), client.invoke("b", { signal })]);
  assertEquals(listeners, 0);
});

test("without an answer a call times out timeoutMs after it was made, and says that it was sent", async () => {
  const cluster = new FakeCluster();
  const { client, timer, before } = await setUp(cluster, { timeoutMs: 3000, retryMs: 10_000 });
  cluster.behaviours.fill(mute);
  const ended: string[] = [];
  const call = async (operation: string) => {
    const error = await assertRejects(() => client.invoke(operation), TimeoutError, "may or may not");
    ended.push(`${operation} ${error.effect}`);
  };
  const first = call("first");
  await cluster.until(before + 2);
  timer.advance(1000);
  const second = call("second");
  await cluster.until(before + 4);
  timer.advance(2000);
  await first;
  assertEquals([ended, timer.nextInMs], [["first unknown"], 1000]);
  timer.advance(1000);
  await second;
  assertEquals([ended.length, timer.pending], [2, 0]);
});

test("an operation that waits for a session that can't be opened times out unsent", async () => {
  const cluster = new FakeCluster();
  cluster.behaviours.fill(mute);
  const timer = new ManualTimer();
  const client = new Client({ cluster: cluster.file, fetch: cluster.fetch, timer, timeoutMs: 1000 });
  const call = assertRejects(() => client.invoke("a"), TimeoutError, "was never sent");
  await cluster.until(2);
  timer.advance(1000);
  assertEquals((await call).effect, "none");
  assertEquals(timer.pending, 0);
});

test("a timeout tells that the replicas refused, and their words, until they answer", async () => {
  const cluster = new FakeCluster();
  const words = "too many new clients from this address. Try again in 540 s";
  cluster.behaviours.fill(() => problem(429, words, { "retry-after": "540" }));
  const timer = new ManualTimer();
  const client = new Client({ cluster: cluster.file, fetch: cluster.fetch, timer, timeoutMs: 20_000 });
  const operation = assertRejects(
    () => client.invoke("a"),
    TimeoutError,
    `no agreed answer within 20000 ms: the operation was never sent: the replicas refused: ${words}`,
  );
  await cluster.until(1);
  await settled(() => timer.nextInMs > 1000); // It has heard that it must wait.
  timer.advance(20_000);
  assertEquals((await operation).effect, "none");
});

test("after a session is lost, sent operations are not repeated, and later ones use a new session", async () => {
  const cluster = new FakeCluster();
  const { client } = await setUp(cluster);
  const ran: string[] = [];
  cluster.execution = (operation, { session }) => {
    if (session === 1) return { status: "refused", value: utf8("unknown-session") };
    ran.push(operation);
    return { value: utf8("1") };
  };
  const error = await assertRejects(() => client.invoke("a"), SessionExpiredError, "may or may not");
  assertEquals(error.effect, "unknown");
  assertEquals(await client.invoke("b"), 1);
  assertEquals(ran, ["b"]);
  assertEquals(cluster.requests.at(-1)!.timestamp, 1);
});

test("operations that were not sent when the session was lost are sent in the new one", async () => {
  const cluster = new FakeCluster();
  const { client, timer, before } = await setUp(cluster, { maxInFlight: 1 });
  let answer = () => {};
  const answered = new Promise<void>((resolve) => answer = resolve);
  cluster.execution = (_, { session }) =>
    session === 1 ? { status: "refused", value: utf8("unknown-session") } : { value: utf8("1") };
  cluster.behaviours.fill(async (asked) => (await answered, cluster.reply(asked)));
  const sent = assertRejects(() => client.invoke("sent"), SessionExpiredError);
  await cluster.until(before + 2);
  const waiting = client.invoke("waiting");
  await timer.turn();
  answer();
  await sent;
  assertEquals(await waiting, 1);
});

test("after a long pause a new session is opened before anything is sent in the old one", async () => {
  const cluster = new FakeCluster(4, { sessionIdleMs: 60_000 });
  const { client, timer } = await setUp(cluster);
  timer.advance(29_000);
  await client.invoke("a");
  timer.advance(31_000);
  await client.invoke("b");
  assertEquals(cluster.requests.map(({ session }) => session === 1), [true, true, false]);
});

test("if opening a session is refused, waiting calls fail, and the next call tries again", async () => {
  const cluster = new FakeCluster();
  const timer = new ManualTimer();
  const client = new Client({ cluster: cluster.file, fetch: cluster.fetch, timer });
  cluster.behaviours.fill((asked) => {
    const [result] = cluster.execute(asked);
    return cluster.reply(asked, { results: [{ ...result!, status: "refused", value: utf8("too-many-clients") }] });
  });
  const error = await assertRejects(() => client.invoke("a"), RefusedError);
  assertEquals([error.refusal, error.effect], ["too-many-clients", "none"]);
  cluster.behaviours.fill(correct);
  assertEquals(await client.invoke("b"), { echo: "b" });
});

test("an opening whose answer was lost is repeated with the same nonce", async () => {
  const cluster = new FakeCluster();
  const timer = new ManualTimer();
  const client = new Client({ cluster: cluster.file, fetch: cluster.fetch, timer, timeoutMs: 1000, retryMs: 10_000 });
  cluster.behaviours.fill(mute);
  const lost = assertRejects(() => client.invoke("a"), TimeoutError);
  await cluster.until(2);
  timer.advance(1000);
  await lost;
  cluster.behaviours.fill(correct);
  await client.invoke("b");
  const nonces = cluster.asked.filter(({ request }) => request.session === 0).map(({ request }) => request.timestamp);
  assertEquals(new Set(nonces).size, 1);
});

/** Waits until what is under way has led to `condition`. */
async function settled(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve));
}

test("operations without room for their results are sent again, and run once", async () => {
  const cluster = new FakeCluster(4, { maxResultBytes: 4096, maxSessionReplyBytes: 8000 });
  const { client } = await setUp(cluster);
  const ran: string[] = [];
  let room = 0;
  cluster.execution = (operation, { timestamp, operations }) => {
    if (operation === text(operations[0]!)) room = 8000;
    if (room <= 0) return { status: "refused", value: utf8("reply-storage-full") };
    room -= 3200;
    ran.push(`${operation} at ${timestamp}`);
    return { value: utf8(JSON.stringify("x".repeat(3198))) };
  };
  const operations = ["a", "b", "c", "d", "e"];
  const results = await Promise.all(operations.map((operation) => client.invoke<string>(operation)));
  assertEquals(results.map(({ length }) => length), [3198, 3198, 3198, 3198, 3198]);
  assertEquals(ran, ["a at 2", "b at 2", "c at 2", "d at 3", "e at 4"]);
});

test("a request without room for any result is sent again with its timestamp after earlier ones are answered", async () => {
  const cluster = new FakeCluster();
  const { client, timer } = await setUp(cluster, { maxInFlight: 2 });
  const ran: string[] = [];
  cluster.execution = (operation, { timestamp, lowestUnanswered }) => {
    if (lowestUnanswered < timestamp) return { status: "refused", value: utf8("reply-storage-full") };
    ran.push(operation);
    return { value: utf8("1") };
  };
  let answer = () => {};
  const answered = new Promise<void>((resolve) => answer = resolve);
  cluster.behaviours.fill(async (asked) => {
    if (text(asked.request.operations[0]!) === "a") await answered;
    return cluster.reply(asked);
  });
  const first = client.invoke("a");
  await timer.turn();
  const second = client.invoke("b");
  await settled(() => cluster.asked.filter(({ request }) => request.timestamp === 3).length === 2);
  await cryptoDone();
  assertEquals(cluster.requests.length, 3);
  answer();
  assertEquals([await first, await second], [1, 1]);
  assertEquals(ran, ["a", "b"]);
  assertEquals(cluster.requests.map((r) => [r.timestamp, r.lowestUnanswered]), [[1, 1], [2, 2], [3, 2], [3, 3]]);
});

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
