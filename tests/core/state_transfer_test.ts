import { assertEquals } from "@std/assert";
import type { FetchedBlob } from "../../src/core/io.ts";
import { TestClient } from "./_client.ts";
import { Cluster } from "./_cluster.ts";

/** What a liar makes of the blobs that it is asked for; `other` is another peer's answer. */
const LIES: { readonly [name: string]: (blobs: readonly FetchedBlob[], other: FetchedBlob) => readonly FetchedBlob[] } =
  {
    "each twice": (blobs) => blobs.flatMap((blob) => [blob, blob]),
    "all twice": (blobs) => [...blobs, ...blobs],
    "backwards": (blobs) => blobs.toReversed(),
    "none": () => [],
    "one more, which nobody asked for": (blobs, other) => [other, ...blobs, other],
    "none but what nobody asked for": (_blobs, other) => [other, other],
  };

for (const [lie, serve] of Object.entries(LIES)) {
  Deno.test(`a state transfer succeeds although a peer sends wrong blobs: ${lie}`, () => {
    const cluster = new Cluster();
    const ada = new TestClient(cluster, 1).open();
    const other = { digest: "e".repeat(64) as never, bytes: new Uint8Array([1]) };
    cluster.serves = (from, blobs) => from === 3 || !lie.startsWith("none") ? serve(blobs, other) : blobs;
    cluster.crash(2);
    for (let i = 0; i < 60; i++) ada.call([`x${i}=${i}`]);
    cluster.start(2);
    cluster.runFor(10_000);
    const [there, here] = [0, 2].map((id) => cluster.host(id).replica!.status());
    assertEquals([here!.lastExecuted, here!.history], [there!.lastExecuted, there!.history]);
    assertEquals(cluster.host(2).machine.logs, cluster.host(0).machine.logs);
  });
}

Deno.test("blobs that were not requested, and the root page twice, change nothing in a state transfer", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.crash(2);
  for (let i = 0; i < 60; i++) ada.call([`x=${i}`]);
  let isDone = false;
  cluster.onStep = (host, _input, ready) => {
    const started = ready.events.some((event) => event.kind === "state-transfer" && event.phase === "started");
    if (host.id !== 2 || !started || isDone) return;
    isDone = true;
    const { root } = cluster.host(3).disk.checkpoint!;
    const blob = { digest: root, bytes: cluster.host(3).disk.blobs.get(root)! };
    host.replica!.step({ kind: "blobs", from: 3 as never, blobs: [blob, blob] }, cluster.now as never);
  };
  cluster.start(2);
  cluster.runFor(5_000);
  assertEquals(isDone, true);
  assertEquals(
    cluster.host(2).replica!.status().lastExecuted,
    cluster.host(0).replica!.status().lastExecuted,
  );
});

Deno.test("a request that waits is answered from a fetched state in the step in which that is complete", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.crash(2);
  for (let i = 0; i < 60; i++) ada.call([`x=${i}`]);
  const request = ada.request(["x=60"]);
  ada.retry(request);
  for (let i = 0; i < 20; i++) ada.call([`y=${i}`], { lowestUnanswered: request.message.timestamp });
  const answered: string[] = [];
  cluster.onStep = (host, _input, { events, replies }) => {
    if (host.id !== 2 || !replies.some(({ reply }) => reply.request === request.digest)) return;
    answered.push(events.map((event) => event.kind === "state-transfer" ? event.phase : "").join(""));
  };
  cluster.start(2);
  cluster.submit(request, [2]);
  cluster.runFor(10_000);
  assertEquals(answered, ["finished"]);
});
