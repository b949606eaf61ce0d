import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { OutgoingReply } from "../../src/core/io.ts";
import type { SignedRequest } from "../../src/core/messages/messages.ts";
import { createVerifier, sha256 } from "../../src/crypto/mod.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { ReplicaNode } from "../../src/node/node.ts";
import { type Observer, type Rejection, StoreConflictError } from "../../src/node/ports.ts";
import { decodeFrame, utf8 } from "../../src/wire/mod.ts";
import { keyPairOf, resultsIn } from "./_cluster.ts";
import { Bench, greeting, type Script, viewRecord } from "./_fake_core.ts";
import { newStatus } from "../../src/testing/drills/peers.ts";

/** Executes a request at once. */
function replyTo({ digest, message }: SignedRequest, self = 0): OutgoingReply {
  const to = message.kind === "request" ? { client: message.client } : { gateway: message.gateway };
  const results = message.operations.map((_, i) => {
    return { sequence: 1 as SequenceNumber, status: "ok" as const, value: utf8(`result ${i}`) };
  });
  return { to, reply: { kind: "reply", replica: self as ReplicaId, view: 0 as View, request: digest, results } };
}

const executing: Script = (input) =>
  input.kind === "request" ? { records: [viewRecord(1)], replies: [replyTo(input.request)] } : {};

function requestFrame(bench: Bench, timestamp = 1): Uint8Array {
  const client = bench.author(9);
  return client.frame(client.request({ session: 3, timestamp, operations: ["SET a 1", "GET a"] }));
}

function reasons(answers: readonly (Rejection | null)[]): readonly (string | null)[] {
  return answers.map((answer) => answer?.reason ?? null);
}

Deno.test("each frame gets its own answer, and rejected ones do not reach the core", async () => {
  const bench = await Bench.open(() => ({}));
  const forged = bench.author(3).frame(newStatus(1));
  const answers = bench.node.receive([bench.statusFrame(1), utf8("garbage"), forged, bench.statusFrame(2)]);
  await bench.timer.idle();
  assertEquals(reasons(await answers), [null, "malformed", "wrong-signature", null]);
  assertEquals(bench.stepped, ["start", "status", "status"]);
  assertEquals(await bench.node.receive([]), []);
  await bench.node.close();
});

Deno.test("the inbox is bounded in frames and bytes, which are freed at the commit", async () => {
  const bench = await Bench.open(() => ({ records: [viewRecord(1)] }), { limits: { maxInboxFrames: 3 } });
  bench.store.holding = true;
  const first = bench.node.receive([1, 2].map((i) => bench.statusFrame(i)));
  await bench.timer.idle();
  const second = bench.node.receive([3, 4].map((i) => bench.statusFrame(i)));
  await bench.timer.idle();
  assertEquals(bench.node.status().inbox, 3);
  bench.store.letGo();
  await bench.timer.idle();
  assertEquals([reasons(await first), reasons(await second)], [[null, null], [null, "overloaded"]]);
  assertEquals(bench.node.status().inbox, 0);
  await bench.node.close();

  const small = await Bench.open(() => ({}), { limits: { maxInboxBytes: 120 } });
  const answers = small.node.receive([1, 2].map((i) => small.statusFrame(i)));
  await small.timer.idle();
  assertEquals(reasons(await answers), [null, "overloaded"]);
  await small.node.close();
});

Deno.test("a submitted request is answered with this replica's signed reply, after the commit", async () => {
  const bench = await Bench.open(executing);
  bench.store.holding = true;
  let answered = false;
  const answer = bench.node.submit(requestFrame(bench)).finally(() => answered = true);
  await bench.timer.idle();
  assertEquals(answered, false);
  bench.store.letGo();
  const frame = await answer;
  assertEquals(resultsIn(frame), ["ok result 0", "ok result 1"]);
  const { message, bytes, signature } = decodeFrame(frame as Uint8Array).signed;
  assert(createVerifier(bench.cluster).verify(keyPairOf(1).publicKey, message.kind, bytes, signature));
  await bench.node.close();
});

