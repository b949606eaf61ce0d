/** The answers of those who lie: how much of them is read and parsed. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  answeredJson,
  parseBoundedJson,
  parseStatement,
  readAnswer,
  readUncompressed,
  utf8,
} from "../../src/wire/mod.ts";

const MOST = 64 * 1024;

/** An answer without an end, and how many chunks were taken of it. */
function endless(chunk: Uint8Array, headers: HeadersInit = {}) {
  const taken = { chunks: 0, isCancelled: false };
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => (taken.chunks++, controller.enqueue(chunk)),
    cancel: () => void (taken.isCancelled = true),
  }, { highWaterMark: 0 });
  return { response: new Response(body, { headers }), taken };
}

Deno.test("an answer is read up to its bound, and not in chunks of one byte", async () => {
  const long = endless(new Uint8Array(1_000));
  await assertRejects(() => readAnswer(long.response, 10_000), RangeError, "at most 10000 bytes");
  assertEquals(long.taken, { chunks: 11, isCancelled: true });
  const tiny = endless(new Uint8Array(1));
  await assertRejects(() => readAnswer(tiny.response, 1e9), RangeError, "larger chunks");
  assert(tiny.taken.isCancelled && tiny.taken.chunks < 1_000, `${tiny.taken.chunks} chunks were taken`);
  assertEquals(await readAnswer(new Response(null), 10), new Uint8Array());
  assertEquals(await readAnswer(new Response("abc"), 3), utf8("abc"));
});

Deno.test("of an answer that is compressed although it was not to be, nothing is read", async () => {
  for (const encoding of ["gzip", "br", "gzip, gzip"]) {
    const { response, taken } = endless(new Uint8Array(1), { "content-encoding": encoding });
    await assertRejects(() => readUncompressed(response, 1e9), RangeError, `not compressed, got ${encoding}`);
    assertEquals(taken, { chunks: 0, isCancelled: true });
  }
  assertEquals(
    await readUncompressed(new Response("abc", { headers: { "content-encoding": "identity" } }), 3),
    utf8("abc"),
  );
});

Deno.test("JSON with too many values is not parsed", () => {
  const lists = (count: number) => `[${Array(count).fill("[]").join(",")}]`;
  const objects = (count: number) => `[${Array(count).fill('{"a":1}').join(",")}]`;
  const numbers = (count: number) => `{"a":[${Array(count).fill("1").join(",")}]}`;
  const deep = (count: number) => "[".repeat(count) + "]".repeat(count);
  for (const make of [lists, objects, numbers, deep]) {
    assertThrows(() => answeredJson(utf8(make(MOST + 1))), RangeError, "values");
    assertEquals(answeredJson(utf8(make(1_000))), JSON.parse(make(1_000)));
  }
  // It is refused before anything is parsed, also where it is no JSON.
  assertThrows(() => answeredJson(utf8("[".repeat(MOST + 1))), RangeError);
  assertThrows(() => answeredJson(utf8("[")), SyntaxError);
});

Deno.test("commas and brackets in texts are no values", () => {
  const text = JSON.stringify({ a: ',[{"\\'.repeat(100), "b,[": "\\", c: '\\"[,', d: "é,😀" });
  assertEquals(parseBoundedJson(text, 5), JSON.parse(text));
  assertThrows(() => parseBoundedJson(text, 4), RangeError);
  assertThrows(() => parseBoundedJson('{"a":"\\\\",b:[[[[', 4), RangeError);
});

Deno.test("the largest statement about changes is read, and one with more values is not parsed", () => {
  const batch = (changes: number) => Array.from({ length: changes }, (_, i) => [`${i}`, null]);
  const statement = (changes: number) =>
    JSON.stringify({ watch: { prefix: "" }, from: 1, through: 1, batches: [[1, batch(changes)]] });
  assertEquals(parseStatement(statement(128 * 1024), { prefix: "" }).batches.length, 1);
  assertThrows(() => parseStatement(statement(256 * 1024), { prefix: "" }), RangeError, "values");
});
