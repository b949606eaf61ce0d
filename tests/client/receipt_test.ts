import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Client, decodeReceipt, encodeReceipt, ProofError, type Receipt, verifyReceipt } from "../../src/client/mod.ts";
import type { Reply } from "../../src/core/messages/messages.ts";
import { decodeFrame, encodeFrame, encodeMessage, encodeReplyFrame, utf8 } from "../../src/wire/mod.ts";
import { FakeCluster } from "./fake_cluster.ts";
import { test } from "./with_crypto_done.ts";

async function receiptFrom(cluster: FakeCluster, operations = ["a", "b"]): Promise<Receipt> {
  const client = new Client({ cluster: cluster.file, fetch: cluster.fetch });
  const outcomes = await Promise.all(operations.map((operation) => client.submit(operation)));
  return outcomes.at(-1)!.receipt;
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.with(at < 0 ? bytes.length + at : at, bytes.at(at)! ^ 1);
}

test("a receipt proves the operation, its result and the signers, by the genesis alone", async () => {
  const cluster = new FakeCluster();
  const evidence = await verifyReceipt({ genesis: cluster.file.genesis }, await receiptFrom(cluster));
  assertEquals(new TextDecoder().decode(evidence.operation), "b");
  assertEquals(new TextDecoder().decode(evidence.result.value), '{"echo":"b"}');
  assertEquals([evidence.session, evidence.timestamp, evidence.voters.length], [1, 1, 2]);
});

test("a receipt is the same after it is encoded and decoded", async () => {
  const cluster = new FakeCluster();
  const receipt = await receiptFrom(cluster);
  assertEquals(decodeReceipt(encodeReceipt(receipt)), receipt);
});

test("bytes that are no receipt are a ProofError", () => {
  for (const bytes of [new Uint8Array(), new Uint8Array([1]), new Uint8Array([0x83, 1, 2, 3])]) {
    assertThrows(() => decodeReceipt(bytes), ProofError);
  }
});

test("a receipt with one reply too few, or one reply twice, proves nothing", async () => {
  const cluster = new FakeCluster();
  const receipt = await receiptFrom(cluster);
  const [reply] = receipt.replies;
  const reject = (replies: Uint8Array[]) =>
    assertRejects(() => verifyReceipt(cluster.file, { ...receipt, replies }), ProofError, "expected 2 different");
  await reject([]);
  await reject([reply!]);
  await reject([reply!, reply!]);
});

test("a receipt proves nothing once a byte of it has changed", async () => {
  const cluster = new FakeCluster();
  const receipt = await receiptFrom(cluster);
  for (let at = 0; at < receipt.request.length; at += 7) {
    const changed = { ...receipt, request: flip(receipt.request, at) };
    await assertRejects(() => verifyReceipt(cluster.file, changed), ProofError);
  }
  const [first, second] = receipt.replies;
  for (let at = 0; at < second!.length; at += 7) {
    const changed = { ...receipt, replies: [first!, flip(second!, at)] };
    await assertRejects(() => verifyReceipt(cluster.file, changed), ProofError);
  }
});

test("a receipt is valid in one cluster only", async () => {
  const cluster = new FakeCluster();
  const receipt = await receiptFrom(cluster);
  const { genesis } = cluster.file;
  const other = { genesis: { ...genesis, name: "another" } };
  await assertRejects(() => verifyReceipt(other, receipt), ProofError, "signature");
});

test("a receipt names the operation that it is about", async () => {
  const cluster = new FakeCluster();
  const receipt = await receiptFrom(cluster);
  await assertRejects(() => verifyReceipt(cluster.file, { ...receipt, index: 2 }), ProofError, "no operation 2");
});