Deno.test("all callers that submit the same request get the reply, even much later", async () => {
  let reply: OutgoingReply | null = null;
  const bench = await Bench.open((input) => {
    if (input.kind === "request") reply = replyTo(input.request);
    return input.kind === "status" ? { replies: [reply!] } : {};
  });
  const answers = [bench.node.submit(requestFrame(bench)), bench.node.submit(requestFrame(bench))];
  await bench.timer.advance(10_000);
  void bench.node.receive([bench.statusFrame(1)]);
  await bench.timer.idle();
  for (const answer of await Promise.all(answers)) assertEquals(resultsIn(answer).length, 2);
  await bench.node.close();
});

Deno.test("submit accepts only clients' requests, and says why it rejects others", async () => {
  const bench = await Bench.open((input) => input.kind === "request" ? { admission: "full" } : {});
  const answers = [bench.statusFrame(1), utf8("garbage"), requestFrame(bench)].map((frame) => bench.node.submit(frame));
  await bench.timer.idle();
  assertEquals(reasons(await Promise.all(answers) as Rejection[]), ["not-accepted-here", "malformed", "overloaded"]);
  await bench.node.close();
});

Deno.test("the number of waiting callers is bounded, and one that aborts frees its place", async () => {
  const bench = await Bench.open(() => ({}), { limits: { maxWaiters: 1 } });
  const controller = new AbortController();
  const first = bench.node.submit(requestFrame(bench, 1), controller);
  const second = bench.node.submit(requestFrame(bench, 2));
  await bench.timer.idle();
  assertEquals(reasons([await second as Rejection]), ["overloaded"]);
  controller.abort();
  assertEquals((await assertRejects(() => first, DOMException)).name, "AbortError");
  await assertRejects(() => bench.node.submit(requestFrame(bench, 1), controller), DOMException);
  const third = bench.node.submit(requestFrame(bench, 3));
  await bench.timer.idle();
  await bench.node.close();
  assertEquals(reasons([await third as Rejection]), ["unavailable"]);
});

Deno.test("a request that a caller waits for is submitted again when the replica is reloaded, though its input was settled", async () => {
  let lives = 0;
  const bench = await Bench.open((input, env) => {
    if (input.kind === "start") lives++;
    if (input.kind === "request" && lives === 2) return executing(input, env);
    return input.kind === "status" ? { records: [viewRecord(1)] } : {};
  });
  const answer = bench.node.submit(requestFrame(bench));
  const vouched = bench.node.vouch([{ name: "ada", timestamp: 1, operation: utf8("GET a") }]);
  await bench.timer.idle();
  bench.store.failures.push(new StoreConflictError(1, 2));
  void bench.node.receive([bench.statusFrame(1)]);
  await bench.timer.advance(500);
  assertEquals(resultsIn(await answer).length, 2);
  assertEquals(bench.stepped, ["start", "request", "request", "status", "start", "status", "request", "request"]);
  await bench.node.close();
  await vouched;
});

Deno.test("the gateway answers once another replica agrees with its own reply, and never trusts a single one", async () => {
  let request: SignedRequest | null = null;
  const bench = await Bench.open((input, env) => {
    if (input.kind === "request") request = input.request;
    return executing(input, env);
  });
  let settled = false;
  const answer = bench.node.vouch([{ name: "ada", timestamp: 1, operation: utf8("GET a") }]).finally(() =>
    settled = true
  );
  await bench.timer.idle();
  const { reply } = replyTo(request!);
  const lie = { ...reply, replica: 1 as ReplicaId, results: [{ ...reply.results[0]!, value: utf8("a lie") }] };
  void bench.node.receive([bench.author(2).frame(lie)]);
  await bench.timer.idle();
  assertEquals(settled, false);
  void bench.node.receive([bench.author(3).frame({ ...reply, replica: 2 as ReplicaId })]);
  const { voters } = await Promise.race([answer, bench.timer.idle().then(() => answer)]) as {
    voters: readonly number[];
  };
  assertEquals(voters, [0, 2]);
  await bench.node.close();
});

Deno.test("replies for another gateway are signed and sent to it only", async () => {
  const bench = await Bench.open(executing);
  const operations = [{ name: "ada", timestamp: 1, operation: utf8("GET a") }];
  const request = { kind: "gateway-request", gateway: 2 as ReplicaId, notAfter: 9, operations } as const;
  void bench.node.receive([bench.author(3).frame(request as never)]);
  await bench.timer.idle();
  assertEquals(bench.sent.of.map(({ to, frames }) => [to, frames.length]), [[2, 1]]);
  assertEquals(resultsIn(bench.sent.of[0]!.frames[0]!), ["ok result 0"]);
  await bench.node.close();
});

