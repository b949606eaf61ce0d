import { assertEquals } from "@std/assert";
import { checkReply } from "../../src/client/proofs/reply_gate.ts";
import { digest, replicaId, sequenceNumber, view } from "../../src/core/messages/ids.ts";
import type { Reply } from "../../src/core/messages/messages.ts";
import { clusterId, createSigner, generateKeyPair } from "../../src/crypto/mod.ts";
import { createWebVerifier } from "../../src/crypto/web.ts";
import { encodeFrame, encodeMessage } from "../../src/wire/mod.ts";
import { FakeCluster } from "./fake_cluster.ts";

const keyPair = generateKeyPair();
const { file: { genesis: { replicas, ...rest } } } = new FakeCluster();
const genesis = { ...rest, replicas: replicas.with(2, { name: "R2", publicKey: keyPair.publicKey }) };
const request = digest("a".repeat(64));

const good: Reply = {
  kind: "reply",
  replica: replicaId(2),
  view: view(0),
  request,
  results: [{ sequence: sequenceNumber(1), status: "ok", value: new Uint8Array([7]) }],
};

async function check(reply: Reply): Promise<string> {
  const cluster = clusterId(genesis);
  const bytes = encodeMessage(reply);
  const signature = createSigner(keyPair.privateKey, cluster).sign("reply", bytes);
  const frame = encodeFrame({ message: reply, bytes, signature });
  const checked = await checkReply(frame, {
    genesis,
    verifier: createWebVerifier(cluster),
    expected: { digest: request, results: 1 },
  });
  return typeof checked === "string" ? checked : "passed";
}

Deno.test("a member's signed reply to the request passes", async () => {
  assertEquals(await check(good), "passed");
});

Deno.test("a genuine reply to another request does not pass", async () => {
  assertEquals(
    await check({ ...good, request: digest("b".repeat(64)) }),
    "expected a reply to this request, got one to another request",
  );
});

Deno.test("a genuine reply with too few or too many results does not pass", async () => {
  assertEquals(await check({ ...good, results: [] }), "expected 1 results, got 0");
  assertEquals(await check({ ...good, results: [...good.results, ...good.results] }), "expected 1 results, got 2");
});

Deno.test("a reply in the name of another member, or of nobody, does not pass", async () => {
  assertEquals(
    await check({ ...good, replica: replicaId(1) }),
    "expected the signature of R1, got one that is not valid",
  );
  assertEquals(await check({ ...good, replica: replicaId(4) }), "replica 4 is not a member");
});
