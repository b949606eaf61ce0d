import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { replicaId } from "../../src/core/messages/ids.ts";
import { DeliveryError, FetchTransport } from "../../src/http/mod.ts";
import { decodeBundle, utf8 } from "../../src/wire/mod.ts";
import { CLUSTER, FakeNode, untilAborted } from "./fake_node.ts";

const urls = { Apple: "http://a.test", Ball: "http://b.test/base", Candy: "http://c.test/", Dog: "http://d.test:99" };
const clusterFile = { genesis: new FakeNode().genesis, urls };
const never = new AbortController().signal;

function transport(fetch: typeof globalThis.fetch): FetchTransport {
  return new FetchTransport({ clusterFile, cluster: CLUSTER, fetch });
}

Deno.test("a delivery is one POST of a bundle to the peer's /messages", async () => {
  const requests: Request[] = [];
  const it = transport((url, init) => {
    requests.push(new Request(url, init));
    return Promise.resolve(new Response(null, { status: 202 }));
  });
  for (const id of [0, 1, 2, 3]) await it.deliver(replicaId(id), [utf8("one"), utf8("two")], never);
  assertEquals(requests.map(({ url }) => url), [
    "http://a.test/messages",
    "http://b.test/base/messages",
    "http://c.test/messages",
    "http://d.test:99/messages",
  ]);
  const [first] = requests;
  assertEquals([first!.method, first!.headers.get("content-type")], ["POST", "application/cbor"]);
  const body = new Uint8Array(await first!.arrayBuffer());
  assertEquals(decodeBundle(body, 10), { cluster: CLUSTER, frames: [utf8("one"), utf8("two")] });
});

for (const status of [200, 302, 400, 403, 429, 503]) {
  Deno.test(`a delivery that the peer answers with ${status} has failed`, async () => {
    const it = transport(() => Promise.resolve(new Response("x", { status })));
    const error = await assertRejects(() => it.deliver(replicaId(0), [utf8("one")], never), DeliveryError);
    assertEquals(error.status, status);
  });
}

Deno.test("a delivery to an unreachable peer has failed", async () => {
  const it = transport(() => Promise.reject(new TypeError("connection refused")));
  const error = await assertRejects(() => it.deliver(replicaId(0), [utf8("one")], never), DeliveryError);
  assertEquals([error.status, (error.cause as Error).message], [0, "connection refused"]);
});

Deno.test("a refused connection is told from other failures, as each runtime words it", async () => {
  const withCode = (code: string) =>
    new TypeError("fetch failed", { cause: Object.assign(new Error("connect"), { code }) });
  const deno = "client error (Connect): tcp connect error: Connection refused (os error 111)";
  const windows = "No connection could be made because the target machine actively refused it. (os error 10061)";
  const refused = [
    new TypeError("fetch failed", { cause: new Error(`error sending request for url (http://a.test): ${deno}`) }),
    new TypeError(windows),
    withCode("ECONNREFUSED"),
    Object.assign(new Error("Unable to connect. Is the computer able to access the url?"), {
      code: "ConnectionRefused",
    }),
  ];
  const failed = [
    withCode("ECONNRESET"),
    withCode("ENETUNREACH"),
    withCode("ETIMEDOUT"),
    new TypeError("dns error: failed to lookup address information"),
    new DOMException("delivery timed out", "TimeoutError"),
    "Connection refused",
  ];
  for (const [isRefused, errors] of [[true, refused], [false, failed]] as const) {
    for (const cause of errors) {
      const it = transport(() => Promise.reject(cause));
      const error = await assertRejects(() => it.deliver(replicaId(0), [utf8("one")], never), DeliveryError);
      assertEquals([error.isRefused, error.cause], [isRefused, cause]);
    }
  }
  const answered = transport(() => Promise.resolve(new Response("connection refused", { status: 502 })));
  const error = await assertRejects(() => answered.deliver(replicaId(0), [utf8("one")], never), DeliveryError);
  assertEquals(error.isRefused, false);
});

Deno.test("where nothing listens, this runtime's fetch says so", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const there = { genesis: clusterFile.genesis, urls: { ...urls, Apple: `http://127.0.0.1:${port}` } };
  const it = new FetchTransport({ clusterFile: there, cluster: CLUSTER });
  const error = await assertRejects(() => it.deliver(replicaId(0), [utf8("one")], never), DeliveryError);
  assertEquals([error.isRefused, error.status], [true, 0]);
});

Deno.test("a delivery ends when its signal aborts", async () => {
  const it = transport((_, init) => untilAborted(init!.signal!));
  const controller = new AbortController();
  const delivery = it.deliver(replicaId(0), [utf8("one")], controller.signal);
  controller.abort();
  await assertRejects(() => delivery, DeliveryError);
});

Deno.test("a response is read to its end, up to a bound, so that the connection can be reused", async () => {
  let pulled = 0;
  let cancelled = false;
  const body = (chunks: number) =>
    new ReadableStream({
      pull: (controller) => pulled++ < chunks ? controller.enqueue(new Uint8Array(1000)) : controller.close(),
      cancel: () => void (cancelled = true),
    }, { highWaterMark: 0 });
  await transport(() => Promise.resolve(new Response(body(5), { status: 202 }))).deliver(replicaId(0), [], never);
  assertEquals([pulled, cancelled], [6, false]);
  await transport(() => Promise.resolve(new Response(body(1e9), { status: 202 }))).deliver(replicaId(0), [], never);
  assertEquals([pulled < 30, cancelled], [true, true]);
});

Deno.test("a response is not read on in chunks of one byte", async () => {
  let pulled = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => (pulled++, controller.enqueue(new Uint8Array(1))),
  }, { highWaterMark: 0 });
  await transport(() => Promise.resolve(new Response(body, { status: 202 }))).deliver(replicaId(0), [], never);
  assertEquals(pulled, 32);
});

Deno.test("a compressed response is not read, however short it says that it is: none was asked for", async () => {
  let chunks = 0;
  const body = () =>
    new ReadableStream<Uint8Array>({
      pull: (controller) => (chunks++, controller.enqueue(new Uint8Array(16 * 1024))),
    }, { highWaterMark: 0 });
  const headers = { "content-encoding": "gzip, gzip", "content-length": "492" };
  let asked: string | null = null;
  const fetch = (_: unknown, init?: RequestInit) => {
    asked = new Headers(init?.headers).get("accept-encoding");
    return Promise.resolve(new Response(body(), { status: 202, headers }));
  };
  await transport(fetch).deliver(replicaId(0), [utf8("one")], never);
  assertEquals([chunks, asked], [0, "identity"]);
});

Deno.test("every member needs a URL", () => {
  const { Dog: _, ...three } = urls;
  assertThrows(
    () => new FetchTransport({ clusterFile: { ...clusterFile, urls: three }, cluster: CLUSTER }),
    TypeError,
    "urls.Dog",
  );
});
