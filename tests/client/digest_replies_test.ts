/** A client that takes digest replies: it gets each large result once, and is deceived by no liar. */
import { assert, assertEquals } from "@std/assert";
import { Client, encodeReceipt, verifyReceipt } from "../../src/client/mod.ts";
import { decodeFrame, DIGEST_REPLY, digestReplyOf, utf8 } from "../../src/wire/mod.ts";
import { type Behaviour, correct, down, FakeCluster, lying, mute } from "./fake_cluster.ts";
import { ManualTimer } from "./manual_timer.ts";

const LARGE = "x".repeat(5_000);

/** A cluster whose replicas leave the results out if they may. */
function setUp(options: { readonly together?: boolean; readonly n?: number } = {}) {
  const cluster = new FakeCluster(options.n);
  cluster.execution = () => ({ value: utf8(JSON.stringify(LARGE)) });
  if (options.together) cluster.others = [utf8("one"), utf8("two")];
  /** For each answer to a request with operations: whether it was whole. */
  const sent: boolean[] = [];
  const shorten = (behaviour: Behaviour): Behaviour => async (asked, it) => {
    const accept = cluster.accepted.at(-1);
    const response = await behaviour(asked, it);
    if (asked.request.session === 0 || response.status !== 200) return response;
    const frame = new Uint8Array(await response.arrayBuffer());
    const isShort = accept?.includes(DIGEST_REPLY) ?? false;
    sent.push(!isShort);
    return new Response(isShort ? digestReplyOf(decodeFrame(frame)) : frame);
  };
  const timer = new ManualTimer();
  const client = new Client({ cluster: cluster.file, fetch: cluster.fetch, timer, digestReplies: true });
  const behave = (of: (replica: number) => Behaviour) => {
    cluster.behaviours.forEach((_, i) => cluster.behaviours[i] = shorten(of(i)));
  };
  behave(() => correct);
  return { cluster, client, timer, sent, behave };
}

async function checked(client: Client, { file }: FakeCluster) {
  const { value, receipt } = await client.submit("a");
  assertEquals(new TextDecoder().decode(value), JSON.stringify(LARGE));
  const { voters, result } = await verifyReceipt(file, receipt);
  assertEquals(result.value, value);
  assertEquals(voters.length, Math.ceil(file.genesis.replicas.length / 3));
  // Whole replies stand in it, and older programs can verify it.
  assert(encodeReceipt(receipt).length > voters.length * LARGE.length);
}

Deno.test("of the replicas that are asked one sends the result, each in its turn, and the receipt is as without", async () => {
  for (const together of [false, true]) {
    for (const n of [4, 7]) {
      const { client, cluster, sent } = setUp({ together, n });
      const places = new Set<number>();
      for (let i = 0; i < 40; i++) {
        sent.length = 0;
        await checked(client, cluster);
        assertEquals(sent.filter((isWhole) => isWhole).length, 1);
        places.add(sent.indexOf(true));
      }
      assert(places.size > 1);
      client.close();
    }
  }
});

Deno.test("whoever lies, with results or without, the result is right", async () => {
  const junk: Behaviour = () => new Response(new Uint8Array([131, 1, 2]));
  for (const wrong of [lying, down, junk]) {
    for (let liar = 0; liar < 4; liar++) {
      const { client, cluster, behave } = setUp();
      behave((replica) => replica === liar ? wrong : correct);
      for (let i = 0; i < 8; i++) await checked(client, cluster);
      client.close();
    }
  }
});

/** Behaviours that lie by what they are asked for. They answer the client themselves, so they are not shortened. */
const digest = async (...[asked, it]: Parameters<Behaviour>) =>
  new Response(digestReplyOf(decodeFrame(new Uint8Array(await (await correct(asked, it)).arrayBuffer()))));
