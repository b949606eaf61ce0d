import { assert, assertEquals } from "@std/assert";
import type { ClientId } from "../../src/core/messages/ids.ts";
import type { Query } from "../../src/core/messages/messages.ts";
import { createVerifier } from "../../src/crypto/mod.ts";
import type { Rejection } from "../../src/node/ports.ts";
import { decodeFrame, fromUtf8, utf8 } from "../../src/wire/mod.ts";
import { type Author, Cluster, keyPairOf } from "./_cluster.ts";
import { Bench, type Script } from "./_fake_core.ts";

function query(author: Author, nonce = 1, operation = "GET n"): Uint8Array {
  const message: Query = { kind: "query", client: author.publicKey as ClientId, nonce, operations: [utf8(operation)] };
  return author.frame(message);
}

const answering: Script = (input) => {
  if (input.kind !== "query") return {};
  const { digest } = input.query;
  const result = { sequence: 7, status: "ok", value: utf8("42") };
  const outcome = { kind: "query-reply", replica: 0, view: 0, query: digest, results: [result] } as never;
  return { answers: [{ query: digest, outcome }] };
};

function reasonOf(answer: Uint8Array | Rejection): string {
  return answer instanceof Uint8Array ? "answered" : answer.reason;
}

Deno.test("four nodes answer a query, each with its signature, without ordering it", async () => {
  const cluster = await Cluster.open();
  const written = cluster.node(0).vouch([{ name: "ada", timestamp: 1, operation: utf8("SET n 5") }]);
  await cluster.timer.advance(200);
  await written;
  const frame = query(cluster.author(9));
  const answers = cluster.ids.map((id) => cluster.node(id).query(frame));
  await cluster.timer.idle();
  for (const [id, answer] of (await Promise.all(answers)).entries()) {
    const { message, bytes, signature } = decodeFrame(answer as Uint8Array).signed;
    assert(message.kind === "query-reply");
    assertEquals([message.replica as number, message.results[0]!.status], [id, "ok"]);
    assertEquals(fromUtf8(message.results[0]!.value), '"5"');
    assert(createVerifier(cluster.cluster).verify(keyPairOf(id + 1).publicKey, message.kind, bytes, signature));
  }
  const rejected = cluster.node(0).query(query(cluster.author(9), 2, "SET n 6"));
  await cluster.timer.idle();
  const { message } = decodeFrame(await rejected as Uint8Array).signed;
  assertEquals(message.kind === "query-reply" && message.results[0]!.status, "rejected");
  assertEquals(cluster.ids.map((id) => cluster.node(id).status().replica.lastExecuted as number), [1, 1, 1, 1]);
  await cluster.close();
});

Deno.test("a query is accepted from the client that signed it, and only where a caller waits for the answer", async () => {
  const bench = await Bench.open(answering);
  const frame = query(bench.author(9));
  const forged = frame.with(-1, frame.at(-1)! ^ 1);
  const bad = [bench.statusFrame(1), utf8("garbage"), forged].map((one) => bench.node.query(one));
  const elsewhere = bench.node.receive([frame]);
  await bench.timer.idle();
  const reasons = (await Promise.all(bad)).map(reasonOf);
  assertEquals(reasons, ["not-accepted-here", "malformed", "wrong-signature"]);
  assertEquals((await elsewhere).map((rejection) => rejection?.reason), ["not-accepted-here"]);
  assertEquals(bench.stepped.includes("query"), false);
  await bench.node.close();
});

Deno.test("the core's reason not to answer is returned", async () => {
  for (const [refusal, reason] of [["view-change", "unavailable"], ["overloaded", "overloaded"]] as const) {
    const bench = await Bench.open((input) => {
      return input.kind === "query" ? { answers: [{ query: input.query.digest, outcome: refusal }] } : {};
    });
    const answer = bench.node.query(query(bench.author(9)));
    await bench.timer.idle();
    assertEquals(reasonOf(await answer), reason);
    await bench.node.close();
  }
});

