import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Digest, Millis, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type {
  AnyRequest,
  Commit,
  GatewayRequest,
  MessageKind,
  NewView,
  Prepare,
  PrePrepare,
  Signed,
  ViewChange,
} from "../../src/core/messages/messages.ts";
import { clusterId, createVerifier, sha256 } from "../../src/crypto/mod.ts";
import { Gate } from "../../src/node/in/gate.ts";
import type { Passed } from "../../src/node/in/passed.ts";
import type { Rejection, RejectionReason } from "../../src/node/ports.ts";
import { decodeFrame, encodeBatch, encodeFrame, encodeMessage, utf8 } from "../../src/wire/mod.ts";
import { Author, genesisOf } from "./_cluster.ts";
import { newStatus } from "../../src/testing/drills/peers.ts";

const genesis = genesisOf(4, { maxRequestBytes: 4096, maxBatchBytes: 8192 });
const cluster = clusterId(genesis);
const author = (index: number) => new Author(index, cluster);
const primary = author(1);
const client = author(9);

function setUp() {
  let verifications = 0;
  const inner = createVerifier(cluster);
  const verifier = {
    verify: (...args: Parameters<typeof inner.verify>) => {
      verifications++;
      return inner.verify(...args);
    },
  };
  const gate = new Gate({ genesis, verifier, maxVerifiedRequests: 4 });
  return { gate, verifications: () => verifications };
}

function assertRejected(outcome: Passed | Rejection, reason: RejectionReason, detail: RegExp): void {
  assert("reason" in outcome, "expected a rejection");
  assertEquals(outcome.reason, reason);
  assertMatch(outcome.detail, detail);
}

function inputOf(outcome: Passed | Rejection) {
  if ("reason" in outcome || outcome.to !== "core") throw new Error(`not for the core: ${JSON.stringify(outcome)}`);
  return outcome.input;
}

function vouched(gateway: number, operations = ["SET a 1"]): GatewayRequest {
  return {
    kind: "gateway-request",
    gateway: gateway as ReplicaId,
    notAfter: 5 as Millis,
    operations: operations.map((text, timestamp) => ({ name: "ada", timestamp, operation: utf8(text) })),
  };
}

function prePrepare(digest: Digest, replica = 0): PrePrepare {
  const [view, sequence] = [0 as View, 1 as SequenceNumber];
  return { kind: "pre-prepare", replica: replica as ReplicaId, view, sequence, digest };
}

function proposal(...requests: Signed<AnyRequest>[]): Uint8Array {
  const bytes = encodeBatch(7 as Millis, requests);
  return primary.frame(prePrepare(sha256(bytes)), bytes);
}

const open = client.request({ timestamp: 1 });

Deno.test("a member's vote passes with its signed bytes unchanged", () => {
  const frame = author(2).frame({ ...prePrepare(sha256(utf8("x")), 1), kind: "prepare" });
  const input = inputOf(setUp().gate.check(frame));
  assert(input.kind === "prepare");
  assertEquals(encodeFrame(input.prepare), frame as Uint8Array<ArrayBuffer>);
});

Deno.test("a kept message does not keep its whole request body in memory", () => {
  const frame = author(2).frame(newStatus(1));
  const body = new Uint8Array(100_000);
  body.set(frame, 50_000);
  const input = inputOf(setUp().gate.check(body.subarray(50_000, 50_000 + frame.length)));
  assert(input.kind === "status" && input.status.bytes.buffer.byteLength < 1_000);
});

Deno.test("garbage, truncated and oversize frames are rejected with the field", () => {
  const { gate } = setUp();
  assertRejected(gate.check(new Uint8Array()), "malformed", /frame/);
  assertRejected(gate.check(utf8("GET / HTTP/1.1")), "malformed", /frame/);
  const frame = client.frame(open);
  assertRejected(gate.check(frame.slice(0, -1)), "malformed", /signature/);
  assertRejected(gate.check(Uint8Array.of(...frame, 0)), "malformed", /frame/);
  const large = client.request({ session: 1, operations: ["x".repeat(5_000)] });
  assertRejected(gate.check(client.frame(large)), "too-large", /4096/);
});

Deno.test("a kind that is not accepted where it came in is rejected", () => {
  const { gate } = setUp();
  const rejection = gate.check(client.frame(open), ["prepare", "commit"]);
  assertRejected(rejection, "not-accepted-here", /prepare or commit, got request/);
  assertEquals((rejection as Rejection).kind, "request");
  assertEquals("reason" in gate.check(client.frame(open), ["request"]), false);
});

