import { assertEquals } from "@std/assert";
import { type Answer, post } from "../../src/client/transport/post.ts";
import { problem } from "./fake_cluster.ts";

function answerTo(response: () => Response | Promise<Response>): Promise<Answer> {
  const options = {
    url: "http://a.test/requests",
    frame: new Uint8Array(),
    signal: new AbortController().signal,
    maxAnswerBytes: 8,
  };
  return post(() => Promise.resolve(response()), options);
}

Deno.test("a body of known length, or of unknown length, is read whole", async () => {
  const body = new Uint8Array([1, 2, 3, 4]);
  const frame = { kind: "frame", frame: body } as const;
  assertEquals(await answerTo(() => new Response(body, { headers: { "content-length": "4" } })), frame);
  const stream = () => ReadableStream.from([body.subarray(0, 1), body.subarray(1)]);
  assertEquals(await answerTo(() => new Response(stream())), frame);
});

Deno.test("a body that is too long is not read to its end", async () => {
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(5)),
    cancel: () => void (cancelled = true),
  });
  assertEquals(await answerTo(() => new Response(endless)), { kind: "failed" });
  assertEquals(cancelled, true);
});

Deno.test("the content-length of an encoded body is not trusted", async () => {
  const headers = { "content-length": "4", "content-encoding": "gzip" };
  assertEquals(await answerTo(() => new Response(new Uint8Array(100), { headers })), { kind: "failed" });
});

Deno.test("Retry-After is bounded, and has a default", async () => {
  const later = (overloaded: boolean, afterMs: number) => (
    { kind: "later", overloaded, afterMs, detail: "busy" } as const
  );
  const after = (seconds: string) => answerTo(() => problem(429, "busy", { "retry-after": seconds }));
  assertEquals(await after("3"), later(true, 3000));
  assertEquals(await after("86400"), later(true, 5000));
  assertEquals(await after("-1"), later(true, 1000));
  assertEquals(await after("tomorrow"), later(true, 1000));
  assertEquals(await answerTo(() => problem(503, "busy")), later(false, 1000));
});

Deno.test("the detail of an HTTP error is found in problem+json and in plain text", async () => {
  assertEquals(await answerTo(() => problem(403, "no")), { kind: "denied", status: 403, detail: "no" });
  assertEquals(await answerTo(() => new Response("gone", { status: 410 })), {
    kind: "denied",
    status: 410,
    detail: "gone",
  });
});

Deno.test("a redirect is not followed, and is a failure: Workers know no fetch that rejects it", async () => {
  const redirects: unknown[] = [];
  const fetch = (_: unknown, init?: RequestInit) => {
    redirects.push(init?.redirect);
    return Promise.resolve(new Response(null, { status: 307, headers: { location: "http://127.0.0.1:1" } }));
  };
  const options = {
    url: "http://127.0.0.1:1",
    frame: new Uint8Array(),
    signal: new AbortController().signal,
    maxAnswerBytes: 4,
  };
  assertEquals([await post(fetch, options), redirects], [{ kind: "failed" }, ["manual"]]);
});

Deno.test("an error that may pass by itself is a failure, not a denial", async () => {
  for (const status of [408, 500, 502, 504]) {
    assertEquals(await answerTo(() => problem(status, "")), { kind: "failed" });
  }
  assertEquals(await answerTo(() => Promise.reject(new TypeError("refused"))), { kind: "failed" });
});
