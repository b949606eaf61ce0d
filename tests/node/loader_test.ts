import { assertEquals } from "@std/assert";
import type { Digest } from "../../src/core/messages/ids.ts";
import { Loader } from "../../src/node/durable/loader.ts";
import { isInternal } from "../../src/node/durable/task.ts";

const [a, b] = ["a", "b"].map((digit) => digit.repeat(64) as Digest) as [Digest, Digest];

/** A loader over a store that has these blobs, for a replica that waits for those. */
class Fixture {
  readonly stored = new Set([a, b]);
  readonly wanted = new Set([a, b]);
  readonly reads: (readonly Digest[])[] = [];
  readonly loaded: Digest[] = [];
  readonly failures: unknown[] = [];
  onRead = () => {};
  readonly loader = new Loader({
    isWanted: (digest) => this.wanted.has(digest),
    pending: () => undefined,
    read: (digests) => {
      this.reads.push(digests);
      this.onRead();
      const missing = digests.find((digest) => !this.stored.has(digest));
      if (missing) return Promise.reject(new Error(`${missing} is missing`));
      return Promise.resolve(new Map(digests.map((digest) => [digest, new Uint8Array()])));
    },
    onLoaded: (blobs) => void this.loaded.push(...blobs.keys()),
    onFailure: (error) => Promise.resolve(void this.failures.push(error)),
    onIdle: () => {},
  });
}

Deno.test("blobs that the core no longer waits for are not read", async () => {
  const f = new Fixture();
  f.wanted.delete(a);
  f.stored.delete(a);
  f.loader.load([a, b]);
  f.loader.load([a]);
  await f.loader.settled();
  assertEquals([f.reads, f.loaded, f.failures], [[[b]], [b], []]);
});

Deno.test("a blob that was received elsewhere and removed during the read is not damage; the rest is read again", async () => {
  const f = new Fixture();
  f.onRead = () => {
    f.wanted.delete(a);
    f.stored.delete(a);
  };
  f.loader.load([a, b]);
  await f.loader.settled();
  assertEquals([f.reads, f.loaded, f.failures], [[[a, b], [b]], [b], []]);
});

Deno.test("a blob that the core waits for and the store lacks is a failure", async () => {
  const f = new Fixture();
  f.stored.delete(a);
  f.loader.load([a, b]);
  await f.loader.settled();
  assertEquals([f.reads.length, f.loaded, f.failures.length], [1, [], 1]);
});

Deno.test("blobs loaded for one core are not given to the next", () => {
  assertEquals([isInternal({ kind: "loaded", blobs: new Map() }), isInternal({ kind: "start" })], [true, true]);
});
