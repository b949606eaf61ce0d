import { assertEquals, assertLess } from "@std/assert";
import { DEFAULT_LIMITS, DEFAULT_SETTINGS } from "../../src/core/config.ts";
import type { Millis } from "../../src/core/messages/ids.ts";
import { PendingRequests, takeBatch } from "../../src/core/ordering/pending_requests.ts";
import { requestBytes, roomIn } from "../../src/core/views/batch_room.ts";
import type { Batch } from "../../src/core/messages/messages.ts";
import { TestClient } from "./_client.ts";
import { Cluster } from "./_cluster.ts";

const never = 0 as Millis;

/** Three requests of ada, then two of bob, then one of cem. */
function filled() {
  const cluster = new Cluster();
  const clients = [1, 2, 3].map((name) => new TestClient(cluster, name));
  const requests = [3, 2, 1].map((count, i) => Array.from({ length: count }, () => clients[i]!.request(["x=1"])));
  const pending = new PendingRequests(DEFAULT_SETTINGS);
  for (const request of requests.flat()) pending.add(request, never);
  const nameOf = new Map(requests.flatMap((own, i) => own.map(({ digest }, j) => [digest, `${"abc"[i]}${j + 1}`])));
  const propose = (count: number) => {
    const proposed: string[] = [];
    for (const entry of pending.inTurn()) {
      if (proposed.length === count) break;
      pending.propose(entry);
      proposed.push(nameOf.get(entry.request.digest)!);
    }
    return proposed.join(" ");
  };
  return { pending, requests, propose };
}

Deno.test("clients are served in turn, each client's requests in their order of arrival", () => {
  const { propose, pending } = filled();
  assertEquals([propose(2), propose(9), pending.unproposed], ["a1 b1", "c1 a2 b2 a3", 0]);
});

Deno.test("a request that is removed leaves its client's turn to the client's next request", () => {
  const { propose, pending, requests } = filled();
  pending.remove(requests[0]![0]!);
  assertEquals(propose(9), "b1 c1 a2 b2 a3");
});

Deno.test("in a new view all pending requests are proposed again", () => {
  const { propose, pending, requests } = filled();
  propose(3);
  pending.remove(requests[1]![0]!);
  pending.startView();
  assertEquals([propose(9), pending.unproposed], ["a1 b2 c1 a2 a3", 0]);
});

Deno.test("a client that arrives after another client's flood is served before most of it", () => {
  const cluster = new Cluster({ limits: { maxBatchRequests: 1 }, settings: { pipelineDepth: 1 } });
  const [ada, bob] = [1, 2].map((name) => new TestClient(cluster, name).open()) as [TestClient, TestClient];
  const flood = Array.from({ length: 60 }, () => ada.request(["x=1"], { lowestUnanswered: 1 }));
  for (const request of flood) cluster.submit(request);
  bob.call(["y=1"]);
  assertLess(flood.filter(({ digest }) => cluster.accepted(digest)).length, 5);
});

Deno.test("when there is no room, the client with the most bytes or requests loses some to a client that would have less, also to one that has some", () => {
  const cluster = new Cluster();
  const [hog, ada, bob] = [1, 2, 3].map((name) => new TestClient(cluster, name)) as [
    TestClient,
    TestClient,
    TestClient,
  ];
  const large = (client: TestClient) => client.request(["x=" + "1".repeat(10_000)]);
  const small = (client: TestClient) => client.request(["x=1"]);
  const of = (limits: Partial<typeof DEFAULT_SETTINGS>) => new PendingRequests({ ...DEFAULT_SETTINGS, ...limits });
  const add = (pending: PendingRequests, ...requests: ReturnType<typeof small>[]) =>
    requests.filter((request) => pending.add(request, never) !== null).length;
  const times = (count: number, make: () => ReturnType<typeof small>) => Array.from({ length: count }, make);

  const maxPendingBytes = 10 * requestBytes(large(hog)) + 1_000;
  const byBytes = of({ maxPendingBytes });
  assertEquals(add(byBytes, ...times(20, () => large(hog))), 10);
  assertEquals([add(byBytes, ...times(20, () => small(ada))), add(byBytes, large(hog))], [20, 0]);
  // A second one with large requests gets half of it: then both hold the same.
  assertEquals([add(byBytes, ...times(20, () => large(bob))), add(byBytes, small(ada))], [4, 1]);
  assertLess(byBytes.bytes, maxPendingBytes + 1);

  const byCount = of({ maxPendingRequests: 10 });
  assertEquals(add(byCount, ...times(20, () => small(hog))), 10);
  assertEquals([add(byCount, ...times(20, () => small(ada))), add(byCount, small(hog)), byCount.size], [5, 0, 10]);

  // What is in a batch is not taken back, and nobody loses the only request that is in none.
  const proposed = of({ maxPendingRequests: 4 });
  add(proposed, ...times(4, () => small(hog)));
  for (const entry of proposed.inTurn()) {
    proposed.propose(entry);
    if (proposed.unproposed === 1) break;
  }
  assertEquals(add(proposed, small(ada)), 0);
});

Deno.test("a batch of several requests has at most 8,192 operations, and whoever comes is in the next one", () => {
  const cluster = new Cluster();
  const [ada, bob] = [1, 2].map((name) => new TestClient(cluster, name)) as [TestClient, TestClient];
  const limits = { ...DEFAULT_LIMITS, maxBatchBytes: 2 ** 30 };
  const pending = new PendingRequests({ ...DEFAULT_SETTINGS, maxPendingBytes: 2 ** 30 });
  const large = (operations: number) => ada.request(Array(operations).fill("x=1"));
  for (const operations of [3_000, 3_000, 3_000, 8_000, 9_000, 1]) pending.add(large(operations), never);
  const batches = [takeBatch(pending, limits)];
  const one = bob.request(["y=1"]);
  pending.add(one, never);
  while (pending.unproposed > 0) batches.push(takeBatch(pending, limits));
  const counts = batches.map((batch) => batch.map(({ message }) => message.operations.length));
  assertEquals(counts, [[3_000, 3_000], [3_000, 1], [8_000], [9_000], [1]]);
  // A backup knows that there was no room for more, and that there was for less.
  const batchOf = (requests: typeof batches[0]) => ({ requests, bytes: new Uint8Array(0) }) as unknown as Batch;
  const { fits } = roomIn(batchOf(batches[0]!), limits);
  assertEquals([fits(large(2_193)), fits(large(2_192))], [false, true]);
  assertEquals(batches[1]![1], one);
});
