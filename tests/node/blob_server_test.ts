import { assertEquals } from "@std/assert";
import type { Digest, ReplicaId } from "../../src/core/messages/ids.ts";
import { BlobServer } from "../../src/node/out/blob_server.ts";

/** A store in which the blob under the digest "n" has n bytes. */
function setUp() {
  const clock = { now: 0 };
  const answers: { to: number; sizes: number[] }[] = [];
  let reads = 0;
  let number = 0;
  const server = new BlobServer({
    self: 0 as ReplicaId,
    store: {
      read: (digests) => {
        reads += digests.length;
        return Promise.resolve(digests.map((digest) => Number(digest) > 0 ? new Uint8Array(Number(digest)) : null));
      },
    },
    timer: { monotonic: () => clock.now },
    send: (to, { blobs }) => answers.push({ to, sizes: blobs.map(({ length }) => length) }),
  });
  const ask = (replica: number, ...sizes: number[]) => {
    return server.answer({
      kind: "fetch",
      replica: replica as ReplicaId,
      number: ++number,
      digests: sizes.map((size) => `${size}` as Digest),
    });
  };
  return { clock, answers, ask, reads: () => reads };
}

Deno.test("an answer has each available blob once, or is empty if there is none, so that the peer asks another replica at once", async () => {
  const { answers, ask } = setUp();
  await ask(1, 5, 0, 7, 5);
  await ask(1, 0);
  assertEquals(answers, [{ to: 1, sizes: [5, 7] }, { to: 1, sizes: [] }]);
});

Deno.test("an answer is bounded in bytes, but a single larger blob is sent", async () => {
  const { answers, ask, reads } = setUp();
  await ask(1, 600_000, 400_000, 300_000, ...Array.from({ length: 20 }, (_, i) => i + 1));
  assertEquals(answers[0]!.sizes, [600_000, 400_000]);
  assertEquals(reads(), 8);
  await ask(1, 3_000_000, 1);
  assertEquals(answers[1]!.sizes, [3_000_000]);
});

Deno.test("a peer gets one answer at a time; of the fetches that arrive meanwhile the last is answered", async () => {
  const { answers, ask } = setUp();
  await Promise.all([ask(1, 1), ask(1, 2), ask(1, 4), ask(2, 3)]);
  assertEquals(answers.filter(({ to }) => to === 1).map(({ sizes }) => sizes), [[1], [4]]);
  assertEquals(answers.filter(({ to }) => to === 2).map(({ sizes }) => sizes), [[3]]);
});

Deno.test("each peer has a limit in bytes; one peer's fetches do not reduce another's", async () => {
  const { clock, answers, ask } = setUp();
  for (let i = 1; i <= 2_000; i++) await ask(1, i);
  assertEquals(answers.length, 2_000);
  answers.length = 0;
  for (let i = 0; i < 200; i++) await ask(1, 900_000 + i);
  assertEquals(answers.length, 35); // 32 MiB, and one more
  await ask(2, 5);
  assertEquals(answers.at(-1)!.to, 2);
  answers.length = 0;
  clock.now += 1_000;
  for (let i = 0; i < 200; i++) await ask(1, 900_000 + i);
  assertEquals(answers.length, 36);
});

Deno.test("repetitions of a fetch are limited, and do not use up the peer's bytes", async () => {
  const { clock, answers, ask } = setUp();
  let asked = 0;
  for (let ms = 0; ms < 10_000; ms++) {
    clock.now = ms;
    for (let i = 0; i < 2; i++) await ask(1, 1_000_000);
    if (ms % 100 !== 99) continue;
    asked++;
    await ask(1, 7);
  }
  assertEquals(answers.filter(({ sizes: [size] }) => size === 7).length, asked);
  const repeated = answers.filter(({ sizes: [size] }) => size === 1_000_000).length;
  assertEquals(repeated > 200 && repeated < 210, true, `${repeated}`);
});

Deno.test("a replica does not answer its own fetch", async () => {
  const { answers, ask } = setUp();
  await ask(0, 1);
  assertEquals(answers, []);
});
