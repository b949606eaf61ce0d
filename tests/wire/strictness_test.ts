import { assert, assertEquals, assertThrows } from "@std/assert";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import type { ClientId, Digest, Millis, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { ClientRequest, GatewayRequest, Message } from "../../src/core/messages/messages.ts";
import {
  decodeBatch,
  decodeBundle,
  DecodeError,
  decodeFrame,
  encodeBundle,
  encodeFrame,
  encodeMessage,
  frameKind,
  fromHex,
  MAX_BODY_BYTES,
  pack,
  unpack,
  utf8,
} from "../../src/wire/mod.ts";
import { oracleEncode } from "./oracle.ts";

const digest = "ab".repeat(32) as Digest;
const digestBytes = fromHex(digest);
const signature = new Uint8Array(64).fill(7);
const PREPARE = 4;

function messageOf(decode: () => unknown): string {
  try {
    decode();
  } catch (error) {
    assert(error instanceof DecodeError, `expected a DecodeError, got ${error}`);
    assertEquals(error.message, `${error.field}: expected ${error.expected}, got ${error.got}`);
    return error.message + (error.tooLarge ? " (too large)" : "");
  }
  return "accepted";
}

/** A frame of any items, whether they make sense or not. */
function frameOf(...items: unknown[]): Uint8Array {
  return oracleEncode(items);
}

/** A prepare's frame around signed bytes that may make no sense. */
function prepareOf(signedBytes: string): Uint8Array {
  return frameOf(PREPARE, fromHex(signedBytes.replaceAll(" ", "")), signature);
}

const HEX_DIGEST = `5820 ${digest}`;

const BAD_PREPARES: readonly (readonly [what: string, signedBytes: string, message: string])[] = [
  ["nothing", "", "frame.prepare: expected an array, got the end of the input"],
  ["a missing field", "83 01 02 03", "frame.prepare: expected an array of 4 items, got one of 3"],
  ["an unknown field", `85 01 02 03 ${HEX_DIGEST} 00`, "frame.prepare: expected an array of 4 items, got one of 5"],
  ["a map", `a1 00 01`, "frame.prepare: expected an array, got a map"],
  ["an array of indefinite length", `9f 01 ff`, "frame.prepare: expected an array, got an array of indefinite length"],
  ["trailing bytes", `84 01 02 03 ${HEX_DIGEST} 00`, "frame.prepare: expected nothing more, got 1 trailing bytes"],
  [
    "a number of 2 bytes that fits in 1",
    `84 1801`,
    "frame.prepare.replica: expected the shortest form of a number, got 1 in 1 bytes",
  ],
  [
    "a number of 3 bytes that fits in 2",
    `84 01 1900ff`,
    "frame.prepare.view: expected the shortest form of a number, got 255 in 2 bytes",
  ],
  [
    "a number of 5 bytes that fits in 3",
    `84 01 1a0000ffff`,
    "frame.prepare.view: expected the shortest form of a number, got 65535 in 4 bytes",
  ],
  [
    "a number of 9 bytes that fits in 5",
    `84 01 1b00000000ffffffff`,
    "frame.prepare.view: expected the shortest form of a number, got 4294967295 in 8 bytes",
  ],
  [
    "a number of 2^53",
    `84 01 1b0020000000000000`,
    "frame.prepare.view: expected a number up to 2^53 - 1, got a larger one",
  ],
  [
    "a number that is cut short",
    `84 01 19ff`,
    "frame.prepare.view: expected a length or value of 2 bytes, got the end of the input after 2 bytes",
  ],
  [
    "a reserved form of a number",
    `84 1c`,
    "frame.prepare.replica: expected an unsigned integer, got an unsigned integer with a reserved head",
  ],
  ["a negative number", `84 20`, "frame.prepare.replica: expected an unsigned integer, got a negative integer"],
  ["a float", `84 fb3ff0000000000000`, "frame.prepare.replica: expected an unsigned integer, got a float"],
  ["a big number in a tag", `84 c24101`, "frame.prepare.replica: expected an unsigned integer, got a tag"],
  ["null", `84 f6`, "frame.prepare.replica: expected an unsigned integer, got null"],
  ["undefined", `84 f7`, "frame.prepare.replica: expected an unsigned integer, got undefined"],
  ["a boolean", `84 f5`, "frame.prepare.replica: expected an unsigned integer, got a boolean"],
  ["a simple value", `84 f820`, "frame.prepare.replica: expected an unsigned integer, got a simple value"],
  ["a break", `84 ff`, "frame.prepare.replica: expected an unsigned integer, got a break"],
  ["a digest as text", `84 01 02 03 6161`, "frame.prepare.digest: expected a byte string, got a text"],
  [
    "a digest of 31 bytes",
    `84 01 02 03 581f ${"00".repeat(31)}`,
    "frame.prepare.digest: expected 32 bytes, got 31 bytes",
  ],
  [
    "a digest that is cut short",
    `84 01 02 03 5820 00`,
    "frame.prepare.digest: expected 32 bytes, got the end of the input after 1 bytes",
  ],
  [
    "a digest of indefinite length",
    `84 01 02 03 5f 4100 ff`,
    "frame.prepare.digest: expected a byte string, got a byte string of indefinite length",
  ],
];

for (const [what, signedBytes, message] of BAD_PREPARES) {
  Deno.test(`a prepare with ${what} is refused, and the error says why`, () => {
    assertEquals(messageOf(() => decodeFrame(prepareOf(signedBytes))), message);
  });
}

const prepareBytes = fromHex(`84010203${HEX_DIGEST.replace(" ", "")}`);

const BAD_FRAMES: readonly (readonly [what: string, frame: Uint8Array, message: string])[] = [
  ["two items", frameOf(PREPARE, prepareBytes), "frame: expected an array of 3 or 4 items, got one of 2"],
  [
    "five items",
    frameOf(PREPARE, prepareBytes, signature, 0, 0),
    "frame: expected at most 4 items, got 5 items (too large)",
  ],
  [
    "an unknown kind",
    frameOf(23, prepareBytes, signature),
    "frame.kind: expected the code of a kind of message, got 23",
  ],
  ["kind 0", frameOf(0, prepareBytes, signature), "frame.kind: expected the code of a kind of message, got 0"],
  [
    "a kind by name",
    frameOf("prepare", prepareBytes, signature),
    "frame.kind: expected an unsigned integer, got a text",
  ],
  [
    "the message itself in place of its bytes",
    frameOf(PREPARE, [1, 2, 3, digestBytes], signature),
    "frame.bytes: expected a byte string, got an array",
  ],
  [
    "a short signature",
    frameOf(PREPARE, prepareBytes, signature.subarray(1)),
    "frame.signature: expected 64 bytes, got 63 bytes",
  ],
  [
    "a batch beside a prepare",
    frameOf(PREPARE, prepareBytes, signature, signature),
    "frame: expected 3 items in the frame of a prepare, got 4 items, the last a batch",
  ],
  [
    "a batch that is none",
    frameOf(3, prepareBytes, signature, 0),
    "frame.batch: expected a byte string, got an unsigned integer",
  ],
];

for (const [what, frame, message] of BAD_FRAMES) {
  Deno.test(`a frame with ${what} is refused, and the error says why`, () => {
    assertEquals(messageOf(() => decodeFrame(frame)), message);
  });
}

Deno.test("a frame with trailing bytes is refused", () => {
  const frame = new Uint8Array([...frameOf(PREPARE, prepareBytes, signature), 0]);
  assertEquals(messageOf(() => decodeFrame(frame)), "frame: expected nothing more, got 1 trailing bytes");
});

const request: ClientRequest = {
  kind: "request",
  client: digest as string as ClientId,
  session: 1,
  timestamp: 1,
  lowestUnanswered: 1,
  operations: [new Uint8Array(10), new Uint8Array(10), new Uint8Array(10)],
};

function frameOfMessage(message: Message): Uint8Array {
  return encodeFrame({ message, bytes: encodeMessage(message), signature });
}

Deno.test("input over a limit is refused as too large", () => {
  const frame = frameOfMessage(request);
  const bytes = encodeMessage(request).length;
  assertEquals(messageOf(() => decodeFrame(frame, { maxRequestBytes: bytes })), "accepted");
  assertEquals(
    messageOf(() => decodeFrame(frame, { maxRequestBytes: bytes - 1 })),
    `frame.bytes: expected at most ${bytes - 1} bytes, got ${bytes} bytes (too large)`,
  );
  assertEquals(
    messageOf(() => decodeFrame(frame, { maxRequestOperations: 2 })),
    "frame.request.operations: expected at most 2 items, got 3 items (too large)",
  );
  assertEquals(
    messageOf(() => decodeFrame(frame, { maxFrameBytes: 99 })),
    `frame: expected at most 99 bytes, got ${frame.length} bytes (too large)`,
  );
  assertEquals(
    messageOf(() => decodeFrame(frameOf(3, prepareBytes, signature, new Uint8Array(11)), { maxBatchBytes: 10 })),
    "frame.batch: expected at most 10 bytes, got 11 bytes (too large)",
  );
});

Deno.test("a request either opens a session or has operations", () => {
  const items = (session: number, operations: Uint8Array[]) =>
    frameOf(1, oracleEncode([digestBytes, session, 1, 1, operations]), signature);
  assertEquals(messageOf(() => decodeFrame(items(0, []))), "accepted");
  assertEquals(messageOf(() => decodeFrame(items(1, [digestBytes]))), "accepted");
  assertEquals(
    messageOf(() => decodeFrame(items(0, [digestBytes]))),
    "frame.request: expected no operations in a request that opens a session, got 1",
  );
  assertEquals(messageOf(() => decodeFrame(items(9, []))), "frame.request: expected operations in session 9, got none");
  assertThrows(
    () => encodeMessage({ ...request, session: 0 }),
    TypeError,
    "request: expected no operations in a request that opens a session, got 3",
  );
});

Deno.test("a gateway request has operations, and names of 1 to 128 bytes of UTF-8", () => {
  const named = (...operations: unknown[]) => frameOf(2, oracleEncode([0, 1, operations]), signature);
  const at = "frame.gateway-request.operations[1].name";
  const good = ["ada", 1, digestBytes];
  assertEquals(messageOf(() => decodeFrame(named(good))), "accepted");
  assertEquals(messageOf(() => decodeFrame(named())), "frame.gateway-request: expected operations, got none");
  assertEquals(
    messageOf(() => decodeFrame(named(good, ["", 1, digestBytes]))),
    `${at}: expected a text of 1 to 128 bytes, got an empty text`,
  );
  assertEquals(
    messageOf(() => decodeFrame(named(good, ["ü".repeat(65), 1, digestBytes]))),
    `${at}: expected at most 128 bytes, got 130 bytes (too large)`,
  );
  const message: GatewayRequest = {
    kind: "gateway-request",
    gateway: 0 as ReplicaId,
    notAfter: 1 as Millis,
    operations: [{ name: "ü".repeat(65), timestamp: 1, operation: digestBytes }],
  };
  assertThrows(() => encodeMessage(message), RangeError, "gateway-request.operations[0].name: expected a text of 1 to");
});

Deno.test("text that is not UTF-8 is refused: stray, overlong, surrogate, cut short", () => {
  for (const bad of ["ff", "c080", "eda080", "e282", "f4908080"]) {
    const text = (0x60 + bad.length / 2).toString(16) + bad;
    assertEquals(messageOf(() => unpack(fromHex(text))), "value: expected UTF-8, got other bytes");
  }
});

Deno.test("a byte order mark is a character like others", () => {
  for (const text of ["\ufeff", "\ufeffmark", "\ufeff".repeat(30)]) assertEquals(unpack(pack(text)), text);
});

Deno.test("an unknown stage or status is refused", () => {
  const status = frameOf(8, oracleEncode([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, [0, 4]]), signature);
  assertEquals(messageOf(() => decodeFrame(status)), "frame.status.stages[1]: expected a number below 4, got 4");
});

Deno.test("false lengths are found before anything is read or allocated", () => {
  const operations = `8558${"20"}${digest}010101 9b001fffffffffffff`.replaceAll(" ", "");
  assertEquals(
    messageOf(() => decodeFrame(frameOf(1, fromHex(operations), signature))),
    "frame.request.operations: expected at most 4096 items, got 9007199254740991 items (too large)",
  );
  assertEquals(
    messageOf(() => unpack(fromHex("9a000fffff"))),
    "value: expected 1048575 items, got the end of the input after 0 bytes",
  );
  assertEquals(
    messageOf(() => unpack(fromHex("5b001fffffffffffff"))),
    `value: expected at most ${MAX_BODY_BYTES} bytes, got 9007199254740991 bytes (too large)`,
  );
});

Deno.test("values are packed and unpacked up to 32 nested lists", () => {
  const nested = (depth: number) => new Uint8Array(depth).fill(0x81, 0, depth - 1).fill(0x80, depth - 1);
  assertEquals(pack(unpack(nested(32))), nested(32));
  assertEquals(messageOf(() => unpack(nested(33))), "value: expected at most 32 nested lists, got more");
  assertEquals(messageOf(() => unpack(nested(1_000_000))), "value: expected at most 32 nested lists, got more");
  let deep: [] | [unknown] = [];
  for (let i = 0; i < 32; i++) deep = [deep];
  assertThrows(() => pack(deep as never), RangeError, "value: expected at most 32 nested lists");
});

Deno.test("no more than 2^20 values are packed or unpacked", () => {
  const count = 2 ** 20;
  const empty = new Uint8Array(count + 5).fill(0x80);
  empty.set([0x9a, 0, 0x10, 0, 0]);
  assertEquals(messageOf(() => unpack(empty)), "value: expected at most 1048576 values, got more (too large)");
  assertThrows(() => pack(Array(count).fill(0)), RangeError, "expected at most 1048576 values");
});

Deno.test("packing a value that is not plain throws", () => {
  for (const value of [-1, 1.5, NaN, 2 ** 53]) assertThrows(() => pack([value]), RangeError, "expected an integer");
  for (const value of [null, undefined, true, {}, 1n]) {
    assertThrows(() => pack([value] as never), TypeError, "value: expected a number, text, byte string or list");
  }
  assertThrows(() => pack("\ud800"), TypeError, "value: expected well-formed text, got a lone surrogate");
});

Deno.test("encoding an invalid message throws, and the error names the field", () => {
  const commit = {
    kind: "commit",
    replica: 1 as ReplicaId,
    view: 0 as View,
    sequence: 1 as SequenceNumber,
    digest,
  } as const;
  assertThrows(() => encodeMessage({ ...commit, view: -1 as View }), RangeError, "commit.view: expected an integer");
  for (const bad of ["ab", digest.toUpperCase(), "é".repeat(64), digest + "00"]) {
    assertThrows(
      () => encodeMessage({ ...commit, digest: bad as Digest }),
      TypeError,
      "commit.digest: expected 64 lower-case hex digits",
    );
  }
  assertThrows(
    () => encodeMessage({ ...request, operations: [digestBytes, "SET" as never] }),
    TypeError,
    "request.operations[1]: expected a Uint8Array, got string",
  );
  assertThrows(() => encodeMessage({ kind: "gossip" } as never), TypeError, "kind: expected a kind of message");
  const signed = { message: commit, bytes: encodeMessage(commit), signature };
  assertThrows(() => encodeFrame(signed, digestBytes), TypeError, "batchBytes: expected none beside a commit");
  assertThrows(() => encodeFrame({ ...signed, signature: digestBytes }), TypeError, "signature: expected 64 bytes");
});

Deno.test("an error repeats only the start of a long received value", () => {
  const error = new DecodeError("field", "less", "x".repeat(1_000_000));
  assert(error.message.length < 200);
});

Deno.test("a batch with anything but requests in it, or over the genesis's limits, is refused", () => {
  const vote = [PREPARE, prepareBytes, signature];
  const signed = [1, encodeMessage(request), signature];
  const decode = (batch: unknown, limits = {}) => () =>
    decodeBatch(oracleEncode(batch), { ...DEFAULT_LIMITS, ...limits });
  assertEquals(messageOf(decode([1, [signed, signed]])), "accepted");
  assertEquals(
    messageOf(decode([1, [signed, vote]])),
    "batch.requests[1].kind: expected request or gateway-request, got prepare",
  );
  assertEquals(
    messageOf(decode([1, [signed, signed]], { maxBatchRequests: 1 })),
    "batch.requests: expected at most 1 items, got 2 items (too large)",
  );
  assertEquals(
    messageOf(decode([1, [signed]], { maxBatchBytes: 20 })),
    `batch: expected at most 20 bytes, got ${oracleEncode([1, [signed]]).length} bytes (too large)`,
  );
  assertEquals(
    messageOf(decode([1, [signed]], { maxRequestBytes: 20 })),
    `batch.requests[0].bytes: expected at most 20 bytes, got ${
      signed[1]!.valueOf() && encodeMessage(request).length
    } bytes (too large)`,
  );
  assertEquals(messageOf(decode([-1, []])), "batch.timestamp: expected an unsigned integer, got a negative integer");
  assertEquals(messageOf(decode([1])), "batch: expected an array of 2 items, got one of 1");
});

Deno.test("a bundle of another version, of too many frames, or cut short is refused", () => {
  const frames = [new Uint8Array(3), new Uint8Array(4)];
  const bundle = encodeBundle(digest, frames);
  assertEquals(messageOf(() => decodeBundle(bundle, 2)), "accepted");
  assertEquals(
    messageOf(() => decodeBundle(bundle, 1)),
    "bundle.frames: expected at most 1 items, got 2 items (too large)",
  );
  assertEquals(
    messageOf(() => decodeBundle(oracleEncode([2, digestBytes, frames]), 2)),
    "bundle.version: expected 1, got 2",
  );
  assertEquals(
    messageOf(() => decodeBundle(oracleEncode([1, digestBytes.subarray(1), frames]), 2)),
    "bundle.cluster: expected 32 bytes, got 31 bytes",
  );
  assertEquals(
    messageOf(() => decodeBundle(bundle.subarray(0, -1), 2)),
    "bundle.frames[1]: expected 4 bytes, got the end of the input after 3 bytes",
  );
  assertEquals(messageOf(() => decodeBundle(utf8("{}"), 2)), "bundle: expected an array, got a text");
  assertEquals(
    messageOf(() => decodeBundle(new Uint8Array(MAX_BODY_BYTES + 1), 2)),
    `bundle: expected at most ${MAX_BODY_BYTES} bytes, got ${MAX_BODY_BYTES + 1} bytes (too large)`,
  );
});

Deno.test("bytes that are no frame have an unknown kind", () => {
  for (const hex of ["", "83", "8300", "8317", "8218", "a304", "831804"]) {
    assertEquals(frameKind(fromHex(hex)), "unknown");
  }
  assertEquals(frameKind(fromHex("8304")), "prepare");
});

Deno.test("a query has 1 to 64 operations, an answer as many results, and one of them stands without a list", () => {
  const frame = (kind: number, ...items: unknown[]) => frameOf(kind, oracleEncode(items), signature);
  const result = [1, 0, new Uint8Array([1])];
  const query = (operations: unknown) => messageOf(() => decodeFrame(frame(14, digestBytes, 1, operations)));
  const reply = (results: unknown) => messageOf(() => decodeFrame(frame(15, 0, 0, digestBytes, results)));
  const operation = new Uint8Array([1]);
  assertEquals(
    [query(operation), query(Array(2).fill(operation)), query(Array(64).fill(operation))],
    Array(3).fill("accepted"),
  );
  assertEquals([reply(result), reply(Array(3).fill(result)), reply(Array(64).fill(result))], Array(3).fill("accepted"));
  const list = "expected one item without a list, or a list of more, got a list of";
  assertEquals(query([operation]), `frame.query.operations: ${list} 1`);
  assertEquals(query([]), `frame.query.operations: ${list} 0`);
  assertEquals(
    query(Array(65).fill(operation)),
    "frame.query.operations: expected at most 64 items, got 65 items (too large)",
  );
  assertEquals(query([operation, [operation]]), "frame.query.operations[1]: expected a byte string, got an array");
  assertEquals(reply([result]), `frame.query-reply.results: ${list} 1`);
  assertEquals(reply([]), "frame.query-reply.results: expected an array of 3 items, got one of 0");
  assertEquals(
    reply(Array(65).fill(result)),
    "frame.query-reply.results: expected at most 64 items, got 65 items (too large)",
  );
  assertThrows(() => encodeMessage({ kind: "query", client: digest as never, nonce: 1, operations: [] }), RangeError);
});
