/** Members, known clients and strangers at one replica's routes: who is told apart, by what, and at what cost. */
import { assert, assertEquals } from "@std/assert";
import { replicaId } from "../../src/core/messages/ids.ts";
import { createApp, FetchTransport, MEMBER_HEADER, Membership, type ReplicaApp } from "../../src/http/mod.ts";
import { Pacing, Throttle } from "../../src/http/middleware/throttle.ts";
import type { FrameSource } from "../../src/node/in/intake.ts";
import type { Rejection } from "../../src/node/ports.ts";
import { encodeBundle, utf8 } from "../../src/wire/mod.ts";
import { ManualTimer } from "../client/manual_timer.ts";
import { Author, genesisOf, keyPairOf } from "../node/_cluster.ts";
import { newStatus } from "../../src/testing/drills/peers.ts";
import { FakeNode } from "./fake_node.ts";
import { problemOf } from "./helpers.ts";

const genesis = genesisOf(4);

class Receiver extends FakeNode {
  override readonly genesis = genesis;
  readonly by: (number | string | undefined)[] = [];

  override receive(
    frames: readonly Uint8Array[],
    _: unknown,
    by?: FrameSource,
  ): Promise<readonly (Rejection | null)[]> {
    this.by.push(by);
    return Promise.resolve(frames.map(() => null));
  }
}

function membershipOf(self: number): Membership {
  return new Membership({ genesis, self: replicaId(self), privateKey: keyPairOf(self + 1).privateKey });
}

function setUp() {
  const node = new Receiver();
  return { node, app: createApp(node, { timer: new ManualTimer(), membership: membershipOf(1) }) };
}

const frame = new Author(1, new FakeNode().cluster).frame(newStatus(0));
const request = new Author(9, new FakeNode().cluster);

function bundle(...frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return encodeBundle(new FakeNode().cluster, frames);
}

function send(app: ReplicaApp, body: Uint8Array<ArrayBuffer>, proof?: string, path = "/messages") {
  const headers = { "content-type": "application/cbor", ...(proof !== undefined && { [MEMBER_HEADER]: proof }) };
  return Promise.resolve(app.request(path, { method: "POST", headers, body }));
}

Deno.test("a delivery with a member's proof counts as a member's; a replay of it counts as a stranger's", async () => {
  const { node, app } = setUp();
  const requests: Request[] = [];
  const urls = Object.fromEntries(genesis.replicas.map(({ name }) => [name, `http://${name}.test`]));
  const transport = new FetchTransport({
    clusterFile: { genesis, urls },
    cluster: node.cluster,
    membership: membershipOf(0),
    fetch: (input, init) => {
      const sent = new Request(input, init);
      requests.push(sent.clone());
      return Promise.resolve(app.fetch(sent));
    },
  });
  for (let i = 0; i < 2; i++) await transport.deliver(replicaId(1), [frame], new AbortController().signal);
  await app.fetch(requests[0]!);
  assertEquals(node.by, [0, 0, "strangers"]);
});

Deno.test("a proof for another body is refused, and one for another member proves nothing", async () => {
  const { node, app } = setUp();
  const proof = await membershipOf(0).prove(replicaId(1), "deliver", bundle(frame));
  const problem = await problemOf(await send(app, bundle(frame, frame), proof), 401, "wrong-signature");
  assertEquals(problem.field, MEMBER_HEADER);
  assertEquals(node.by, []);
  const elsewhere = await membershipOf(0).prove(replicaId(2), "deliver", bundle(frame));
  assertEquals((await send(app, bundle(frame), elsewhere)).status, 202);
  const single = await membershipOf(0).prove(replicaId(1), "deliver", frame);
  assertEquals((await send(app, frame as Uint8Array<ArrayBuffer>, single, "/prepare")).status, 202);
  assertEquals(node.by, ["strangers", 0]);
});

Deno.test("a stranger's bundle with something that can't be a frame is refused before any frame is checked", async () => {
  const { node, app } = setUp();
  const junk = Array.from({ length: 4_096 }, () => utf8("ab"));
  const problem = await problemOf(await send(app, bundle(frame, ...junk.slice(1))), 400, "malformed");
  assertEquals(problem.field, "bundle.frames[1]");
  assertEquals(node.by, []);
});

Deno.test("clients' requests are accepted from members, and from strangers only at the clients' routes", async () => {
  const { node, app } = setUp();
  const body = bundle(request.frame(request.request()));
  await problemOf(await send(app, body), 400, "not-accepted-here");
  const proof = await membershipOf(2).prove(replicaId(1), "deliver", body);
  assertEquals((await send(app, body, proof)).status, 202);
  assertEquals(node.by, [2]);
});