Deno.test("a fetch is answered from the store, never by the core", async () => {
  const blob = utf8("a page");
  const bench = await Bench.open((input) => {
    const blobs = { kind: "blobs", blobs: new Map([[sha256(blob), blob]]) } as const;
    return input.kind === "status" ? { records: [blobs, viewRecord(1)] } : {};
  });
  const digests = [sha256(utf8("unknown")), sha256(blob), sha256(blob)];
  const fetch = (number: number) => bench.author(4).frame({ kind: "fetch", replica: 3 as ReplicaId, number, digests });
  void bench.node.receive([fetch(1)]);
  await bench.timer.idle();
  void bench.node.receive([bench.statusFrame(1)]);
  await bench.timer.idle();
  void bench.node.receive([fetch(2)]);
  await bench.timer.idle();
  assertEquals(bench.sent.of.map(({ to }) => to), [3, 3]);
  const answers = bench.sent.of.map(({ frames }) => decodeFrame(frames[0]!).signed.message);
  assertEquals(answers, [[], [blob]].map((blobs) => ({ kind: "blobs", replica: 0 as ReplicaId, blobs })));
  assertEquals(bench.stepped, ["start", "status"]);
  await bench.node.close();
});

Deno.test("messages of several steps to one peer go in one delivery", async () => {
  const bench = await Bench.open((input, env) => input.kind === "status" ? { messages: [greeting(env)] } : {});
  void bench.node.receive([1, 2, 3].map((i) => bench.statusFrame(i)));
  await bench.timer.idle();
  assertEquals(bench.sent.of.map(({ to, frames }) => [to, frames.length]), [[1, 3], [2, 3], [3, 3]]);
  await bench.node.close();
});

Deno.test("observers get messages, rejections, events and commits, and one that throws has no effect", async () => {
  const heard: string[] = [];
  const observer: Observer = {
    onEvent: ({ kind }) => heard.push(kind),
    onMessage: (direction, kind) => heard.push(`${direction} ${kind}`),
    onRejected: ({ reason }) => heard.push(reason),
    onCommit: (_ms, records) => heard.push(`commit of ${records}`),
  };
  const fail = () => {
    throw new Error("an observer fails");
  };
  const failing: Observer = { onEvent: fail, onMessage: fail, onRejected: fail, onCommit: fail };
  const bench = await Bench.open((input, env) => {
    if (input.kind !== "request") return {};
    const { digest } = input.request;
    return { ...executing(input, env), events: [{ kind: "request-received", digest }] };
  }, { observers: [failing] });
  const remove = bench.node.observe(observer);
  const answer = bench.node.submit(requestFrame(bench));
  void bench.node.receive([utf8("garbage")]);
  await bench.timer.idle();
  assertEquals(resultsIn(await answer).length, 2);
  assertEquals(heard, ["in request", "malformed", "commit of 1", "request-received", "out reply"]);
  remove();
  void bench.node.receive([utf8("garbage")]);
  await bench.timer.idle();
  assertEquals(heard.length, 5);
  await bench.node.close();
});

Deno.test("wrong options are refused with the expected and the actual value", async () => {
  const bench = await Bench.open(() => ({}));
  await bench.node.close();
  const good = {
    self: 0 as ReplicaId,
    genesis: bench.genesis,
    store: bench.store,
    transport: bench.sent,
    timer: bench.timer,
    privateKey: keyPairOf(1).privateKey,
    stateMachine: () => new KeyValue(),
  };
  const genesis = { ...bench.genesis, logWindow: 3 };
  await assertRejects(
    () => ReplicaNode.open({ ...good, self: 4 as ReplicaId }),
    RangeError,
    "self: expected 0 to 3, got 4",
  );
  await assertRejects(() => ReplicaNode.open({ ...good, privateKey: keyPairOf(2).privateKey }), TypeError, "Apple");
  await assertRejects(() => ReplicaNode.open({ ...good, genesis }), TypeError, "logWindow");
  await assertRejects(() => ReplicaNode.open({ ...good, settings: { pipelineDepth: 0 } }), RangeError, "pipelineDepth");
  const stateMachine = () => Object.assign(new KeyValue(), { version: "register/1" });
  await assertRejects(
    () => ReplicaNode.open({ ...good, stateMachine }),
    TypeError,
    "expected version key-value/1, got register/1",
  );
});
