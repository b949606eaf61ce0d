import { assertEquals, assertRejects } from "@std/assert";
import { EvidenceError, type EvidenceItem, verifyEvidence } from "../../src/client/mod.ts";
import type { Statement } from "../../src/core/messages/evidence.ts";
import type { PrePrepare, ViewChange } from "../../src/core/messages/messages.ts";
import type { Digest, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import { clusterId, createSigner } from "../../src/crypto/mod.ts";
import { decodeLink, type Epoch, followLink, LinkError } from "../../src/wire/epochs/mod.ts";
import { encodeEvidence, encodeFrame, encodeMessage, fromBase64, toBase64 } from "../../src/wire/mod.ts";
import { crypto, epochWith, keyOf, linkOf, memberOf, operationFor, urlsOf } from "../wire/_epochs.ts";
import { Author, genesisOf } from "../node/_cluster.ts";
import { test } from "./with_crypto_done.ts";

const genesis = genesisOf(4);
const digestOf = (digit: string) => digit.repeat(64) as Digest;
const [one, two] = ["1".repeat(64) as Digest, "2".repeat(64) as Digest];

function commit(digest: Digest, fields: { replica?: number; view?: number } = {}): Statement {
  const { replica = 2, view = 5 } = fields;
  return {
    kind: "commit",
    replica: replica as ReplicaId,
    view: view as View,
    sequence: 7 as SequenceNumber,
    digest,
  };
}

/** An item about two statements, signed by the authors with these indices: replica 2's is 3. */
function item([a, b]: readonly [Statement, Statement], signers = [3, 3], cluster = clusterId(genesis)): EvidenceItem {
  const sign = (statement: Statement, index: number) => new Author(index, cluster).sign(statement);
  return encodeEvidence({ first: sign(a, signers[0]!), second: sign(b, signers[1]!) });
}

function refuse(forged: EvidenceItem, why: string): Promise<unknown> {
  return assertRejects(() => verifyEvidence({ genesis }, forged), EvidenceError, why);
}

for (const kind of ["pre-prepare", "prepare", "commit", "checkpoint"] as const) {
  test(`two ${kind}s that differ convict their signer, by the genesis alone`, async () => {
    const say = (digest: Digest): Statement => {
      const { view, ...rest } = commit(digest) as Extract<Statement, { kind: "commit" }>;
      return kind === "checkpoint" ? { ...rest, kind } : { ...rest, view, kind };
    };
    const proven = await verifyEvidence({ genesis }, JSON.parse(JSON.stringify(item([say(one), say(two)]))));
    assertEquals([proven.accused, proven.name, proven.kind, proven.sequence], [2, "Candy", kind, 7] as never);
    assertEquals(proven.view, (kind === "checkpoint" ? null : 5) as View);
    assertEquals(proven.digests, [one, two]);
  });
}

test("two different view-changes prove their signer faulty, by the genesis alone", async () => {
  const leave = (view: number, sequences: readonly number[]): ViewChange => {
    const author = new Author(1, clusterId(genesis));
    const prepared = sequences.map((sequence) => {
      const fields = { view: 0 as View, sequence: sequence as SequenceNumber, digest: one };
      return {
        prePrepare: author.sign<PrePrepare>({ kind: "pre-prepare", replica: 0 as ReplicaId, ...fields }),
        prepares: [],
      };
    });
    return { kind: "view-change", replica: 2 as ReplicaId, view: view as View, stable: [], prepared, suspicions: [] };
  };
  const proven = await verifyEvidence({ genesis }, JSON.parse(JSON.stringify(item([leave(5, []), leave(5, [7])]))));
  const { publicKey } = genesis.replicas[2]!;
  const expected = {
    accused: 2,
    name: "Candy",
    publicKey,
    epoch: 0,
    kind: "view-change",
    view: 5,
    sequence: null,
    digests: null,
  };
  assertEquals(proven as unknown, expected);
  await refuse(item([leave(5, [7]), leave(5, [7])]), "do not contradict");
  await refuse(item([leave(5, [7]), leave(6, [7])]), "do not contradict");
  await refuse(item([leave(5, []), commit(one)]), "do not contradict");
  await refuse(item([leave(5, []), leave(5, [7])], [3, 2]), "not Candy's");
});

test("two messages with the same digest prove nothing", async () => {
  await refuse(item([commit(one), commit(one)]), "do not contradict");
});

test("messages of two replicas prove nothing", async () => {
  await refuse(item([commit(one), commit(two, { replica: 1 })], [3, 2]), "do not contradict");
});

test("messages of two views prove nothing", async () => {
  await refuse(item([commit(one), commit(two, { view: 6 })]), "do not contradict");
});

test("a message that another has signed in the accused's name proves nothing", async () => {
  await refuse(item([commit(one), commit(two)], [3, 2]), "not Candy's");
  await refuse(item([commit(one), commit(two)], [2, 3]), "not Candy's");
});

test("messages for another cluster prove nothing in this one", async () => {
  await refuse(item([commit(one), commit(two)], [3, 3], clusterId({ ...genesis, name: "another" })), "not Candy's");
});

test("messages of a signer that is no member prove nothing", async () => {
  await refuse(item([commit(one, { replica: 9 }), commit(two, { replica: 9 })]), "not a member");
});

test("evidence proves nothing once a byte of it has changed", async () => {
  const whole = item([commit(one), commit(two)]);
  const [first, second] = whole.messages;
  const frame = fromBase64(second!.frame);
  for (let at = 0; at < frame.length; at += 5) {
    const changed = { ...second!, frame: toBase64(frame.with(at, frame[at]! ^ 1)) };
    await refuse({ ...whole, messages: [first!, changed] }, "");
  }
});

test("the fields beside the frames are not trusted", async () => {
  const proven = await verifyEvidence({ genesis }, { ...item([commit(one), commit(two)]), accused: 1, number: 99 });
  assertEquals([proven.accused, proven.sequence], [2, 7] as never);
});

test("input that is no evidence is an EvidenceError that says what was expected", async () => {
  const { messages: [message] } = item([commit(one), commit(two)]);
  const status = new Author(3, clusterId(genesis)).sign({
    kind: "fetch",
    replica: 2 as ReplicaId,
    number: 1,
    digests: [],
  });
  const cases: readonly (readonly [unknown, string])[] = [
    [null, "a list of two messages"],
    [{}, "a list of two messages"],
    [{ messages: [message] }, "a list of two messages"],
    [{ messages: [message, null] }, "a frame in base64"],
    [{ messages: [message, { frame: "%" }] }, "a frame in base64"],
    [{ messages: [message, { frame: "AAAA" }] }, "frame"],
    [{ messages: [message, { frame: toBase64(encodeFrame(status)) }] }, "one of pre-prepare, prepare"],
  ];
  for (const [bad, why] of cases) await refuse(bad as EvidenceItem, why);
});

test("evidence of a later epoch verifies with the chain, by the keys of that epoch alone", async () => {
  const zero = epochWith(["Apple", "Ball", "Candy", "Dog"]);
  const replicas = ["Eagle", "Ball", "Candy", "Apple"].map((name) => memberOf(name));
  const link = await linkOf(zero, await operationFor(zero, { replicas, urls: urlsOf(["Eagle"]) }));
  const one = await followLink(zero, decodeLink(link), crypto);
  const say = (digest: Digest, { context, number }: Epoch, name: string) => {
    const bytes = encodeMessage(commit(digest, { replica: 0 }));
    const signature = createSigner(keyOf(name).privateKey, context, number).sign("commit", bytes);
    return { message: commit(digest, { replica: 0 }), bytes, signature };
  };
  const by = (name: string, first: Epoch, second = first): EvidenceItem =>
    encodeEvidence({ first: say(digestOf("1"), first, name), second: say(digestOf("2"), second, name) });
  const { name, epoch, publicKey } = await verifyEvidence(zero, by("Eagle", one), [link]);
  assertEquals([name, epoch, publicKey], ["Eagle", 1, keyOf("Eagle").publicKey]);
  const before = await verifyEvidence(zero, by("Apple", zero), [link]);
  assertEquals([before.name, before.epoch], ["Apple", 0]);
  const refused: readonly [item: EvidenceItem, chain: readonly Uint8Array[]][] = [
    [by("Eagle", one), []], // nobody knows of epoch 1
    [by("Apple", one), [link]], // Apple has another number there
    [by("Eagle", zero), [link]], // no member yet
    [by("Apple", zero, one), [link]], // one message in each epoch is no contradiction
    [by("Eagle", one, zero), [link]],
  ];
  for (const [item, chain] of refused) await assertRejects(() => verifyEvidence(zero, item, chain), EvidenceError);
  await assertRejects(() => verifyEvidence({ genesis }, by("Eagle", one), [link]), LinkError);
});
