/** PBFT §4.3, garbage collection: checkpoints and watermarks, with one every two numbers and a window of four. */
import { assert, assertEquals } from "@std/assert";
import { batch, Bench, checkpoint, commit, find, kinds, opening, prepare, refusals, request, said } from "./_bench.ts";

/** A bench that has executed numbers 1 and 2, and the digest that it says its state has. */
function atTwo(options = {}): { bench: Bench; digest: string } {
  const bench = new Bench(1, options);
  bench.execute(1, opening);
  const ready = bench.execute(2, request(1));
  return { bench, digest: find(ready, "checkpoint")!.digest };
}

Deno.test("§4.3: a checkpoint is taken, and multicast, when the number is divisible by K, and not otherwise", () => {
  const bench = new Bench(1);
  assertEquals(said(bench.execute(1, opening)).includes("checkpoint to all"), false);
  const ready = bench.execute(2, request(1));
  const { sequence, replica } = find(ready, "checkpoint")!;
  assertEquals([Number(sequence), Number(replica), said(ready)], [2, 1, ["checkpoint to all"]]);
  assertEquals(ready.records.map(({ kind }) => kind), ["committed", "blobs", "checkpoint"]);
});

Deno.test("§4.3: the digest is that of the state: other operations, or only other replies, give another digest", () => {
  const digests = [[request(1, "x=1")], [request(1, "x=2")], [request(2, "x=1")]].map((requests) => {
    const bench = new Bench(1);
    bench.execute(1, opening);
    return find(bench.execute(2, ...requests), "checkpoint")!.digest;
  });
  assertEquals(new Set(digests).size, 3);
});

for (const [n, needed] of [[4, 3], [5, 4], [6, 4], [7, 5]] as const) {
  Deno.test(`§4.3: a checkpoint is stable with ${needed} messages of distinct replicas with one number and digest, with n = ${n}`, () => {
    const bench = new Bench(1, { n });
    const [one, other] = ["d".repeat(64), "e".repeat(64)];
    for (let i = 2; i <= needed; i++) {
      bench.take(checkpoint(i, 8, one));
      assertEquals(refusals(bench.take(checkpoint(i, 8, one))), ["duplicate"]);
      assertEquals(refusals(bench.take(checkpoint(i, 8, other))), ["conflicting"]);
    }
    assertEquals(bench.status.lowWatermark, 0 as never);
    bench.take(checkpoint(0, 8, one));
    assertEquals(bench.status.lowWatermark, 8 as never);
  });
}

Deno.test("§4.3: checkpoint messages with two digests, or for two numbers, don't add up", () => {
  const bench = new Bench(1);
  bench.take(checkpoint(0, 8, "d".repeat(64)));
  bench.take(checkpoint(2, 8, "d".repeat(64)));
  bench.take(checkpoint(3, 8, "e".repeat(64)));
  bench.take(checkpoint(3, 6, "d".repeat(64)));
  assertEquals(bench.status.lowWatermark, 0 as never);
});

Deno.test("§4.3: once a checkpoint is stable, everything at or below it is discarded, records too", () => {
  const { bench, digest } = atTwo();
  bench.prePrepare({ n: 3, requests: [request(2)] });
  assertEquals(bench.status.slots.map(({ sequence }) => Number(sequence)), [1, 2, 3]);
  bench.take(checkpoint(2, 2, digest));
  assertEquals(bench.status.lowWatermark, 0 as never);
  const ready = bench.take(checkpoint(3, 2, digest));
  assertEquals(bench.status.slots.map(({ sequence }) => Number(sequence)), [3]);
  assertEquals(ready.records.map(({ kind }) => kind), ["stable", "forget"]);
  assertEquals([...bench.cluster.host(1).disk.accepted.keys()], [3]);
  assertEquals(bench.cluster.host(1).disk.stable.length, 3);
});

Deno.test("§4.3: the low watermark is the stable checkpoint, the high one a window above it; they move together", () => {
  const { bench, digest } = atTwo();
  assertEquals(refusals(bench.take(prepare(2, { n: 5 }))), ["outside-watermarks"]);
  for (const i of [2, 3]) bench.take(checkpoint(i, 2, digest));
  assertEquals([Number(bench.status.lowWatermark), Number(bench.status.highWatermark)], [2, 6]);
  assertEquals([2, 3, 6, 7].map((n) => refusals(bench.take(prepare(2, { n })))), [
    ["outside-watermarks"],
    [],
    [],
    ["outside-watermarks"],
  ]);
});

Deno.test("§4.3: a checkpoint message at or below the stable one, or of no multiple of K, is dropped", () => {
  const { bench, digest } = atTwo();
  for (const i of [2, 3]) bench.take(checkpoint(i, 2, digest));
  assertEquals([0, 2, 3].map((n) => refusals(bench.take(checkpoint(0, n, digest)))), [
    ["outside-watermarks"],
    ["outside-watermarks"],
    ["outside-watermarks"],
  ]);
});

Deno.test("§4.3: above the window the highest checkpoint of each replica is kept, whatever it sends", () => {
  const bench = new Bench(1);
  for (let n = 10; n < 10_000; n += 2) bench.take(checkpoint(3, n, "d".repeat(64)));
  for (const i of [0, 2]) bench.take(checkpoint(i, 10, "d".repeat(64)));
  assertEquals(bench.status.lowWatermark, 0 as never, "replica 3's vote for 10 made room for its higher ones");
  for (const i of [0, 2]) bench.take(checkpoint(i, 9_998, "d".repeat(64)));
  assertEquals(bench.status.lowWatermark, 9_998 as never);
});

Deno.test("§4.3: a replica that a stable checkpoint has left behind fetches its state", () => {
  const bench = new Bench(1);
  const ready = [0, 2, 3].map((i) => bench.take(checkpoint(i, 6, "d".repeat(64)))).at(-1)!;
  assert(kinds(ready).includes("fetch"));
  assertEquals([bench.status.transferring, Number(bench.status.lastExecuted)], [true, 0]);
});

Deno.test("§4.3: the digest covers the history of batches, null requests too, and is equal at all replicas that executed them", () => {
  const histories = [[], [request(1)]].map((requests) => {
    const [bench, other] = [new Bench(1), new Bench(3)];
    bench.execute(1, opening);
    const before = bench.status.history;
    bench.execute(2, ...requests);
    for (const [n, one] of [[1, [opening]], [2, requests]] as const) {
      const { digest } = batch(...one);
      other.prePrepare({ n, requests: one });
      for (const i of [0, 1, 2]) other.take(commit(i, { n, digest }));
    }
    assertEquals(other.status.history, bench.status.history);
    assertEquals(other.status.stateRoot, bench.status.stateRoot);
    return [before, bench.status.history];
  });
  assertEquals(new Set(histories.flat()).size, 3);
});
