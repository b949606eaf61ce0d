import { assertRejects } from "@std/assert";
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
  await assertRejects(() => answering(some(10_000, 1)).links("http://a.test", 0), RangeError, "small chunks");
  await assertRejects(() => answering(some(1_000, 1024 * 1024)).links("http://a.test", 0), RangeError, "more than");
});