Deno.test("queries are stepped after all other input, a limited number at a time", async () => {
  const bench = await Bench.open(answering, { limits: { maxQueriesPerTurn: 2 } });
  const answers = [1, 2, 3, 4, 5].map((nonce) => bench.node.query(query(bench.author(9), nonce)));
  void bench.node.receive([bench.statusFrame(1)]);
  bench.timer.soon(() => bench.timer.soon(() => void bench.node.receive([bench.statusFrame(2)])));
  bench.stepped.length = 0;
  await bench.timer.idle();
  assertEquals(bench.stepped, ["status", "query", "query", "status", "query", "query", "query"]);
  assertEquals((await Promise.all(answers)).map(reasonOf), Array(5).fill("answered"));
  await bench.node.close();
});

Deno.test("a query counts as many as it has operations", async () => {
  const bench = await Bench.open(answering, { limits: { maxQueriesPerTurn: 3 } });
  const sizes = [2, 2, 1, 5, 1];
  const answers = sizes.map((size, nonce) => {
    const operations = Array.from({ length: size }, () => utf8("GET n"));
    const author = bench.author(9);
    return bench.node.query(author.frame({ kind: "query", client: author.publicKey as ClientId, nonce, operations }));
  });
  const turns: number[] = [];
  let before = 0;
  bench.stepped.length = 0;
  const lookAfterEachTurn = (left: number) => {
    if (bench.stepped.length > before) turns.push(bench.stepped.length - before);
    before = bench.stepped.length;
    if (left > 0) bench.timer.soon(() => lookAfterEachTurn(left - 1));
  };
  lookAfterEachTurn(20);
  await bench.timer.idle();
  assertEquals(turns, [1, 2, 1, 1], "2, 2 + 1, 5 alone, and 1");
  assertEquals((await Promise.all(answers)).map(reasonOf), Array(5).fill("answered"));
  await bench.node.close();
});

Deno.test("the number of waiting queries is bounded, and one that aborts frees its place", async () => {
  const bench = await Bench.open(() => ({}), { limits: { maxWaitingQueries: 1 } });
  const controller = new AbortController();
  const first = bench.node.query(query(bench.author(9), 1), controller);
  await bench.timer.idle();
  const second = bench.node.query(query(bench.author(9), 2));
  await bench.timer.idle();
  assertEquals(reasonOf(await second), "overloaded");
  controller.abort(new Error("enough"));
  assertEquals(await first.catch((error) => error.message), "enough");
  const third = bench.node.query(query(bench.author(9), 3));
  await bench.timer.idle();
  await bench.node.close();
  assertEquals(reasonOf(await third), "unavailable");
});

Deno.test("where several instances may run, a query is answered after a commit, which proves that this one is current", async () => {
  const bench = await Bench.open(answering, { persistInputs: true });
  bench.store.holding = true;
  const before = bench.store.commits.length;
  let answered = false;
  const answer = bench.node.query(query(bench.author(9))).finally(() => answered = true);
  await bench.timer.idle();
  assertEquals([bench.store.commits.length - before, answered], [1, false]);
  bench.store.letGo();
  await bench.timer.idle();
  assertEquals(reasonOf(await answer), "answered");
  await bench.node.close();
});

Deno.test("an instance that is behind another one reloads its store before it answers", async () => {
  const bench = await Bench.open(answering, { persistInputs: true });
  await bench.store.interfere();
  const answer = bench.node.query(query(bench.author(9)));
  await bench.timer.advance(2_000);
  assertEquals(reasonOf(await answer), "answered");
  assertEquals([bench.cores.length, bench.node.status().reloads], [2, 1]);
  await bench.node.close();
});

Deno.test("a query that waits in the core is submitted again when the replica is reloaded", async () => {
  let isReloaded = false;
  const bench = await Bench.open((input, environment) => {
    if (input.kind === "status") {
      return { records: [{ kind: "view", view: 1 as never, viewChange: null, newView: null }] };
    }
    return isReloaded ? answering(input, environment) : {};
  });
  const answer = bench.node.query(query(bench.author(9)));
  await bench.timer.idle();
  await bench.store.interfere();
  isReloaded = true;
  void bench.node.receive([bench.statusFrame(1)]);
  await bench.timer.advance(2_000);
  assertEquals(reasonOf(await answer), "answered");
  await bench.node.close();
});
