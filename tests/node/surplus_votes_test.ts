/** Votes that decide nothing any more are not verified, and nothing is lost that they are good for. */
import { assertEquals } from "@std/assert";
import type { Digest, Millis, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type {
  Commit,
  Message,
  Prepare,
  PreparedCertificate,
  Signed,
  ViewChange,
} from "../../src/core/messages/messages.ts";
import { clusterId, sha256 } from "../../src/crypto/mod.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { SurplusVotes } from "../../src/node/in/surplus_votes.ts";
import { ReplicaNode } from "../../src/node/node.ts";
import { CRYPTOGRAPHY } from "../../src/node/options.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { newStatus } from "../../src/testing/drills/peers.ts";
import { decodeFrame, encodeBatch, encodeFrame, utf8 } from "../../src/wire/mod.ts";
import { Author, genesisOf, keyPairOf } from "./_cluster.ts";
import { ManualTimer } from "./_manual_timer.ts";

const genesis = genesisOf(4);
const cluster = clusterId(genesis);
const authors = [1, 2, 3, 4].map((index) => new Author(index, cluster));
const body = encodeBatch(1_000 as Millis, []);
const [digest, other] = [sha256(body), sha256(utf8("other"))];

function vote(kind: "prepare" | "commit", replica: number, of: Digest = digest, sequence = 1): Message {
  return {
    kind,
    replica: replica as ReplicaId,
    view: 0 as View,
    sequence: sequence as SequenceNumber,
    digest: of,
  };
}

/** Replica 1, a backup, with a pre-prepare; and what it verified, said and refused. */
async function backup(options: { readonly persistInputs?: boolean } = {}) {
  const timer = new ManualTimer();
  const verified: string[] = [];
  const sent: { to: number; frame: Uint8Array }[] = [];
  const rejected: string[] = [];
  const node = await ReplicaNode.open({
    self: 1 as ReplicaId,
    genesis,
    store: new MemoryStore(),
    timer,
    start: "new",
    privateKey: keyPairOf(2).privateKey,
    stateMachine: () => new KeyValue(),
    transport: { deliver: (to, frames) => (sent.push(...frames.map((frame) => ({ to, frame }))), Promise.resolve()) },
    observers: [{ onRejected: ({ reason }) => void rejected.push(reason) }],
    crypto: {
      ...CRYPTOGRAPHY,
      createVerifier: (of) => {
        const verifier = CRYPTOGRAPHY.createVerifier(of);
        return { verify: (...args) => (verified.push(args[1]), verifier.verify(...args)) };
      },
    },
    ...options,
  });
  /** `by` delivers messages, each signed by `signer`. Returns the kinds of the signatures that were verified. */
  const gets = async (by: number, messages: readonly Message[], signer = by, batch?: Uint8Array) => {
    verified.length = 0;
    const frames = messages.map((message) => authors[signer]!.frame(message, batch));
    const taken = node.receive(frames, undefined, by as ReplicaId);
    await timer.idle();
    await taken;
    return [...verified];
  };
  const prePrepare: Message = { ...vote("prepare", 0), kind: "pre-prepare" } as Message;
  await timer.idle();
  await gets(0, [prePrepare], 0, body);
  const evidence = () => node.status().replica.evidence.map(({ first }) => first.message.replica as number);
  return { node, timer, gets, verified, sent, rejected, evidence };
}

Deno.test("votes up to a quorum are verified, and those after it are not", async () => {
  const { node, gets } = await backup();
  assertEquals(await gets(2, [vote("prepare", 2)]), ["prepare"]);
  assertEquals(await gets(3, [vote("prepare", 3)]), []);
  assertEquals(await gets(2, [vote("commit", 2)]), ["commit"]);
  assertEquals(await gets(3, [vote("commit", 3)]), ["commit"]);
  assertEquals(await gets(0, [vote("commit", 0)]), []);
  assertEquals(node.status().replica.lastExecuted as number, 1);
  assertEquals(node.usage().inboxFrames, 0);
  await node.close();
});

Deno.test("votes that arrive together are verified one after another, each after the one before was counted", async () => {
  const { node, timer, verified } = await backup();
  verified.length = 0;
  const all = [2, 3].map((by) => node.receive([authors[by]!.frame(vote("prepare", by))], undefined, by as ReplicaId));
  await timer.idle();
  assertEquals(await Promise.all(all), [[null], [null]]);
  assertEquals(verified, ["prepare"]);
  await node.close();
});

Deno.test("a vote that another member delivers is verified, and refused if it is forged", async () => {
  const { gets, rejected, node } = await backup();
  await gets(2, [vote("prepare", 2)]);
  assertEquals(await gets(0, [vote("prepare", 3)], 3), ["prepare"]);
  await gets(2, [vote("commit", 2)]);
  await gets(3, [vote("commit", 3)]);
  assertEquals(await gets(2, [vote("commit", 0)], 2), ["commit"]); // signed by the deliverer
  assertEquals(rejected, ["wrong-signature"]);
  await node.close();
});

Deno.test("who signs another digest after a surplus vote is convicted, and an unsigned one convicts nobody", async () => {
  const { gets, evidence, node, rejected } = await backup();
  await gets(2, [vote("prepare", 2)]);
  assertEquals(await gets(3, [vote("prepare", 3)]), []);
  assertEquals(await gets(3, [vote("prepare", 3, other)], 2), ["prepare"]);
  assertEquals([evidence(), rejected], [[], ["wrong-signature"]]);
  assertEquals(await gets(3, [vote("prepare", 3, other)]), ["prepare", "prepare"]);
  assertEquals(evidence(), [3]);
  await node.close();
});

Deno.test("who signs the decided digest after another one is convicted: that vote is not surplus", async () => {
  const { gets, evidence, node } = await backup();
  await gets(3, [vote("prepare", 3, other)]);
  await gets(2, [vote("prepare", 2)]);
  assertEquals(await gets(3, [vote("prepare", 3)]), ["prepare"]);
  assertEquals(evidence(), [3]);
  await node.close();
});

Deno.test("a forged surplus vote changes nothing when it is recalled", async () => {
  const { gets, evidence, node, rejected } = await backup();
  await gets(2, [vote("prepare", 2)]);
  assertEquals(await gets(3, [vote("prepare", 3)], 2), []); // 3 delivers what it has not signed
  await gets(3, [vote("prepare", 3, other)]);
  assertEquals([evidence(), rejected], [[], ["wrong-signature"]]);
  await node.close();
});

Deno.test("a replica that starts and asks for its own votes gets the surplus ones too", async () => {
  const { gets, sent, node, timer } = await backup();
  await gets(2, [vote("prepare", 2)]);
  await gets(3, [vote("prepare", 3)]);
  sent.length = 0;
  await gets(3, [{ ...newStatus(3), challenge: 77 as Millis }]);
  await timer.idle();
  const returned = sent.filter(({ to }) => to === 3).map(({ frame }) => decodeFrame(frame).signed.message);
  assertEquals(returned.filter((one) => one.kind === "prepare" && one.replica === 3).length, 1);
  await node.close();
});

Deno.test("a host that stores its inputs verifies all votes: what is kept in memory would be lost there", async () => {
  const { gets, node } = await backup({ persistInputs: true });
  await gets(2, [vote("prepare", 2)]);
  assertEquals(await gets(3, [vote("prepare", 3)]), ["prepare"]);
  await node.close();
});

Deno.test("kept votes are bounded, the oldest are forgotten first, and a certificate recalls those that differ", () => {
  const kept = new SurplusVotes(3);
  const signed = (sequence: number) => authors[3]!.sign(vote("prepare", 3, digest, sequence) as Prepare);
  for (let sequence = 1; sequence <= 10; sequence++) kept.keep(signed(sequence), encodeFrame(signed(sequence)));
  assertEquals(kept.size, 3);
  const certificate = (sequence: number, of: Digest) => ({
    prepares: [authors[3]!.sign(vote("prepare", 3, of, sequence) as Prepare)],
  } as unknown as PreparedCertificate);
  const prepared = [certificate(7, other), certificate(8, digest), certificate(9, other)];
  const viewChange = { message: { prepared } as unknown as ViewChange } as never;
  assertEquals(kept.recallFor({ kind: "view-change", viewChange }), [encodeFrame(signed(9))]);
  assertEquals(kept.size, 2);
});

/** The proof that a number is decided, passed on by `replica`. */
function decision(replica: number, sequence: number): Message {
  const commits = [0, 2, 3].map((by) => signedBy(by, vote("commit", by, digest, sequence)) as Signed<Commit>);
  return { kind: "decision", replica: replica as ReplicaId, commits };
}

const signedBy = (by: number, message: Message) => decodeFrame(authors[by]!.frame(message)).signed;

for (const persistInputs of [false, true]) {
  const host = persistInputs ? "that stores its inputs" : "that stays in memory";
  Deno.test(`the proof of a decision is verified where it is needed, and not again once it is known, on a host ${host}`, async () => {
    const { node, gets, rejected } = await backup({ persistInputs });
    const all = ["decision", "commit", "commit", "commit"];
    assertEquals(await gets(2, [decision(2, 1)]), all);
    assertEquals(node.status().replica.lastExecuted as number, 1);
    for (const by of [0, 2, 3]) assertEquals(await gets(by, [decision(by, 1), decision(by, 1)]), []);
    // The next number is not decided here yet.
    assertEquals(await gets(3, [decision(3, 2)]), all);
    assertEquals(await gets(0, [decision(0, 2)]), []);
    // Who passes on another member's proof is no proved sender of it: it is verified, and a forged one is refused.
    assertEquals(await gets(0, [decision(3, 1)], 3), all);
    assertEquals(await gets(0, [decision(3, 1)], 0), ["decision"]);
    assertEquals(rejected, ["wrong-signature"]);
    // One without commits decides nothing.
    assertEquals(await gets(0, [{ ...decision(0, 1), commits: [] } as Message]), ["decision"]);
    assertEquals(rejected, ["wrong-signature", "malformed"]);
    await node.close();
  });
}
