import { assert, assertEquals } from "@std/assert";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import type { Digest, Millis } from "../../src/core/messages/ids.ts";
import type { Message, MessageKind } from "../../src/core/messages/messages.ts";
import { createSigner, createVerifier, generateKeyPair, sha256 } from "../../src/crypto/mod.ts";
import {
  decodeBatch,
  decodeBundle,
  DecodeError,
  decodeFrame,
  encodeBatch,
  encodeBundle,
  encodeFrame,
  encodeMessage,
  pack,
  toHex,
  unpack,
} from "../../src/wire/mod.ts";
import { mutate } from "./mutate.ts";
import { isPlain, oracleDecode, oracleEncode } from "./oracle.ts";
import { ALL_KINDS, Random } from "./random_messages.ts";

const FRAMES = 100_000;
const OTHERS = 20_000;

const cluster = "ab".repeat(32) as Digest;

/** The value, or `undefined` if it is refused; any other error fails the test. */
function attempt<T>(decode: () => T, mutant: Uint8Array): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof DecodeError)) throw new Error(`${toHex(mutant)}: ${error}`, { cause: error });
    assert(error.field !== "" && error.expected !== "" && error.got !== "", error.message);
    return undefined;
  }
}

Deno.test("each of 100,000 damaged frames is refused or has a wrong signature, and none has a second form", () => {
  const random = new Random(10);
  const keys = generateKeyPair();
  const signer = createSigner(keys.privateKey, cluster);
  const verifier = createVerifier(cluster);
  const sign = (message: Message) => {
    const bytes = encodeMessage(message);
    return { message, bytes, signature: signer.sign(message.kind, bytes) };
  };
  const batch = encodeBatch(5 as Millis, [random.request(), random.request()]);
  const prePrepare = sign({ ...random.message("pre-prepare"), digest: sha256(batch) });
  const signed = ALL_KINDS.flatMap((kind) => Array.from({ length: 12 }, () => sign(random.message(kind))));
  const corpus = [...signed.map((s) => encodeFrame(s)), encodeFrame(prePrepare), encodeFrame(prePrepare, batch)];
  const genuine = new Set(corpus.map((frame) => toHex(frame)));

  let decoded = 0;
  for (let i = 0; i < FRAMES; i++) {
    const mutant = mutate(random, random.of(corpus), corpus);
    const frame = attempt(() => decodeFrame(mutant), mutant);
    if (frame === undefined) continue;
    decoded++;
    const { signed, batchBytes } = frame;
    const bytes = encodeMessage(signed.message);
    const hex = toHex(mutant);
    assert(toHex(encodeFrame({ ...signed, bytes }, batchBytes)) === hex, `not the only form: ${hex}`);
    if (genuine.has(hex)) continue;
    const accepted = verifier.verify(keys.publicKey, signed.message.kind, signed.bytes, signed.signature) &&
      (batchBytes === undefined ||
        (signed.message.kind === "pre-prepare" && sha256(batchBytes) === signed.message.digest));
    assert(!accepted, `accepted: ${hex}`);
  }
  assert(decoded > FRAMES / 20, `only ${decoded} mutants got as far as the signature: the test is too easy`);
});

Deno.test("a damaged batch is refused, or is the one form of its content", () => {
  const random = new Random(11);
  const corpus = Array.from(
    { length: 30 },
    () => encodeBatch(random.natural() as Millis, random.list(() => random.request())),
  );
  for (let i = 0; i < OTHERS; i++) {
    const mutant = mutate(random, random.of(corpus), corpus);
    const batch = attempt(() => decodeBatch(mutant, DEFAULT_LIMITS), mutant);
    if (batch === undefined) continue;
    const requests = batch.requests.map((request) => ({ ...request, bytes: encodeMessage(request.message) }));
    assertEquals(toHex(encodeBatch(batch.timestamp, requests)), toHex(mutant));
  }
});

Deno.test("a damaged bundle is refused, or is the one form of its content", () => {
  const random = new Random(12);
  const kind = () => random.of<MessageKind>(["prepare", "commit", "status"]);
  const corpus = Array.from(
    { length: 30 },
    () => encodeBundle(random.hex32() as Digest, random.list(() => encodeFrame(random.signed(kind())))),
  );
  for (let i = 0; i < OTHERS; i++) {
    const mutant = mutate(random, random.of(corpus), corpus);
    const bundle = attempt(() => decodeBundle(mutant, 1000), mutant);
    if (bundle !== undefined) assertEquals(toHex(encodeBundle(bundle.cluster, bundle.frames)), toHex(mutant));
  }
});

Deno.test("a damaged value unpacks exactly if cborg finds it canonical and of the few types in use", () => {
  const random = new Random(13);
  const corpus = Array.from({ length: 200 }, () => pack(random.plain(3)));
  for (let i = 0; i < OTHERS; i++) {
    const mutant = mutate(random, random.of(corpus), corpus);
    const ours = attempt(() => unpack(mutant), mutant);
    let theirs: unknown;
    try {
      theirs = oracleDecode(mutant);
    } catch {
      theirs = undefined;
    }
    const canonical = isPlain(theirs) && toHex(oracleEncode(theirs)) === toHex(mutant);
    assertEquals(ours !== undefined, canonical, toHex(mutant));
    if (canonical) assertEquals<unknown>(ours, theirs);
  }
});
