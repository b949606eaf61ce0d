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

Deno.test("every member needs a URL", () => {
  const { Dog: _, ...three } = urls;
  assertThrows(
    () => new FetchTransport({ clusterFile: { ...clusterFile, urls: three }, cluster: CLUSTER }),
    TypeError,
    "urls.Dog",
  );
});