Deno.test("a replica or gateway that is not a member is an unknown signer", () => {
  const { gate } = setUp();
  assertRejected(gate.check(author(5).frame(newStatus(4))), "unknown-signer", /replica: expected 0 to 3, got 4/);
  assertRejected(gate.check(author(5).frame(vouched(4))), "unknown-signer", /gateway: expected 0 to 3, got 4/);
});

Deno.test("a signature must be by its signer, for this kind, these bytes and this cluster", () => {
  const { gate } = setUp();
  assertRejected(gate.check(author(3).frame(newStatus(1))), "wrong-signature", /signature/);
  const elsewhere = new Author(2, clusterId({ ...genesis, name: "other" }));
  assertRejected(gate.check(elsewhere.frame(newStatus(1))), "wrong-signature", /status/);
  const prepare = author(2).sign({ ...prePrepare(sha256(utf8("x")), 1), kind: "prepare" as const });
  const asCommit = { ...prepare, message: { ...prepare.message, kind: "commit" as const } };
  assertRejected(gate.check(encodeFrame(asCommit)), "wrong-signature", /commit/);
  const signed = client.sign(open);
  const forged = encodeFrame({ ...signed, signature: signed.signature.map((byte) => byte ^ 1) });
  assertRejected(gate.check(forged), "wrong-signature", /request/);
  const noKey = { ...open, client: "00".repeat(32) as typeof open.client };
  assertRejected(gate.check(client.frame(noKey)), "wrong-signature", /request/);
});

Deno.test("a prepare's signature is not valid for another view, number, digest, sender, or as a commit", () => {
  const prepare: Prepare = { ...prePrepare(sha256(utf8("x")), 1), kind: "prepare" };
  const { signature } = decodeFrame(author(1).frame(prepare)).signed;
  const replayed: (Prepare | Commit)[] = [
    { ...prepare, view: 1 as View },
    { ...prepare, sequence: 2 as SequenceNumber },
    { ...prepare, digest: sha256(utf8("y")) },
    { ...prepare, replica: 2 as ReplicaId },
    { ...prepare, kind: "commit" },
  ];
  const { gate } = setUp();
  for (const message of replayed) {
    const frame = encodeFrame({ message, bytes: encodeMessage(message), signature });
    assertRejected(gate.check(frame), "wrong-signature", /signature/);
  }
});

Deno.test("a pre-prepare's body must have the digest that was signed", () => {
  const bytes = encodeBatch(7 as Millis, []);
  const frame = primary.frame(prePrepare(sha256(utf8("another"))), bytes);
  assertRejected(setUp().gate.check(frame), "malformed", /batch: expected bytes with digest [0-9a-f]+, got/);
});

Deno.test("a pre-prepare's body must be a batch within the limits", () => {
  const bytes = utf8("no batch");
  const { gate } = setUp();
  assertRejected(gate.check(primary.frame(prePrepare(sha256(bytes)), bytes)), "malformed", /batch/);
  const large = new Uint8Array(9_000);
  assertRejected(gate.check(primary.frame(prePrepare(sha256(large)), large)), "too-large", /8192/);
});

Deno.test("every request in a batch must be signed by its client or a member", () => {
  const { gate } = setUp();
  const good = client.sign(open);
  assertRejected(gate.check(proposal(good, author(8).sign(open))), "wrong-signature", /request/);
  assertRejected(gate.check(proposal(good, author(5).sign(vouched(4)))), "unknown-signer", /gateway/);
  const input = inputOf(gate.check(proposal(good, author(4).sign(vouched(3)))));
  assert(input.kind === "pre-prepare" && input.batch);
  assertEquals([input.batch.timestamp as number, input.batch.requests.length], [7, 2]);
  assertEquals(input.batch.requests[0]!.digest, sha256(good.bytes));
});

Deno.test("a verified request is not verified again in a batch, but one with another signature is", () => {
  const { gate, verifications } = setUp();
  const signed = client.sign(open);
  gate.check(encodeFrame(signed));
  assertEquals(verifications(), 1);
  gate.check(proposal(signed));
  assertEquals(verifications(), 2); // the pre-prepare's own
  const forged = { ...signed, signature: author(8).sign(open).signature };
  assertRejected(gate.check(proposal(forged)), "wrong-signature", /request/);
  assertRejected(gate.check(encodeFrame(forged)), "wrong-signature", /request/);
  gate.check(proposal(signed)); // seen before, as a whole
  assertEquals(verifications(), 5);
});

