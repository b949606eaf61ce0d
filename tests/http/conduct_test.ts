/** A member that delivers faulty frames counts as a stranger for a minute. */
import { assertEquals } from "@std/assert";
import { replicaId } from "../../src/core/messages/ids.ts";
import { MEMBER_HEADER, Membership } from "../../src/http/mod.ts";
import { MemberConduct } from "../../src/http/peers/conduct.ts";
import type { HostEvent } from "../../src/node/host_event.ts";
import type { Rejection } from "../../src/node/ports.ts";
import { encodeBundle, encodeFrame } from "../../src/wire/mod.ts";
import { newStatus } from "../../src/testing/drills/peers.ts";
import { Author, genesisOf, keyPairOf } from "../node/_cluster.ts";
import { CLUSTER, FakeNode } from "./fake_node.ts";
import { harness } from "./helpers.ts";

const genesis = genesisOf(4);
const apple = replicaId(0);
const { self } = new FakeNode();

function memberOf(id: number): Membership {
  return new Membership({ genesis, self: replicaId(id), privateKey: keyPairOf(id + 1).privateKey });
}

const members = [0, 1, 2, 3].map(memberOf);
const frame = encodeFrame(new Author(1, CLUSTER).sign(newStatus(0)));

function fault(): Rejection {
  return { reason: "wrong-signature", kind: "status", detail: "for a test" };
}

function setUp() {
  let at = 0;
  const events: HostEvent[] = [];
  const conduct = new MemberConduct({ timer: { monotonic: () => at }, onHostEvent: (event) => events.push(event) });
  return { conduct, events, pass: (ms: number) => at += ms };
}

Deno.test("64 faults at once are forgiven, and one a second", () => {
  const { conduct, events, pass } = setUp();
  for (let i = 0; i < 64; i++) conduct.onFault(apple);
  for (let i = 0; i < 500; i++) {
    pass(1_000);
    conduct.onFault(apple);
  }
  assertEquals([conduct.distrustMs(apple), events], [0, []]);
  conduct.onFault(apple);
  assertEquals(conduct.distrustMs(apple), 60_000);
  assertEquals(conduct.distrustMs(replicaId(2)), 0);
  for (let i = 0; i < 500; i++) conduct.onFault(apple);
  assertEquals(events, [{ kind: "member-distrusted", peer: apple, forMs: 60_000 }]);
  pass(59_999);
  assertEquals(conduct.distrustMs(apple), 1);
  pass(1);
  assertEquals(conduct.distrustMs(apple), 0);
});

Deno.test("the rest of a bundle that is refused unread is one fault; lack of room and a stopped replica are none", () => {
  const { conduct } = setUp();
  const rest = fault();
  const bundle = [null, ...Array.from({ length: 16 }, fault), ...new Array<Rejection>(4_000).fill(rest)];
  for (let i = 0; i < 3; i++) conduct.onAnswers(apple, bundle);
  assertEquals(conduct.distrustMs(apple), 0);
  for (const reason of ["overloaded", "unavailable"] as const) {
    conduct.onAnswers(apple, Array.from({ length: 4_000 }, () => ({ ...fault(), reason })));
  }
  assertEquals(conduct.distrustMs(apple), 0);
  conduct.onAnswers(apple, bundle);
  assertEquals(conduct.distrustMs(apple), 60_000);
});

/** An app, and how often the node was given frames as those of a member, or of strangers. */
function app() {
  const sources: unknown[] = [];
  const it = harness({ membership: memberOf(self) });
  const receive = it.node.receive.bind(it.node);
  it.node.receive = (frames, accept, ...by: unknown[]) => {
    sources.push(by[0]);
    return receive(frames, accept);
  };
  const post = async (path: string, body: Uint8Array<ArrayBuffer>, by: number) => {
    const proof = await members[by]!.prove(self, "deliver", body);
    const headers = { [MEMBER_HEADER]: proof, "content-type": "application/cbor" };
    return await it.app.request(path, { method: "POST", headers, body });
  };
  return { ...it, sources, post };
}

for (
  const [path, body] of [
    ["/messages", encodeBundle(CLUSTER, [frame]).slice()],
    ["/commit", frame.slice()],
    ["/messages", new Uint8Array([1, 2, 3])],
  ] as const
) {
  Deno.test(`faulty ${body.length} bytes that a member posts to ${path} take its rights for a minute, and nobody else's`, async () => {
    const { node, timer, sources, post } = app();
    node.onReceive = fault;
    for (let i = 0; i < 65; i++) await (await post(path, body, 0)).body?.cancel();
    node.onReceive = () => null;
    const good = encodeBundle(CLUSTER, [frame]).slice();
    sources.length = 0;
    for (const by of [0, 2]) await (await post("/messages", good, by)).body?.cancel();
    assertEquals(sources, ["strangers", 2]);
    timer.advance(60_000);
    await (await post("/messages", good, 0)).body?.cancel();
    assertEquals(sources, ["strangers", 2, 0]);
  });
}

Deno.test("a member that must rest is refused before its body is read; its further refusals have a pace", async () => {
  for (const path of ["/messages", "/commit"]) {
    const { node, timer, sources, post } = app();
    Object.assign(node, { restMs: (by: unknown) => by === 0 ? 1_500 : 0 });
    const body = path === "/commit" ? frame.slice() : encodeBundle(CLUSTER, [frame]).slice();
    const refused = await post(path, body, 0);
    assertEquals([refused.status, refused.headers.get("retry-after")], [429, "2"]);
    await refused.body?.cancel();
    await (await post(path, body, 2)).body?.cancel();
    assertEquals(sources, [2]);
    let answered = 0;
    const further = Array.from({ length: 300 }, () => post(path, body, 0).then((r) => (answered++, r.body?.cancel())));
    await (await post(path, body, 2)).body?.cancel();
    while (timer.pending < 51) await timer.turn();
    assertEquals(answered, 249);
    timer.advance(100);
    while (answered < 254) await timer.turn();
    assertEquals([answered, timer.pending], [254, 46]);
    timer.advance(10_000);
    await Promise.all(further);
    assertEquals(sources, [2, 2]);
  }
});