const mayBeShort = (cluster: FakeCluster) => cluster.accepted.at(-1)?.includes(DIGEST_REPLY) ?? false;
const liars: Readonly<Record<string, Behaviour>> = {
  "sends a digest also where it is asked for the result": digest,
  "has the right digest, and another result": (asked, it) => mayBeShort(it) ? digest(asked, it) : lying(asked, it),
  "has a wrong digest, and the right result": async (asked, it) => {
    if (!mayBeShort(it)) return await correct(asked, it);
    return new Response(digestReplyOf(decodeFrame(new Uint8Array(await (await lying(asked, it)).arrayBuffer()))));
  },
  "fails where it is asked for the result": (asked, it) => mayBeShort(it) ? digest(asked, it) : down(asked, it),
  "gives its digest in the name of another": async (asked, it) => {
    const bytes = new Uint8Array(await (await digest(asked, it)).arrayBuffer());
    bytes[1] = (bytes[1]! + 1) % 4; // the replica
    return new Response(bytes);
  },
};

for (const [what, liar] of Object.entries(liars)) {
  Deno.test(`a replica that ${what}: the others are asked within the round, and each for its result once`, async () => {
    for (let place = 0; place < 4; place++) {
      const { client, cluster, timer } = setUp();
      await client.submit("session");
      const honest = cluster.behaviours[0]!;
      cluster.behaviours[place] = (asked, it) => asked.request.session === 0 ? honest(asked, it) : liar(asked, it);
      for (let i = 0; i < 6; i++) {
        const before = cluster.accepted.length;
        await Promise.all([checked(client, cluster), checked(client, cluster)]); // several that wait
        const posts = cluster.accepted.length - before;
        assert(posts <= 2 * 4, `${posts} POSTs`);
      }
      assertEquals(timer.pending, 0);
      client.close();
    }
  });
}

Deno.test("where nobody sends a result, a call times out after few POSTs, and the next one is answered", async () => {
  const { client, cluster, timer, behave } = setUp();
  await client.submit("session");
  const honest = cluster.behaviours[0]!;
  cluster.behaviours.fill(digest);
  const before = cluster.accepted.length;
  const call = client.submit("a");
  let failure: unknown = null;
  call.catch((error) => failure = error);
  for (let turns = 0; failure === null; turns++) {
    assert(turns < 20_000);
    await new Promise((resolve) => setTimeout(resolve));
    if (turns % 20 === 19) timer.advance(500);
  }
  assertEquals((failure as Error).name, "TimeoutError");
  const posts = cluster.accepted.length - before;
  assert(posts <= 8 * 2 * 4, `${posts} POSTs in 30 s`); // 500 ms, doubled up to 8 s
  cluster.behaviours.fill(honest);
  behave(() => correct);
  await checked(client, cluster);
  client.close();
});

Deno.test("a replica that is silent, with results or without, is made up for at the retry", async () => {
  for (let silent = 0; silent < 4; silent++) {
    const { client, cluster, behave, timer } = setUp();
    await client.submit("session");
    behave((replica) => replica === silent ? mute : correct);
    for (let i = 0; i < 4; i++) {
      let isDone = false;
      const call = checked(client, cluster).finally(() => isDone = true);
      for (let turns = 0; !isDone; turns++) {
        assert(turns < 5_000);
        await new Promise((resolve) => setTimeout(resolve));
        if (!isDone && turns % 50 === 49) timer.advance(500);
      }
      await call;
    }
    client.close();
  }
});

Deno.test("replicas of earlier versions send all results whole, and small ones are whole anyway", async () => {
  const { client, cluster } = setUp();
  cluster.behaviours.fill(correct);
  await checked(client, cluster);
  client.close();
});

Deno.test("a client that does not ask for them gets none", async () => {
  const { cluster } = setUp();
  const client = new Client({ cluster: cluster.file, fetch: cluster.fetch, timer: new ManualTimer() });
  await checked(client, cluster);
  assertEquals(cluster.accepted.some((accept) => accept?.includes(DIGEST_REPLY)), false);
  client.close();
});
