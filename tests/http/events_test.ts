import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { sequenceNumber } from "../../src/core/messages/ids.ts";
import type { ReplicaEvent } from "../../src/core/events.ts";
import type { FakeNode } from "./fake_node.ts";
import { harness, problemOf } from "./helpers.ts";

function emit(node: FakeNode, sequence: number): void {
  const event: ReplicaEvent = { kind: "state-transfer", phase: "started", sequence: sequenceNumber(sequence) };
  for (const observer of node.observers) observer.onEvent?.(event, 1_000_000 as never);
}

async function next(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  return new TextDecoder().decode((await reader.read()).value);
}

Deno.test("/events streams what happens, each event with its number, kind and time", async () => {
  const { app, node } = harness();
  const response = await app.request("/events");
  assertEquals([response.status, response.headers.get("content-type")], [200, "text/event-stream"]);
  const reader = response.body!.getReader();
  assertMatch(await next(reader), /^retry: /);
  emit(node, 7);
  assertEquals(
    await next(reader),
    'id: 1\nevent: state-transfer\ndata: {"at":1000000,"kind":"state-transfer","phase":"started","sequence":7}\n\n',
  );
  await reader.cancel();
});

Deno.test("/events buffers up to a maximum for a slow reader, and tells it how many events were dropped", async () => {
  const { app, node } = harness({ maxQueuedEvents: 3 });
  const reader = (await app.request("/events")).body!.getReader();
  for (let i = 1; i <= 10; i++) emit(node, i);
  await next(reader);
  assertStringIncludes(await next(reader), "id: 1\n");
  assertStringIncludes(await next(reader), "id: 2\n");
  emit(node, 11);
  assertMatch(await next(reader), /^event: dropped\ndata: {"events":8}\n\nid: 11\n/);
  emit(node, 12);
  assertMatch(await next(reader), /^id: 12\n/);
  await reader.cancel();
});

Deno.test("/events limits the subscribers, and accepts another one once one has left", async () => {
  const { app } = harness({ maxSubscribers: 2 });
  const [first] = [await app.request("/events"), await app.request("/events")];
  await problemOf(await app.request("/events"), 429, "overloaded");
  await first!.body!.cancel();
  assertEquals((await app.request("/events")).status, 200);
});

Deno.test("HEAD /events takes no subscriber's place", async () => {
  const { app } = harness({ maxSubscribers: 1 });
  assertEquals((await app.request("/events", { method: "HEAD" })).status, 200);
  assertEquals((await app.request("/events")).status, 200);
});

Deno.test("/events keeps an idle stream open with comments, and sets no timer without subscribers", async () => {
  const { app, timer } = harness();
  assertEquals(timer.pending, 0);
  const reader = (await app.request("/events")).body!.getReader();
  await next(reader);
  timer.advance(15_000);
  assertMatch(await next(reader), /^: /);
  await reader.cancel();
  timer.advance(15_000);
  assertEquals(timer.pending, 0);
});

Deno.test("/events ends when the app closes", async () => {
  const controller = new AbortController();
  const { app } = harness({ signal: controller.signal });
  const reader = (await app.request("/events")).body!.getReader();
  await next(reader);
  controller.abort();
  assertEquals((await reader.read()).done, true);
});

Deno.test("one address gets at most as many streams as are left for others", async () => {
  const { app } = harness({ maxSubscribers: 4, readers: "everybody" });
  const bodies: (ReadableStream | null)[] = [];
  const open = async (hostname: string) => {
    const response = await app.fetch(new Request("http://a.test/events"), { remoteAddr: { hostname } });
    bodies.push(response.body);
    return response.status;
  };
  const statuses = [];
  for (const from of ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.1"]) statuses.push(await open(from));
  assertEquals(statuses, [200, 200, 429, 200, 429]);
  for (const body of bodies) await body?.cancel();
});
