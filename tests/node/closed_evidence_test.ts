/** Evidence of closed epochs: it is kept within bounds, shown by `GET /evidence`, and convicts also one who has left. */
import { assertEquals, assertRejects } from "@std/assert";
import { verifyEvidence } from "../../src/client/mod.ts";
import type { Digest, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { Commit } from "../../src/core/messages/messages.ts";
import { createSigner } from "../../src/crypto/mod.ts";
import { createApp } from "../../src/http/mod.ts";
import { ClosedEvidenceReader, keepEvidence } from "../../src/node/closed/evidence.ts";
import { WriteSet } from "../../src/node/storage/record_writer.ts";
import { systemTimer } from "../../src/runtime/host/system_timer.ts";
import type { Epoch } from "../../src/wire/epochs/mod.ts";
import { encodeFrame, encodeMessage, pack } from "../../src/wire/mod.ts";
import { clusterFile, FOUR, keyOf, memberOf, Members, urlsOf } from "./_epochs.ts";

/** A commit that Dog signs for an epoch. */
function commit({ context, number }: Epoch, digit: string): Uint8Array {
  const digest = digit.repeat(64) as Digest;
  const message: Commit = {
    kind: "commit",
    replica: 3 as ReplicaId,
    view: 0 as View,
    sequence: 7 as SequenceNumber,
    digest,
  };
  const bytes = encodeMessage(message);
  const signature = createSigner(keyOf("Dog").privateKey, context, number).sign("commit", bytes);
  return encodeFrame({ message, bytes, signature });
}

Deno.test("a liar is convicted after its epoch, and after it was removed, also when the members start again", async () => {
  const cluster = await new Members().openAll();
  const zero = cluster.member("Apple").epoch;
  await cluster.node("Apple").receive([commit(zero, "1"), commit(zero, "2")]);
  const change = { replicas: ["Apple", "Ball", "Candy", "Eagle"].map(memberOf), urls: urlsOf(["Eagle"]) };
  const operation = await cluster.operation(zero, change);
  await cluster.open("Eagle");
  await cluster.vouch("Ball", "admin", 1, operation);
  await cluster.reached(1, [...FOUR, "Eagle"]);
  await cluster.crash("Apple");
  await cluster.open("Apple");
  const further = await cluster.operation(cluster.member("Ball").epoch, { checkpointInterval: 4 });
  await cluster.vouch("Ball", "admin", 2, further);
  await cluster.reached(2, ["Apple", "Ball", "Candy", "Eagle"]);
  const apple = cluster.member("Apple");
  const evidence = new ClosedEvidenceReader(cluster.stores.get("Apple")!);
  const epochs = { ...apple, epoch: apple.epoch, linksAfter: () => [], answerFetch: () => null };
  const shownBy = async (closedEvidence: () => ReturnType<typeof evidence.of>) => {
    const app = createApp(cluster.node("Apple"), { timer: systemTimer(), epochs: { ...epochs, closedEvidence } });
    return await app.request("/evidence");
  };
  const answer = await (await shownBy(() => evidence.of(apple.epochs))).json();
  const [item, ...more] = answer.evidence;
  assertEquals([item.name, item.epoch, item.kind, item.number, more], ["Dog", 0, "commit", 7, []]);
  const proven = await verifyEvidence(clusterFile, item, apple.linksAfter(0));
  assertEquals([proven.name, proven.epoch, proven.publicKey], ["Dog", 0, keyOf("Dog").publicKey]);
  assertEquals(await evidence.of(apple.epochs.slice(0, 1)), [], "in epoch 0 nothing is over");
  // A store that can't be read is not taken for one without evidence.
  const refused = await shownBy(() => Promise.reject(new Error("disk I/O error")));
  assertEquals([refused.status, (await refused.json()).detail], [
    503,
    "the evidence of closed epochs can't be read: disk I/O error",
  ]);
  await cluster.close();
});

Deno.test("a store that fails is read again, and damaged evidence is left out", async () => {
  const cluster = await new Members().openAll();
  const { epochs } = cluster.member("Apple");
  const two = [epochs[0]!, { ...epochs[0]!, number: 1 }];
  const whole = pack([commit(epochs[0]!, "1"), commit(epochs[0]!, "2")]);
  const records = new Map([
    ["closed/0/evidence/3/commit/0/7", whole],
    ["closed/0/evidence/3/commit/0/8", whole.slice(0, -9)],
    ["closed/0/evidence/3/commit/0/9", pack([commit(epochs[0]!, "1"), commit(epochs[0]!, "1")])],
    ["closed/9/evidence/3/commit/0/7", whole],
  ]);
  let isBroken = true;
  const reader = new ClosedEvidenceReader({
    load: () => isBroken ? Promise.reject(new Error("EIO")) : Promise.resolve({ version: 1, records }),
  });
  await assertRejects(() => reader.of(two), Error, "EIO");
  isBroken = false;
  const found = await reader.of(two);
  assertEquals(found.map(({ name, epoch }) => [name, epoch]), [["Dog", 0]]);
  await cluster.close();
});

Deno.test("what is kept of closed epochs is bounded: the oldest is dropped", () => {
  const records = new Map<string, Uint8Array>();
  /** Ends an epoch with so many items of so many bytes. */
  const end = (epoch: number, items: number, bytes = 10) => {
    for (let i = 0; i < items; i++) records.set(`evidence/3/commit/0/${i}`, new Uint8Array(bytes));
    const writes = new WriteSet();
    keepEvidence(records, epoch, writes);
    for (let i = 0; i < items; i++) records.delete(`evidence/3/commit/0/${i}`);
    for (const [key, value] of writes.records) value ? records.set(key, value) : records.delete(key);
  };
  const kept = (epoch: number) => [...records.keys()].filter((key) => key.startsWith(`closed/${epoch}/`)).length;
  for (let epoch = 0; epoch < 12; epoch++) end(epoch, 64);
  assertEquals([records.size, kept(7), kept(8), kept(11)], [256, 0, 64, 64]);
  end(12, 0);
  assertEquals(records.size, 256);
  end(13, 1, 5 * 1024 * 1024);
  assertEquals([records.size, kept(13)], [1, 1]);
});