test("replies that disagree prove nothing, although each signature is valid", async () => {
  const cluster = new FakeCluster();
  const receipt = await receiptFrom(cluster);
  const asked = cluster.asked.at(-1)!;
  const results = cluster.execute(asked).map((result) => ({ ...result, value: new Uint8Array([1]) }));
  const other = new Uint8Array(await cluster.reply(asked, { results }).arrayBuffer());
  const replies = [receipt.replies[0]!, other];
  await assertRejects(() => verifyReceipt(cluster.file, { ...receipt, replies }), ProofError, "do not agree");
});

const others = Array.from({ length: 4 }, (_, i) => new TextEncoder().encode(`another reply ${i}`));

test("a receipt of replies that were signed together proves its result by itself, also encoded", async () => {
  const cluster = new FakeCluster();
  cluster.others = others;
  const receipt = await receiptFrom(cluster);
  assertEquals(receipt.replies.every((frame) => decodeFrame(frame).path !== undefined), true);
  assertEquals([...new Set(cluster.accepted)], ["application/cbor;form=path"]);
  const proven = await verifyReceipt(cluster.file, decodeReceipt(encodeReceipt(receipt)));
  assertEquals(new TextDecoder().decode(proven.operation), "b");
  assertEquals(proven.voters.length, 2);
});

test("a receipt of replies that were signed together proves nothing once a byte of it has changed", async () => {
  const cluster = new FakeCluster();
  cluster.others = others;
  const receipt = await receiptFrom(cluster);
  const [first, second] = receipt.replies;
  for (let at = 0; at < second!.length; at += 5) {
    const changed = { ...receipt, replies: [first!, flip(second!, at)] };
    await assertRejects(() => verifyReceipt(cluster.file, changed), ProofError);
  }
});

test("a path and its root's signature prove no other reply: not a lie, not another client's, not without the path", async () => {
  const cluster = new FakeCluster();
  cluster.others = others;
  const receipt = await receiptFrom(cluster);
  cluster.others = others.slice(1);
  const foreign = await receiptFrom(cluster, ["b"]);
  const [first, second] = receipt.replies;
  const { signed, path } = decodeFrame(second!);
  const reply = signed.message as Reply;
  const lie: Reply = { ...reply, results: reply.results.map((result) => ({ ...result, value: utf8('"a lie"') })) };
  const { signed: theirs, path: theirPath } = decodeFrame(foreign.replies[0]!);
  const forged = [
    encodeReplyFrame({ message: lie, bytes: encodeMessage(lie), signature: signed.signature }, path!),
    // The receipt of another request, whole; and parts of it around this reply.
    foreign.replies[0]!,
    encodeReplyFrame({ message: reply, bytes: signed.bytes, signature: theirs.signature }, theirPath!),
    encodeReplyFrame({ message: reply, bytes: signed.bytes, signature: signed.signature }, theirPath!),
    encodeReplyFrame({ message: reply, bytes: signed.bytes, signature: theirs.signature }, path!),
    encodeFrame(signed),
  ];
  for (const frame of forged) {
    await assertRejects(() => verifyReceipt(cluster.file, { ...receipt, replies: [first!, frame] }), ProofError);
  }
  await verifyReceipt(cluster.file, receipt);
});

test("a client gets its result from replies that are signed together, and believes no liar who forges one", async () => {
  const cluster = new FakeCluster();
  cluster.others = others;
  // It takes its own path and signature for a lie.
  cluster.behaviours[1] = async (asked, cluster) => {
    const { signed, path } = decodeFrame(new Uint8Array(await cluster.reply(asked).arrayBuffer()));
    const message: Reply = { ...signed.message as Reply, results: [...(signed.message as Reply).results].reverse() };
    const changed = { ...message, view: 7 as never };
    const frame = encodeReplyFrame(
      { message: changed, bytes: encodeMessage(changed), signature: signed.signature },
      path!,
    );
    return new Response(frame);
  };
  const receipt = await receiptFrom(cluster);
  assertEquals((await verifyReceipt(cluster.file, receipt)).voters.includes(1 as never), false);
});
