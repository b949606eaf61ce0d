import { assertEquals } from "@std/assert";
import type { Digest, ReplicaId } from "../../src/core/ids.ts";
import { BlobServer } from "../../src/node/blob_server.ts";

/** A store in which the blob under the digest "n" has n bytes. */
function setUp() {
  const clock = { now: 0 };
  const answers: { to: number; sizes: number[] }[] = [];
  let reads = 0;
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
      digests: sizes.map((size) => `${size}` as Digest),
    });
  };
  return { clock, answers, ask, reads: () => reads };
}

Deno.test("an answer has what there is, each once, and nothing is sent when nothing is there", async () => {
  const { answers, ask } = setUp();
  await ask(1, 5, 0, 7, 5);
  await ask(1, 0);
  assertEquals(answers, [{ to: 1, sizes: [5, 7] }]);
});

Deno.test("an answer is bounded in bytes, but one blob goes however large it is", async () => {
  const { answers, ask, reads } = setUp();
  await ask(1, 600_000, 400_000, 300_000, ...Array.from({ length: 20 }, (_, i) => i + 1));
  assertEquals(answers[0]!.sizes, [600_000, 400_000]);
  assertEquals(reads(), 8);
  await ask(1, 3_000_000, 1);
  assertEquals(answers[1]!.sizes, [3_000_000]);
});

Deno.test("a peer gets one answer at a time and so many in a while; others don't suffer from it", async () => {
  const { clock, answers, ask } = setUp();
  await Promise.all([ask(1, 1), ask(1, 2), ask(2, 3)]);
  assertEquals(answers, [{ to: 1, sizes: [1] }, { to: 2, sizes: [3] }]);
  for (let i = 0; i < 20; i++) await ask(1, 1);
  assertEquals(answers.filter(({ to }) => to === 1).length, 8);
  clock.now += 100;
  for (let i = 0; i < 20; i++) await ask(1, 1);
  assertEquals(answers.filter(({ to }) => to === 1).length, 12);
});

Deno.test("this replica is not answered by itself", async () => {
  const { answers, ask } = setUp();
  await ask(0, 1);
  assertEquals(answers, []);
});
