/** `pbft snapshot save` from members that lie, are slow, behind, or end in the middle. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { CliError } from "../../src/cli/cli_error.ts";
import { type Choosing, saveFromOneOf } from "../../src/cli/snapshots/choose_member.ts";
import { replicaSource } from "../../src/cli/snapshots/replica_source.ts";
import type { Digest } from "../../src/core/messages/ids.ts";
import { encodeManifest, type SnapshotHead } from "../../src/snapshot/manifest.ts";
import { nodeSource } from "../../src/snapshot/node_source.ts";
import { saveSnapshot, type SnapshotSource } from "../../src/snapshot/save.ts";
import { verifySnapshot } from "../../src/snapshot/verify.ts";
import { pack, unpack, utf8 } from "../../src/wire/mod.ts";
import { Cluster } from "../node/_cluster.ts";
import { Bucket } from "../snapshot/_bucket.ts";

/** The blobs of a cluster, and two heads: of an earlier state and of its last one. */
const blobs = new Bucket();
const heads: SnapshotHead[] = [];
const cluster = await Cluster.open();
for (let at = 0; heads.length < 2;) {
  for (let i = 0; i < 40; i++, at++) {
    const operation = utf8(`SET k${at} ${"v".repeat(3_000)}${at}`);
    const written = cluster.node(0).vouch([{ name: "ada", timestamp: at, operation }]);
    await cluster.timer.advance(50);
    await written;
  }
  await cluster.timer.advance(500);
  await saveSnapshot(nodeSource(cluster.node(0)), blobs, cluster);
  heads.push(await nodeSource(cluster.node(0)).head());
}
await cluster.close();
const [earlier, last] = heads as [SnapshotHead, SnapshotHead];
const trust = { genesis: cluster.genesis };
const blobOf = (digest: Digest) => blobs.values.get(`blobs/${digest}`) ?? null;
const { sequence: newest, blobs: count } = await verifySnapshot(blobs);
assert(count > 40);

/** A member that has a state. `lie`: what becomes of its blobs. */
function having(
  head: SnapshotHead,
  lie: (given: (Uint8Array | null)[]) => (Uint8Array | null)[] = (given) => given,
): SnapshotSource {
  return { head: () => Promise.resolve(head), read: (digests) => Promise.resolve(lie(digests.map(blobOf))) };
}

/** Saves from one of these members; returns from whom, what was said, and what was refused of whom. */
async function saving(members: Readonly<Record<string, SnapshotSource>>, now?: Choosing["now"]) {
  const storage = new Bucket();
  const said: string[] = [];
  const { saved, from } = await saveFromOneOf({
    members: Object.entries(members).map(([name, source]) => ({ name, source })),
    trust,
    say: (line) => said.push(line),
    ...now && { now },
  }, ({ source }, least) => saveSnapshot(source, storage, { ...trust, least }));
  assertEquals((await verifySnapshot(storage, trust)).sequence, saved.sequence);
  return { from, said, sequence: saved.sequence };
}

async function refused(members: Readonly<Record<string, SnapshotSource>>, now?: Choosing["now"]): Promise<string> {
  return (await assertRejects(() => saving(members, now), CliError, "no member gave its state")).lines.looked!;
}

Deno.test("the newest state is saved, whoever is asked first; a member that is behind is taken if there is no other", async () => {
  const silent: SnapshotSource = { ...having(last), head: () => Promise.reject(new TypeError("connection refused")) };
  assertEquals(await saving({ Apple: having(earlier), Ball: silent, Candy: having(last) }), {
    from: "Candy",
    said: [],
    sequence: newest,
  });
  assertEquals((await saving({ Apple: having(earlier), Ball: silent })).from, "Apple");
  // One that shows the last state, and then an earlier one.
  let asked = 0;
  const turning: SnapshotSource = { ...having(last), head: () => Promise.resolve(asked++ === 0 ? last : earlier) };
  assertMatch(
    await refused({ Apple: turning, Ball: silent }),
    /^Apple: expected the state at \d+ or later, got that at/,
  );
});

Deno.test("a member that gives other bytes, too many blobs, or none, is left for another one", async () => {
  const lies: Readonly<Record<string, SnapshotSource>> = {
    wrong: having(last, (given) => given.map((blob) => blob && blob.with(0, blob[0]! ^ 1))),
    more: having(last, (given) => [...given, ...given]),
    none: having(last, () => []),
    gone: having(last, (given) => given.map(() => null)),
    other: having({ ...last, certificate: last.certificate.slice(1) }),
  };
  for (const [name, lying] of Object.entries(lies)) {
    assertEquals((await saving({ [name]: lying, Ball: having(last) })).from, "Ball", name);
    assert((await refused({ [name]: lying })).startsWith(`${name}: `));
  }
});

