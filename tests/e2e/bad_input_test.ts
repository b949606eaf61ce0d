/** Bad input at the routes of a real cluster: each gets its documented answer, is counted, and the cluster goes on. */
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { Client, parseClusterFile } from "../../mod.ts";
import { type Digest, replicaId, sequenceNumber, view } from "../../src/core/messages/ids.ts";
import type { ClientRequest, GatewayRequest, Message, ReplicaMessage } from "../../src/core/messages/messages.ts";
import { clusterId, createSigner, generateKeyPair } from "../../src/crypto/mod.ts";
import type { Signer } from "../../src/node/ports.ts";
import { type ClusterFile, encodeBundle, encodeFrame, encodeMessage, utf8 } from "../../src/wire/mod.ts";
import { type ClusterProcess, withCluster } from "./_cluster_process.ts";

const KINDS = { "/preprepare": "pre-prepare", "/prepare": "prepare", "/commit": "commit", "/reply": "reply" } as const;
const OTHER_CLUSTER = "e".repeat(64) as Digest;

function frame(signer: Signer, message: Message): Uint8Array<ArrayBuffer> {
  const bytes = encodeMessage(message);
  return encodeFrame({ message, bytes, signature: signer.sign(message.kind, bytes) });
}

function messageOf(kind: typeof KINDS[keyof typeof KINDS], replica: number): ReplicaMessage {
  const digest = "a".repeat(64) as Digest;
  if (kind === "reply") return { kind, replica: replicaId(replica), view: view(0), request: digest, results: [] };
  return { kind, replica: replicaId(replica), view: view(0), sequence: sequenceNumber(1), digest };
}

function requestOf(signer: Signer): ClientRequest {
  const client = signer.publicKey as ClientRequest["client"];
  return { kind: "request", client, session: 0, timestamp: 1, lowestUnanswered: 0, operations: [] };
}

/** A body with one bit of its last byte, which is the signature's, turned. */
function tampered(body: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const copy = body.slice();
  copy[copy.length - 1]! ^= 1;
  return copy;
}

interface Attempt {
  readonly path: string;
  readonly method?: string;
  readonly type?: string;
  readonly body?: BodyInit;
  /** HTTP status and kind of problem. */
  readonly expected: readonly [status: number, kind: string];
}

function attempts(cluster: ClusterFile, keys: readonly string[]): readonly Attempt[] {
  const id = clusterId(cluster.genesis);
  const apple = createSigner(keys[0]!, id);
  const foreignApple = createSigner(keys[0]!, OTHER_CLUSTER);
  const stranger = createSigner(generateKeyPair().privateKey, id);
  const all: Attempt[] = [
    { path: "/nowhere", expected: [404, "not-found"] },
    { path: "/status", method: "POST", body: "x", expected: [405, "method-not-allowed"] },
    { path: "/req", type: "application/json", body: "SET a 1", expected: [400, "malformed"] },
    {
      path: "/req",
      type: "application/json",
      body: '{"clientID":7,"operation":"GET a"}',
      expected: [400, "malformed"],
    },
    { path: "/req", type: "application/json", body: new Uint8Array(10_000_000), expected: [413, "too-large"] },
    { path: "/req", type: "text/plain", body: "{}", expected: [415, "unsupported-media-type"] },
    { path: "/messages", body: encodeBundle(OTHER_CLUSTER, []), expected: [403, "wrong-cluster"] },
    { path: "/messages", body: encodeBundle(id, [utf8("no frame")]), expected: [400, "malformed"] },
    { path: "/requests", body: tampered(frame(stranger, requestOf(stranger))), expected: [401, "wrong-signature"] },
    { path: "/requests", body: frame(foreignApple, requestOf(foreignApple)), expected: [401, "wrong-signature"] },
    { path: "/requests", body: frame(apple, messageOf("prepare", 0)), expected: [400, "not-accepted-here"] },
  ];
  const vouched: GatewayRequest = {
    kind: "gateway-request",
    gateway: replicaId(0),
    notAfter: Date.now() + 60_000 as GatewayRequest["notAfter"],
    operations: [{ name: "ada", timestamp: 1, operation: utf8("SET name Mallory") }],
  };
  all.push({
    path: "/messages",
    body: encodeBundle(id, [frame(stranger, vouched)]),
    expected: [401, "wrong-signature"],
  });
  for (const [path, kind] of Object.entries(KINDS)) {
    all.push(
      { path, method: "GET", expected: [405, "method-not-allowed"] },
      { path, body: utf8("no frame"), expected: [400, "malformed"] },
      { path, body: new Uint8Array(10_000_000), expected: [413, "too-large"] },
      { path, type: "application/json", body: "{}", expected: [415, "unsupported-media-type"] },
      { path, body: frame(stranger, messageOf(kind, 0)), expected: [401, "wrong-signature"] },
      { path, body: tampered(frame(apple, messageOf(kind, 0))), expected: [401, "wrong-signature"] },
      { path, body: frame(foreignApple, messageOf(kind, 0)), expected: [401, "wrong-signature"] },
      { path, body: frame(apple, messageOf(kind, 9)), expected: [403, "unknown-signer"] },
      {
        path,
        body: frame(apple, messageOf(kind === "prepare" ? "commit" : "prepare", 0)),
        expected: [400, "not-accepted-here"],
      },
    );
  }
  return all;
}

