/** How the chunks of a body are read: with what buffers, from what streams. */
import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { BodyChunks } from "../../src/http/bodies/chunks.ts";
import { head, RawConnection } from "./raw_connection.ts";
import { serveOne } from "./served.ts";

const KIB = 1024;

/** A body of bytes, as a server gives it: it fills the buffers that it is handed. Notes how long these are. */
function bytesOf(content: Uint8Array, handed: number[] = []): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    type: "bytes",
    autoAllocateChunkSize: 64 * KIB,
    pull(controller) {
      const view = controller.byobRequest!.view as Uint8Array;
      handed.push(view.length);
      const part = content.subarray(at, at + view.length);
      at += part.length;
      view.set(part);
      if (part.length === 0) controller.close();
      controller.byobRequest!.respond(part.length);
    },
  });
}

async function all(chunks: BodyChunks): Promise<Uint8Array> {
  const parts: number[] = [];
  for (let chunk = await chunks.read(); chunk !== null; chunk = await chunks.read()) parts.push(...chunk);
  return Uint8Array.from(parts);
}

Deno.test("a body that does not come is waited for with a small buffer, and a large one gets larger buffers", async () => {
  const content = Uint8Array.from({ length: 200 * KIB }, (_, i) => i * 7);
  const handed: number[] = [];
  assertEquals(await all(new BodyChunks(bytesOf(content, handed))), content);
  assertEquals(handed.slice(0, 7), [2, 4, 8, 16, 32, 64, 64].map((length) => length * KIB));
});

Deno.test("a body that is no stream of bytes is read as well", async () => {
  const parts = [Uint8Array.of(1, 2), Uint8Array.of(3)];
  assertEquals(await all(new BodyChunks(ReadableStream.from(parts))), Uint8Array.of(1, 2, 3));
  assertEquals(await all(new BodyChunks(new Response("abc").body!)), new TextEncoder().encode("abc"));
});

Deno.test("a cancelled body ends the read that waits, and one that breaks off rejects it", async () => {
  for (const type of ["bytes", undefined] as const) {
    const silent = new BodyChunks(new ReadableStream({ type: type as "bytes" }));
    const waiting = silent.read();
    await silent.cancel();
    assertEquals(await waiting, null);
    const broken = new BodyChunks(
      new ReadableStream({ type: type as "bytes", pull: () => Promise.reject(new Error("the connection is cut")) }),
    );
    await assertRejects(() => broken.read(), Error, "the connection is cut");
    await broken.cancel();
  }
});

Deno.test("each body that is announced and not sent holds a few kilobytes, on any route", async () => {
  await using replica = await serveOne();
  using held = new DisposableStack();
  const before = Deno.memoryUsage().external;
  const bodies = 300;
  for (let i = 0; i < bodies; i++) {
    const connection = held.use(await RawConnection.open(replica.url));
    const path = ["/messages", "/requests", "/nowhere"][i % 3]!;
    await connection.send(head(path, "Content-Type: application/cbor", "Content-Length: 100000") + "{");
  }
  using honest = await RawConnection.open(replica.url);
  await honest.send("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  assertEquals(await honest.status(), 200);
  assertLess((Deno.memoryUsage().external - before) / bodies, 16 * KIB);
});