/** A clock, and a member that takes so many milliseconds for an answer, of at most so many blobs. */
function slowness() {
  let time = 0;
  const slow = (ms: number, most: number): SnapshotSource => ({
    head: () => Promise.resolve(last),
    read(digests) {
      time += ms;
      return Promise.resolve(digests.slice(0, most).map(blobOf));
    },
  });
  return { now: () => time, slow };
}

Deno.test("a slow member is named and left for another one, and asked again if the others are slower", async () => {
  const { now, slow } = slowness();
  const first = await saving({ Apple: slow(3_000, 1), Ball: having(last) }, now);
  assertEquals(first.from, "Ball");
  assertEquals(first.said.length, 1);
  assertMatch(first.said[0]!, /^Apple: gives [\d.]+ k?B a second, so another member is asked$/);
  // Where all are slow, the fastest of them gives the rest.
  const second = await saving({ Apple: slow(600, 1), Ball: slow(200, 1), Candy: slow(700, 1) }, now);
  assertEquals([second.from, second.said.map((line) => line.split(":")[0])], ["Ball", ["Apple", "Ball", "Candy"]]);
  const third = await saving({ Apple: slow(100, 1), Ball: slow(600, 1), Candy: slow(700, 1) }, now);
  assertEquals(third.from, "Apple");
  // Nobody is left for a fast one's sake if he is fast enough.
  assertEquals((await saving({ Apple: slow(200, 64), Ball: having(last) }, now)).said, []);
});

Deno.test("a member that gives next to nothing is refused in the end, also if there is no other", async () => {
  const { now, slow } = slowness();
  assertMatch(await refused({ Apple: slow(29_000, 1) }, now), /^Apple: gives \d+ B a second: too little$/);
  assert(now() < 200_000, String(now()));
});

/** A member over HTTP that answers a question for blobs thus. `timeoutMs`: how long it may take. */
async function overHttp(
  blobsAnswer: (body: Uint8Array) => Response,
  timeoutMs: number,
  use: (source: SnapshotSource) => Promise<void>,
) {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    if (request.method === "GET") return new Response(encodeManifest(last) as Uint8Array<ArrayBuffer>);
    return blobsAnswer(new Uint8Array(await request.arrayBuffer()));
  });
  try {
    await use(replicaSource({ url: `http://127.0.0.1:${server.addr.port}`, timeoutMs }));
  } finally {
    await server.shutdown();
  }
}

/** A body that is given bit by bit, until it is cancelled. */
function bodyOf(next: (i: number) => Promise<Uint8Array> | Uint8Array): ReadableStream<Uint8Array> {
  let i = 0;
  return new ReadableStream({ pull: async (controller) => controller.enqueue(await next(i++)) });
}

Deno.test("answers over HTTP without an end, a byte at a time, cut off, or not in the form, are left for another member", async () => {
  // The last pause may be under way when nobody reads any more.
  let pausing: Promise<void> = Promise.resolve();
  const pause = () => pausing = new Promise((resolve) => setTimeout(resolve, 50));
  const answers: Readonly<Record<string, [(body: Uint8Array) => Response, RegExp]>> = {
    endless: [() => new Response(bodyOf(() => new Uint8Array(1 << 20))), /at most 16777216 bytes, got more$/],
    drop: [() => new Response(bodyOf(async () => (await pause(), new Uint8Array(1)))), /gives no whole answer in 1 s$/],
    cut: [
      (body) => {
        const whole = pack((unpack(body) as Digest[]).map((digest) => blobOf(digest)!));
        const part = whole.slice(0, whole.length / 2) as Uint8Array<ArrayBuffer>;
        return new Response(new Blob([part]).stream(), { headers: { "content-length": String(whole.length) } });
      },
      /./,
    ],
    nonsense: [() => new Response("nonsense"), /./],
    problem: [() => new Response('{"detail":"\\u001b[2J go away"}', { status: 503 }), /answers 503:\s+\[2J go away$/],
    redirect: [() => Response.redirect("http://127.0.0.1:9/"), /answers 302/],
  };
  for (const [name, [answer, why]] of Object.entries(answers)) {
    // Only what never ends is to run into the time.
    await overHttp(answer, name === "drop" ? 1_000 : 60_000, async (source) => {
      assertEquals((await saving({ [name]: source, Ball: having(last) })).from, "Ball", name);
      const said = await refused({ [name]: source });
      assertMatch(said, why);
      assert(!/\p{Cc}/u.test(said), said);
    });
  }
  await pausing;
});