/** A view-change to view 2 with a certificate for number 1 in view 0. */
function viewChange(replica: number, prepares: readonly Signed<Prepare>[]): ViewChange {
  const certificate = { prePrepare: author(1).sign(prePrepare(sha256(utf8("x")))), prepares };
  return {
    kind: "view-change",
    replica: replica as ReplicaId,
    view: 2 as View,
    stable: [],
    prepared: [certificate],
    suspicions: [],
  };
}

function prepare(replica: number): Prepare {
  return { ...prePrepare(sha256(utf8("x")), replica), kind: "prepare" };
}

Deno.test("verified votes are not verified again in certificates or in a new-view", () => {
  const { gate, verifications } = setUp();
  const votes = [author(2).sign(prepare(1)), author(3).sign(prepare(2))];
  gate.check(encodeFrame(votes[0]!));
  assertEquals(verifications(), 1);
  const viewChanges = [1, 2].map((replica) => author(replica + 1).sign(viewChange(replica, votes)));
  for (const each of viewChanges) assert(!("reason" in gate.check(encodeFrame(each))));
  assertEquals(verifications(), 1 + 3 + 1); // itself, the pre-prepare and the other prepare; then only itself
  const newView: NewView = {
    kind: "new-view",
    replica: 2 as ReplicaId,
    view: 2 as View,
    viewChanges: [...viewChanges, author(4).sign(viewChange(3, votes))],
    prePrepares: [],
  };
  const frame = author(3).frame(newView);
  for (let i = 0; i < 2; i++) assert(!("reason" in gate.check(frame)));
  assertEquals(verifications(), 5 + 2); // the new-view's own and the view-change that had not been seen
});

Deno.test("a forged vote in a certificate is rejected each time, also after the genuine one was verified", () => {
  const { gate } = setUp();
  const votes = [author(2).sign(prepare(1)), author(3).sign(prepare(2))];
  for (const vote of votes) assert(!("reason" in gate.check(encodeFrame(vote))));
  const forged = [votes[0]!, { ...votes[1]!, signature: author(4).sign(prepare(2)).signature }];
  const frame = author(2).frame(viewChange(1, forged));
  for (let i = 0; i < 2; i++) assertRejected(gate.check(frame), "wrong-signature", /prepare/);
});

Deno.test("the cache of verified requests is bounded: the least recently used one is verified again", () => {
  const { gate, verifications } = setUp();
  const frames = [1, 2, 3, 4, 5].map((timestamp) => client.frame(client.request({ timestamp })));
  const check = (...indices: number[]) => indices.forEach((i) => gate.check(frames[i]!));
  check(0, 1, 2, 3);
  check(0);
  check(4);
  assertEquals(verifications(), 5);
  check(0, 2, 3, 4);
  assertEquals(verifications(), 5);
  check(1);
  assertEquals(verifications(), 6);
});

Deno.test("replies go to the gateway and fetches to the blob server, never to the core", () => {
  const { gate } = setUp();
  const digest = sha256(utf8("x"));
  const reply = { kind: "reply", replica: 1 as ReplicaId, view: 0 as View, request: digest, results: [] } as const;
  const fetch = { kind: "fetch", replica: 1 as ReplicaId, number: 1, digests: [digest] } as const;
  const to = [reply, fetch].map((message) => gate.check(author(2).frame(message)) as Passed).map((passed) => passed.to);
  assertEquals(to, ["gateway", "blobs"]);
});

Deno.test("the digest of a blob is computed, and it counts as a batch only if everything in it verifies", () => {
  const { gate } = setUp();
  const good = encodeBatch(7 as Millis, [client.sign(open)]);
  const bad = encodeBatch(7 as Millis, [author(8).sign(open)]);
  const blobs = [good, bad, utf8("a chunk")];
  const input = inputOf(gate.check(author(2).frame({ kind: "blobs", replica: 1 as ReplicaId, blobs })));
  assert(input.kind === "blobs");
  assertEquals(input.blobs.map(({ digest }) => digest), blobs.map(sha256));
  assertEquals(input.blobs.map(({ batch }) => batch !== undefined), [true, false, false]);
});

Deno.test("no mutated frame passes the gate, and none makes it throw", () => {
  const { gate } = setUp();
  const kinds: readonly MessageKind[] = ["request", "pre-prepare", "status"];
  const frames = [client.frame(open), proposal(client.sign(open)), author(2).frame(newStatus(1))];
  for (const [at, frame] of frames.entries()) {
    for (let i = 0; i < frame.length; i++) {
      const mutated = frame.slice();
      mutated[i]! ^= 1 << (i % 8);
      const outcome = gate.check(mutated);
      assert("reason" in outcome, `${kinds[at]} with bit ${i % 8} of byte ${i} changed`);
    }
  }
});