async function check(url: string, { path, method = "POST", type = "application/cbor", body, expected }: Attempt) {
  const headers: Record<string, string> = body === undefined ? {} : { "content-type": type };
  const response = await fetch(url + path, { method: path === "/nowhere" ? "GET" : method, headers, body });
  const problem = await response.json();
  const what = `${method} ${path} ${JSON.stringify(problem)}`;
  assertEquals([response.status, problem.type], [expected[0], `urn:problem-type:pbft:${expected[1]}`], what);
  assertEquals(response.headers.get("content-type"), "application/problem+json", what);
  assert(typeof problem.detail === "string" && problem.detail.length > 0, what);
}

async function metric(cluster: ClusterProcess, name: string, labels: Record<string, string>): Promise<number> {
  const text = await (await fetch(`${cluster.url("Ball")}/metrics`)).text();
  const lines = text.split("\n").filter((line) =>
    line.startsWith(`${name}{`) && Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`))
  );
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

Deno.test("bad input at each route gets its documented answer, is counted, and the cluster goes on", async () => {
  await withCluster([], async (process) => {
    const cluster = parseClusterFile(JSON.parse(Deno.readTextFileSync(`${process.folder}/cluster.json`)));
    const keys = process.names.map((name) => Deno.readTextFileSync(`${process.folder}/${name}/key`).trim());
    assertEquals((await process.req("Ball", { clientID: "ada", timestamp: 1, operation: "SET name Ada" })).status, 200);
    const all = attempts(cluster, keys);
    for (const attempt of all) await check(process.url("Ball"), attempt);
    for (const status of [400, 401, 403, 404, 405, 413, 415]) {
      const counted = await metric(process, "pbft_http_requests_total", { status: String(status) });
      assertEquals(counted, all.filter(({ expected }) => expected[0] === status).length, `${status}`);
    }
    for (const reason of ["malformed", "wrong-signature", "unknown-signer", "not-accepted-here"]) {
      assertGreater(await metric(process, "pbft_messages_rejected_total", { reason }), 0, reason);
    }
    assertEquals((await process.req("Ball", { clientID: "ada", timestamp: 2, operation: "GET name" })).result, "Ada");
  });
});

Deno.test("a timestamp that is stale, or was another operation's, gets 409; a rejected operation 422", async () => {
  await withCluster([], async (cluster) => {
    const client = { clientID: "ada" };
    assertEquals((await cluster.req("Apple", { ...client, timestamp: 1, operation: "SET name Ada" })).status, 200);
    const reused = await cluster.req("Ball", { ...client, timestamp: 1, operation: "SET name Bob" });
    assertEquals([reused.status, reused.type], [409, "urn:problem-type:pbft:timestamp-reused"]);
    for (let timestamp = 2; timestamp <= 66; timestamp++) {
      await cluster.req("Candy", { ...client, timestamp, operation: "INCR n" });
    }
    const stale = await cluster.req("Dog", { ...client, timestamp: 1, operation: "SET name Ada" });
    assertEquals([stale.status, stale.type], [409, "urn:problem-type:pbft:stale-timestamp"]);
    const rejected = await cluster.req("Dog", { ...client, operation: "INCR name" });
    assertEquals([rejected.status, rejected.type, rejected.voters!.length >= 2], [
      422,
      "urn:problem-type:pbft:rejected",
      true,
    ]);
    assertEquals((await cluster.req("Dog", { ...client, operation: "GET n" })).result, "65");
  });
});

Deno.test("without a quorum /req says 504 and that a retry is safe; with it again, the retry runs once", async () => {
  await withCluster([], async (cluster) => {
    const incr = { clientID: "ada", timestamp: 1, operation: "INCR n" };
    for (const name of ["Candy", "Dog"]) Deno.kill(cluster.pid(name), "SIGKILL");
    const late = await cluster.req("Apple", incr);
    assertEquals([late.status, late.timestamp, late.type], [504, 1, "urn:problem-type:pbft:no-quorum"]);
    assertMatch(late.detail!, /Retry with the same clientID, operation and timestamp 1, .* executed at most once/);
    const candy = cluster.startReplica("Candy");
    try {
      await candy.out.find(/ serving requests /);
      const answer = await cluster.req("Ball", incr);
      assertEquals([answer.status, answer.result], [200, 1]);
      assertEquals((await cluster.req("Candy", incr)).result, 1);
    } finally {
      candy.kill("SIGTERM");
      await candy.ended();
    }
  });
});

Deno.test("signed clients and unsigned ones share one state", async () => {
  await withCluster([], async (process) => {
    const cluster = parseClusterFile(JSON.parse(Deno.readTextFileSync(`${process.folder}/cluster.json`)));
    const client = new Client({ cluster });
    try {
      await client.invoke("SET name Ada");
      assertEquals((await process.req("Dog", { clientID: "bob", operation: "GET name" })).result, "Ada");
    } finally {
      client.close();
    }
  });
});