Deno.test("answers to one address are throttled, and those to another are not", async () => {
  const timer = new ManualTimer();
  const throttle = new Throttle({ timer, perSecond: 10, burst: 2 });
  const turns: string[] = [];
  const turn = (name: string, cost?: number) => void throttle.turn(name, cost).then(() => turns.push(name));
  for (let i = 0; i < 4; i++) turn("a");
  turn("b");
  await timer.turn();
  assertEquals(turns, ["a", "a", "b"]);
  timer.advance(100);
  await timer.turn();
  assertEquals(turns, ["a", "a", "b", "a"]);
  timer.advance(100);
  await timer.turn();
  turn("a", 1_000);
  timer.advance(1_999);
  await timer.turn();
  assertEquals(turns.length, 5);
  timer.advance(2);
  await timer.turn();
  assertEquals(turns.length, 6);
  for (let i = 0; i < 10; i++) await throttle.turn(undefined);
});

Deno.test("where timers fire late, as there is too much to do, those who ask much get less", async () => {
  const timer = new ManualTimer();
  const throttle = new Throttle({ timer, perSecond: 100, burst: 1 });
  let [turns, isOver] = [0, false];
  const ask = async () => {
    for (; !isOver; turns++) await throttle.turn("a");
  };
  const asking = Promise.all(Array.from({ length: 30 }, ask));
  /** How many turns come in a second, if timers are looked at every `stepMs`. */
  const perSecond = async (stepMs: number) => {
    const before = turns;
    for (let ms = 0; ms < 4_000; ms += stepMs) {
      timer.sleep(stepMs);
      timer.advance(0);
      for (let i = 0; i < 3; i++) await timer.turn();
    }
    return (turns - before) / 4;
  };
  const calm = await perSecond(1);
  await perSecond(200);
  const busy = await perSecond(200);
  for (let i = 0; i < 3; i++) await perSecond(1);
  const calmAgain = await perSecond(1);
  assertEquals([Math.round(calm), busy < 30, Math.round(calmAgain)], [100, true, 100], `${busy} a second`);
  isOver = true;
  timer.advance(2_000);
  await asking;
});

Deno.test("all strangers together are paced too, and each known client by itself; a read of /metrics counts as four", async () => {
  const read = async (
    count: number,
    kind: "stranger" | "client",
    networkOf: (i: number) => string,
    path = "/status",
    method = "GET",
  ) => {
    const timer = new ManualTimer();
    const pacing = new Pacing(timer);
    let answered = 0;
    const reading = Array.from({ length: count }, async (_, i) => {
      const [network, id] = [networkOf(i), networkOf(i)];
      await pacing.before({ method, path }, { kind, id, network, proof: null, source: "strangers", cost: 1 });
      answered++;
    });
    for (let i = 0; i < 5; i++) await timer.turn();
    const atOnce = answered;
    timer.advance(60_000);
    await Promise.all(reading);
    return atOnce;
  };
  assertEquals(await read(1_000, "stranger", () => "203.0.113.7"), 250);
  assertEquals(await read(1_000, "stranger", (i) => `203.0.113.${i % 10}`), 375);
  assertEquals(await read(1_000, "client", (i) => `203.0.113.${i % 10}`), 1_000);
  assertEquals(await read(1_000, "client", () => "203.0.113.7", "/metrics"), 62);
  assertEquals(await read(1_000, "client", () => "203.0.113.7", "/epochs", "POST"), 250);
  assertEquals(await read(1_000, "client", () => "203.0.113.7", "/req", "POST"), 1_000);
});

Deno.test("the answer to a sender that has hung up does not wait for its turn, and other refusals do", async () => {
  const { app } = setUp();
  const post = (body: BodyInit) =>
    app.fetch(
      new Request("http://127.0.0.1/messages", {
        method: "POST",
        headers: { "content-type": "application/cbor" },
        body,
      }),
      { remoteAddr: { hostname: "203.0.113.7" } },
    );
  const broken = () =>
    new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(new Error("the connection was closed"));
      },
    });
  let answered = 0;
  const answers = (body: () => BodyInit) =>
    Array.from({ length: 300 }, async () => {
      assertEquals((await post(body())).status, 400);
      answered++;
    });
  await Promise.all(answers(broken));
  void answers(() => "junk");
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 0));
  assert(answered < 600, "all were answered at once");
});
