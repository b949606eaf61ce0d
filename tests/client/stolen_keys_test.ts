/** All keys of a closed epoch are stolen: receipts that are made with them. */
import { assertEquals, assertRejects } from "@std/assert";
import { ProofError, type Receipt, verifyReceipt } from "../../src/client/mod.ts";
import type { ClientId, Digest, ReplicaId, SequenceNumber } from "../../src/core/messages/ids.ts";
import type { ClientRequest, Reply } from "../../src/core/messages/messages.ts";
import { createSigner, sha256 } from "../../src/crypto/mod.ts";
import { sign } from "../../src/node/environment.ts";
import { type Change, type Epoch, followChain } from "../../src/wire/epochs/mod.ts";
import { encodeFrame, utf8 } from "../../src/wire/mod.ts";
import { crypto, epochWith, keyOf, linkOf, memberOf, namesOf, operationFor, urlsOf } from "../wire/_epochs.ts";
import { test } from "./with_crypto_done.ts";

const zero = epochWith(["Apple", "Ball", "Candy", "Dog"]);
const OTHERS = ["Eagle", "Fig", "Goat", "Hat"];
/** The number at which epoch 0 ends. */
const END = 64;

async function nextEpoch(change: Change): Promise<readonly [epoch: Epoch, chain: readonly Uint8Array[]]> {
  const link = await linkOf(zero, await operationFor(zero, change), { sequence: END });
  return [(await followChain(zero, [link], crypto))[1]!, [link]];
}

/** A result at a number, signed by the keys of these names, in their order as members, for an epoch. */
function receiptOf(names: readonly string[], { context, number }: Epoch, sequence: number): Receipt {
  const client = createSigner(keyOf("client").privateKey, zero.cluster);
  const request: ClientRequest = {
    kind: "request",
    client: client.publicKey as ClientId,
    session: 1,
    timestamp: 1,
    lowestUnanswered: 1,
    operations: [utf8("GET balance")],
  };
  const signed = sign(client, request);
  const results = [{ sequence: sequence as SequenceNumber, status: "ok", value: utf8("1000000") }] as const;
  const replies = names.slice(0, 2).map((name, replica) => {
    const said = { kind: "reply", replica: replica as ReplicaId, view: 0 as Reply["view"], results } as const;
    const request = sha256(signed.bytes) as Digest;
    return encodeFrame(sign(createSigner(keyOf(name).privateKey, context, number), { ...said, request }));
  });
  return { request: encodeFrame(signed), replies, index: 0 };
}

test("old members sign for their epoch, with a number after its end: the receipt proves nothing to who knows the chain", async () => {
  const [, chain] = await nextEpoch({ replicas: OTHERS.map((name) => memberOf(name)), urls: urlsOf(OTHERS) });
  const forged = receiptOf(namesOf(zero), zero, END + 1);
  await assertRejects(() => verifyReceipt(zero, forged, chain), ProofError);
  // Who knows only the genesis has no such defence, and a number of the epoch itself is beyond it.
  assertEquals((await verifyReceipt(zero, forged)).result.sequence, END + 1);
  assertEquals((await verifyReceipt(zero, receiptOf(namesOf(zero), zero, END), chain)).result.sequence, END);
});

test("old members sign for the next epoch, in the names of its members: the receipt proves nothing", async () => {
  const [one, chain] = await nextEpoch({ replicas: OTHERS.map((name) => memberOf(name)), urls: urlsOf(OTHERS) });
  for (const sequence of [1, END, END + 1]) {
    await assertRejects(() => verifyReceipt(zero, receiptOf(namesOf(zero), one, sequence), chain), ProofError);
  }
  assertEquals((await verifyReceipt(zero, receiptOf(OTHERS, one, END + 1), chain)).signers, OTHERS.slice(0, 2));
});

test("members that keep their keys sign for each epoch apart: what they sign for the old one counts for no later number", async () => {
  const [one, chain] = await nextEpoch({ checkpointInterval: 4 });
  await assertRejects(() => verifyReceipt(zero, receiptOf(namesOf(zero), zero, END + 1), chain), ProofError);
  assertEquals((await verifyReceipt(zero, receiptOf(namesOf(one), one, END + 1), chain)).result.sequence, END + 1);
});
