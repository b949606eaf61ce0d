import { assert, assertEquals } from "@std/assert";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import type { Digest, Millis } from "../../src/core/messages/ids.ts";
import {
  decodeBatch,
  decodeBundle,
  decodeFrame,
  encodeBatch,
  encodeBundle,
  encodeFrame,
  encodeMessage,
  frameKind,
  fromHex,
  pack,
  unpack,
} from "../../src/wire/mod.ts";
import { oracleDecode, oracleEncode } from "./oracle.ts";
import { ALL_KINDS, Random } from "./random_messages.ts";

const CASES = 400;

for (const kind of ALL_KINDS) {
  Deno.test(`a ${kind} is the same after its frame is encoded and decoded`, () => {
    const random = new Random(1);
    for (let i = 0; i < CASES; i++) {
      const signed = random.signed(kind);
      const batch = kind === "pre-prepare" && random.int(2) === 0 ? random.bytes() : undefined;
      const frame = encodeFrame(signed, batch);
      const decoded = decodeFrame(frame);
      assertEquals(decoded, batch === undefined ? { signed } : { signed, batchBytes: batch });
      assertEquals(encodeMessage(decoded.signed.message), signed.bytes);
      assertEquals(frameKind(frame), kind);
    }
  });

  Deno.test(`the bytes of a ${kind} are what cborg reads and writes`, () => {
    const random = new Random(2);
    for (let i = 0; i < CASES; i++) {
      const { message, bytes } = random.signed(kind);
      const items = oracleDecode(bytes);
      assert(Array.isArray(items));
      assertEquals(items.length, Object.keys(message).length - 1);
      assertEquals(oracleEncode(items), bytes);
    }
  });
}

Deno.test("a vote is the array of its replica, view, sequence number and digest", () => {
  const vote = new Random(3).message("commit");
  const bytes = encodeMessage(vote);
  assertEquals(oracleEncode([vote.replica, vote.view, vote.sequence, fromHex(vote.digest)]), bytes);
});

Deno.test("a batch is the same after it is encoded and decoded, with the requests' exact bytes and signatures", () => {
  const random = new Random(4);
  for (let i = 0; i < CASES; i++) {
    const timestamp = random.natural() as Millis;
    const requests = random.list(() => random.request());
    const bytes = encodeBatch(timestamp, requests);
    assertEquals(decodeBatch(bytes, DEFAULT_LIMITS), { timestamp, requests });
    assertEquals(oracleEncode(oracleDecode(bytes)), bytes);
  }
});

Deno.test("a batch without requests is a null request", () => {
  const bytes = encodeBatch(7 as Millis, []);
  assertEquals(decodeBatch(bytes, DEFAULT_LIMITS), { timestamp: 7 as Millis, requests: [] });
});

Deno.test("a bundle is the same after it is encoded and decoded", () => {
  const random = new Random(5);
  for (let i = 0; i < CASES; i++) {
    const cluster = random.hex32() as Digest;
    const frames = random.list(() => encodeFrame(random.signed(random.of(ALL_KINDS))));
    const bytes = encodeBundle(cluster, frames);
    assertEquals(decodeBundle(bytes, 1000), { cluster, frames });
    assertEquals(oracleEncode(oracleDecode(bytes)), bytes);
  }
});

Deno.test("the frames of a bundle and a blob are copies, so that one that is kept doesn't keep the body that it came in", () => {
  const random = new Random(6);
  const blobs = { ...random.message("blobs"), blobs: [random.bytes(10), random.bytes(1000)] };
  const frame = encodeFrame({ message: blobs, bytes: encodeMessage(blobs), signature: random.bytes(64) });
  const { frames } = decodeBundle(encodeBundle(random.hex32() as Digest, [frame, frame]), 2);
  assertEquals(frames.map((f) => f.buffer.byteLength), [frame.length, frame.length]);
  const { message } = decodeFrame(frame).signed;
  assert(message.kind === "blobs");
  assertEquals(message.blobs.map((blob) => blob.buffer.byteLength), [10, 1000]);
});

Deno.test("a frame that is half of the body that it came in, or more, is not copied", () => {
  const random = new Random(8);
  const [frame, short] = [random.bytes(1_000), random.bytes(100)];
  const bundle = encodeBundle(random.hex32() as Digest, [short, frame]).slice();
  const { frames } = decodeBundle(bundle, 2);
  assertEquals(frames, [short, frame]);
  assertEquals(frames.map(({ buffer }) => buffer === bundle.buffer), [false, true]);
  // A body may itself be a view of a large buffer.
  const read = new Uint8Array(8_192);
  read.set(bundle, 100);
  const within = decodeBundle(read.subarray(100, 100 + bundle.length), 2).frames;
  assertEquals(within.map(({ buffer }) => buffer.byteLength), [short.length, frame.length]);
});

Deno.test("packed bytes are those that cborg writes, and unpack to an equal value", () => {
  const random = new Random(7);
  for (let i = 0; i < 2000; i++) {
    const value = random.plain();
    const bytes = pack(value);
    assertEquals(bytes, oracleEncode(value));
    assertEquals(unpack(bytes), value);
  }
});
