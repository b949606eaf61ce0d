import { assert, assertEquals } from "@std/assert";
import type { Digest } from "../../src/core/messages/ids.ts";
import { replicaId } from "../../src/core/messages/ids.ts";
import { type AppOptions, MEMBER_HEADER, Membership } from "../../src/http/mod.ts";
import { ACK_BYTES, MAX_SOCKET_BYTES } from "../../src/http/peers/peer_socket.ts";
import type { Purpose } from "../../src/http/peers/membership.ts";
import { encodeBundle, encodeFrame, utf8 } from "../../src/wire/mod.ts";
import { Author, genesisOf, keyPairOf } from "../node/_cluster.ts";
import { CLUSTER, FakeNode } from "./fake_node.ts";
import { FakeSocket } from "./fake_socket.ts";
import { harness, problemOf } from "./helpers.ts";

const vote = encodeBundle(CLUSTER, [utf8("vote")]).slice().buffer;
const { self } = new FakeNode();
const genesis = genesisOf(4);

const UPGRADE = {
  upgrade: "websocket",
  connection: "Upgrade",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

function memberOf(id: number): Membership {
  return new Membership({ genesis, self: replicaId(id), privateKey: keyPairOf(id + 1).privateKey });
}

const members = [0, 1, 2, 3].map(memberOf);

/** An app, and sockets that are opened at it. */
function setUp(options: Partial<AppOptions> = {}, isOpenAtOnce = true) {
  const sockets: FakeSocket[] = [];
  const upgradeWebSocket = () => {
    const socket = new FakeSocket();
    if (isOpenAtOnce) socket.opens();
    sockets.push(socket);
    return { socket, response: new Response(null, { status: 200 }) }; // 101 can't be made by hand
  };
  const it = harness({ upgradeWebSocket, membership: memberOf(self), ...options });
  const request = async (headers: Readonly<Record<string, string>>) => await it.app.request("/messages", { headers });
  const prove = (by = 0, purpose: Purpose = "socket", to: number = self) => members[by]!.prove(replicaId(to), purpose);
  const open = async (by = 0) => await request({ ...UPGRADE, [MEMBER_HEADER]: await prove(by) });
  return { ...it, sockets, request, prove, open };
}

async function opened() {
  const it = setUp();
  assertEquals((await it.open()).status, 200);
  return { ...it, socket: it.sockets[0]! };
}

/** Lets everything that can go on without more input do so. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await null;
}

Deno.test("a member gets a first acknowledgement, its messages reach the node as its own, and they are acknowledged", async () => {
  const { socket, node, timer } = await opened();
  assertEquals(socket.sent, ["ack 0"]);
  for (let i = 0; i < 3; i++) socket.gets(vote);
  await settled();
  assertEquals([socket.sent.length, node.received.length], [1, 3]);
  assertEquals(node.received[0]!.frames, [utf8("vote")]);
  timer.advance(100);
  assertEquals(socket.sent, ["ack 0", "ack 3"]);
  timer.advance(10_000);
  assertEquals(socket.sent.length, 2);
});

Deno.test("large messages are acknowledged at once", async () => {
  const { socket } = await opened();
  const large = encodeBundle(CLUSTER, [new Uint8Array(ACK_BYTES - 200)]).slice().buffer;
  socket.gets(large);
  socket.gets(large);
  assertEquals(socket.sent, ["ack 0", "ack 2"]);
});

Deno.test("a member whose messages were rejected as overloaded is told busy", async () => {
  const { socket, node, timer } = await opened();
  node.onReceive = () => ({ reason: "overloaded", kind: "prepare", detail: "for a test" });
  socket.gets(vote);
  await settled();
  timer.advance(100);
  assertEquals(socket.sent, ["ack 0", "busy", "ack 1"]);
});

for (
  const [what, data, code] of [
    ["text", "vote", 1003],
    ["a bundle that is too large", new ArrayBuffer(MAX_SOCKET_BYTES + 1), 1009],
    ["garbage", utf8("garbage").slice().buffer, 1008],
    ["a bundle for another cluster", encodeBundle("f".repeat(64) as Digest, [utf8("vote")]).slice().buffer, 1008],
  ] as const
) {
  Deno.test(`${what} closes the socket, and changes nothing`, async () => {
    const { socket, node } = await opened();
    socket.gets(data);
    await settled();
    assertEquals([socket.closedWith, node.received], [code, []]);
  });
}

Deno.test("clients' requests are accepted on a member's socket, also where clients are restricted", async () => {
  const it = setUp({ admission: { allowlist: [] } });
  await it.open();
  const client = new Author(9, CLUSTER);
  const request = encodeFrame(client.sign(client.request({ timestamp: 1 })));
  it.sockets[0]!.gets(encodeBundle(CLUSTER, [request]).slice().buffer);
  await settled();
  assertEquals(it.node.received.length, 1);
});

Deno.test("only members get a socket: the proof must be fresh, for this replica, and for a socket", async () => {
  const it = setUp();
  const proof = await it.prove();
  assertEquals((await it.request({ ...UPGRADE, [MEMBER_HEADER]: proof })).status, 200);
  const proofs = [
    proof, // seen before
    await it.prove(0, "read"),
    await it.prove(0, "deliver"),
    await it.prove(0, "socket", 2),
    (await it.prove()).replace(/^0/, "2"),
    "0 1 2 3",
    "",
  ];
  for (const other of proofs) {
    await problemOf(await it.request({ ...UPGRADE, [MEMBER_HEADER]: other }), 401, "wrong-signature");
  }
  await problemOf(await it.request(UPGRADE), 401, "wrong-signature");
  assertEquals(it.sockets.length, 1);
  const without = setUp({ membership: undefined as never });
  await problemOf(await without.open(), 401, "wrong-signature");
});

Deno.test("a member has at most two sockets, until one is closed, and other members keep theirs", async () => {
  const { sockets, open } = setUp();
  const others = [0, 2, 3].filter((id) => id !== self);
  for (const id of others) for (let i = 0; i < 2; i++) assertEquals((await open(id)).status, 200);
  for (const id of others) await problemOf(await open(id), 429, "overloaded");
  sockets[0]!.readyState = 2; // this side has said goodbye; the other may never answer
  await problemOf(await open(others[0]!), 429, "overloaded");
  sockets[0]!.ends();
  assertEquals((await open(others[0]!)).status, 200);
});

Deno.test("a socket that never opens stops counting after a while, and is not counted twice", async () => {
  const { sockets, open, timer } = setUp({}, false);
  for (let i = 0; i < 2; i++) await open();
  await problemOf(await open(), 429, "overloaded");
  timer.advance(10_000);
  assertEquals((await open()).status, 200);
  sockets[2]!.opens();
  timer.advance(60_000);
  assertEquals([sockets[2]!.sent, (await open()).status], [["ack 0"], 200]);
  await problemOf(await open(), 429, "overloaded");
});

for (
  const [what, headers] of [
    ["without a key", { "sec-websocket-key": "" }],
    ["with a key that is none", { "sec-websocket-key": "short" }],
    ["of another version", { "sec-websocket-version": "8" }],
    ["without a version", { "sec-websocket-version": "" }],
    ["without a connection header", { connection: "" }],
    ["with another connection header", { connection: "keep-alive" }],
  ] as const
) {
  Deno.test(`an incomplete upgrade (${what}) is a 400, and not an internal error`, async () => {
    const errors: Error[] = [];
    const it = setUp({ onInternalError: (error) => void errors.push(error) });
    const response = await it.request({ ...UPGRADE, [MEMBER_HEADER]: await it.prove(), ...headers });
    const { field } = await problemOf(response, 400, "malformed");
    assert(Object.keys(headers).includes(field as string));
    assertEquals([errors, it.sockets], [[], []]);
  });
}

Deno.test("a request that the host can't upgrade is a 400, and not an internal error", async () => {
  const errors: Error[] = [];
  const upgradeWebSocket = () => {
    throw new TypeError("Invalid Header: 'upgrade' header must contain 'websocket'");
  };
  const it = setUp({ upgradeWebSocket, onInternalError: (error) => void errors.push(error) });
  await problemOf(await it.open(), 400, "malformed");
  assertEquals(errors, []);
});

Deno.test("a GET without upgrade, or where sockets are not offered, is a 405", async () => {
  const { app } = setUp();
  await problemOf(await app.request("/messages"), 405, "method-not-allowed");
  const without = harness();
  const response = await without.app.request("/messages", { headers: { upgrade: "websocket" } });
  assertEquals(response.headers.get("allow"), "POST");
  await problemOf(response, 405, "method-not-allowed");
});

Deno.test("closing the replica closes its sockets", async () => {
  const controller = new AbortController();
  const it = setUp({ signal: controller.signal });
  await it.open();
  controller.abort();
  assertEquals(it.sockets[0]!.closedWith, 1001);
});

Deno.test("a web page, whose requests have an origin, gets no socket", async () => {
  const it = setUp({ corsOrigins: ["*"] });
  const headers = { ...UPGRADE, [MEMBER_HEADER]: await it.prove(), origin: "https://evil.example" };
  await problemOf(await it.request(headers), 400, "not-accepted-here");
  assertEquals(it.sockets, []);
});

Deno.test("a member that floods a socket with faulty frames loses its sockets for a minute; others keep theirs, and it can POST", async () => {
  const { open, sockets, node, timer } = setUp();
  for (const by of [0, 0, 2]) assertEquals((await open(by)).status, 200);
  const [first, second, other] = sockets as [FakeSocket, FakeSocket, FakeSocket];
  node.onReceive = () => ({ reason: "wrong-signature", kind: "status", detail: "for a test" });
  for (let i = 0; i < 64; i++) first.gets(vote);
  await settled();
  assertEquals(first.closedWith, null);
  first.gets(vote);
  await settled();
  assertEquals([first.closedWith, second.closedWith, other.closedWith], [1008, 1008, null]);
  const { length } = node.received;
  for (let i = 0; i < 1_000; i++) first.gets(vote);
  await settled();
  assertEquals(node.received.length, length);
  node.onReceive = () => null;
  other.gets(vote);
  await settled();
  assertEquals(node.received.length, length + 1);
  for (const socket of [first, second]) socket.onclose?.({} as never);
  const refused = await open();
  assertEquals(refused.headers.get("retry-after"), "60");
  await problemOf(refused, 429, "overloaded");
  timer.advance(60_001);
  assertEquals((await open()).status, 200);
});

Deno.test("a member that goes on sending when it is told busy loses its sockets", async () => {
  const { socket, node } = await opened();
  node.onReceive = () => ({ reason: "overloaded", kind: "prepare", detail: "for a test" });
  for (let i = 0; i < 4_096; i++) socket.gets(vote);
  await settled();
  assertEquals(socket.closedWith, null);
  socket.gets(vote);
  await settled();
  assertEquals(socket.closedWith, 1008);
});

Deno.test("256 undecoded messages, however small, are enough", async () => {
  const { socket, node, timer } = await opened();
  node.onReceive = () => ({ reason: "overloaded", kind: "prepare", detail: "for a test" });
  Object.assign(node, { restMs: () => 500 });
  for (let i = 0; i < 257; i++) socket.gets(vote);
  assertEquals([node.received.length, socket.closedWith], [1, null]);
  socket.gets(vote);
  assertEquals(socket.closedWith, 1008);
  timer.advance(60_000);
});

Deno.test("while the queue of a member is full, the frames that it sends are not decoded, and after 16 MiB it loses its sockets", async () => {
  const { socket, node, timer } = await opened();
  node.onReceive = () => ({ reason: "overloaded", kind: "prepare", detail: "for a test" });
  Object.assign(node, { restMs: () => 500 });
  const large = encodeBundle(CLUSTER, [new Uint8Array(1024 * 1024)]).slice().buffer;
  socket.gets(vote);
  assertEquals(node.received.length, 1);
  for (let i = 0; i < 3; i++) socket.gets(vote);
  assertEquals(node.received.length, 1);
  timer.advance(100);
  assertEquals(socket.sent, ["ack 0", "busy", "ack 4"]);
  for (let i = 0; i < 15; i++) socket.gets(large);
  assertEquals([node.received.length, socket.sent.length], [1, 3]);
  // A second later the next message is looked at again.
  timer.advance(900);
  socket.gets(vote);
  assertEquals([node.received.length, socket.closedWith], [2, null]);
  for (let i = 0; i < 2; i++) socket.gets(large);
  assertEquals([node.received.length, socket.closedWith], [2, null]);
  socket.gets(large);
  assertEquals([node.received.length, socket.closedWith], [2, 1008]);
});

Deno.test("a member that was silent on its sockets opens none for 10 s, and for twice as long each further time; others do", async () => {
  const { sockets, open, timer } = setUp();
  const end = (message: string) => {
    const socket = sockets.at(-1)!;
    socket.onerror?.({ message } as never);
    socket.ends();
  };
  const pauses: number[] = [];
  for (let times = 0; times < 4; times++) {
    assertEquals((await open()).status, 200);
    end("No response from ping frame.");
    const refused = await open();
    assertEquals(refused.status, 429);
    pauses.push(Number(refused.headers.get("retry-after")));
    assertEquals((await open(2)).status, 200);
    end("");
    timer.advance(1_000 * pauses.at(-1)!);
  }
  assertEquals(pauses, [10, 20, 40, 80]);
  timer.advance(3_600_000);
  await open();
  end("No response from ping frame.");
  assertEquals((await open()).headers.get("retry-after"), "10");
  timer.advance(10_000);
  await open();
  end("connection reset");
  assertEquals((await open()).status, 200);
});
