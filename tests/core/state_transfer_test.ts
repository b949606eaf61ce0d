import { assertEquals } from "@std/assert";
import { onStateBlobs } from "../../src/core/checkpoints/state_transfer.ts";
import type { FetchedBlob } from "../../src/core/io.ts";
import type { Digest } from "../../src/core/messages/ids.ts";
import type { Step } from "../../src/core/step.ts";
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

Deno.test("of blobs that come before it is known which are wanted, few bytes are kept, whoever sends them", () => {
  const early = new Map<Digest, FetchedBlob>();
  const step = { state: { transfer: { former: null, early }, loads: new Map() } } as unknown as Step;
  const kept = () => [...early.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  const blob = (i: number, size: number) => ({ digest: String(i) as Digest, bytes: new Uint8Array(size) });
  onStateBlobs(step, [blob(0, 2 ** 20), blob(0, 2 ** 20)]);
  for (let i = 0; i < 300; i++) onStateBlobs(step, [blob(i, 2 ** 20)]);
  assertEquals([early.size, kept()], [4, 4 * 2 ** 20]);
  for (let i = 300; i < 900; i++) onStateBlobs(step, [blob(i, 0)]);
  assertEquals(early.size, 256);
  early.clear();
  onStateBlobs(step, [blob(0, 8 * 2 ** 20), blob(1, 1)]);
  assertEquals(early.size, 1, "a large one alone");
});
