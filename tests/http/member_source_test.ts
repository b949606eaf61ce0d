import { assertEquals, assertRejects } from "@std/assert";
import { httpSource } from "../../src/http/peers/member_source.ts";

/** A member whose answers are these chunks. */
function answering(chunks: () => Uint8Array | null) {
  const body = () =>
    new ReadableStream<Uint8Array>({
      pull(controller) {
        const chunk = chunks();
        if (chunk) controller.enqueue(chunk);
        else controller.error(new Error("all of it was read"));
      },
    }, { highWaterMark: 0 });
  return httpSource(() => Promise.resolve(new Response(body())));
}

/** So many chunks of one length, and then a failure. */
function some(count: number, length: number): () => Uint8Array | null {
  return () => count-- > 0 ? new Uint8Array(length) : null;
}

Deno.test("an answer of another member is read up to a bound, and not in chunks of one byte", async () => {
  await assertRejects(() => answering(some(10_000, 1)).links("http://a.test", 0), RangeError, "small ones");
  await assertRejects(() => answering(some(1_000, 1024 * 1024)).links("http://a.test", 0), RangeError, "at most");
});

Deno.test("an answer of another member with a million values is not parsed, and a compressed one is not read", async () => {
  const lists = new TextEncoder().encode(`{"links":[${"[],".repeat(1_000_000)}[]]}`);
  const source = () => httpSource(() => Promise.resolve(new Response(lists)));
  await assertRejects(() => source().links("http://a.test", 0), RangeError, "values");
  await assertRejects(() => source().stable!("http://a.test"), RangeError, "values");
  await assertRejects(() => source().entered!("http://a.test"), RangeError, "values");
  const asked: (string | null)[] = [];
  const compressing = httpSource((_, init) => {
    asked.push(new Headers(init?.headers).get("accept-encoding"));
    const body = new ReadableStream({ pull: () => Promise.reject(new Error("it was read")) }, { highWaterMark: 0 });
    return Promise.resolve(new Response(body, { headers: { "content-encoding": "gzip" } }));
  });
  await assertRejects(() => compressing.links("http://a.test", 0), RangeError, "compressed");
  await assertRejects(() => compressing.blobs("http://a.test", 1, new Uint8Array()), RangeError, "compressed");
  assertEquals(asked, ["identity", "identity"]);
});
