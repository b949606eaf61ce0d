import { assert, assertEquals, assertRejects } from "@std/assert";
import { replicaId } from "../../src/core/messages/ids.ts";
import { DeliveryError, SocketTransport } from "../../src/http/mod.ts";
import { MAX_SOCKET_BYTES } from "../../src/http/peers/peer_socket.ts";
import type { HostEvent } from "../../src/node/host_event.ts";
import { decodeBundle, encodeFrame, utf8 } from "../../src/wire/mod.ts";
import { Author } from "../node/_cluster.ts";
import { ManualTimer } from "../node/_manual_timer.ts";
import { CLUSTER, FakeNode } from "./fake_node.ts";
import { FakeSocket } from "./fake_socket.ts";

const urls = { Apple: "http://a.test", Ball: "https://b.test/base", Candy: "http://c.test/", Dog: "http://d.test:99" };
const clusterFile = { genesis: new FakeNode().genesis, urls };
const never = new AbortController().signal;
const [peer, vote] = [replicaId(0), utf8("vote")];

class Fixture {
  readonly sockets: FakeSocket[] = [];
  readonly headers: Readonly<Record<string, string>>[] = [];
  readonly posted: (readonly Uint8Array[])[] = [];
  readonly hostEvents: HostEvent[] = [];
  readonly timer = new ManualTimer();
  onPost: () => Promise<void> = () => Promise.resolve();
  readonly transport = new SocketTransport({
    clusterFile,
    cluster: CLUSTER,
    timer: this.timer,
    prove: (to) => Promise.resolve({ proof: `for ${to}` }),
    open: (url, headers) => {
      this.headers.push(headers);
      return this.sockets[this.sockets.length] = new FakeSocket(url);
    },
    post: { deliver: (_to, frames) => (this.posted.push(frames), this.onPost()) },
    onHostEvent: (event) => void this.hostEvents.push(event),
  });

  deliver(frame = vote, signal = never): Promise<void> {
    return this.transport.deliver(peer, [frame], signal);
  }

  send(frame = vote): boolean {
    return this.transport.send(peer, [frame]);
  }

  /** With a socket on which the peer has greeted. */
  async open(): Promise<FakeSocket> {
    this.send();
    await this.timer.idle();
    const socket = this.sockets.at(-1)!;
    socket.opens();
    socket.gets("ack 0");
    return socket;
  }
}

Deno.test("frames before the socket is open are POSTed; then bundles go on the socket, which starts with a proof", async () => {
  const f = new Fixture();
  assertEquals(f.send(), false);
  await f.deliver();
  await f.timer.idle();
  const [socket] = f.sockets;
  assertEquals([socket!.url, f.headers, f.posted], ["ws://a.test/messages", [{ proof: "for 0" }], [[vote]]]);
  socket!.opens();
  socket!.gets("ack 0");
  assertEquals([f.send(), f.send()], [true, true]);
  assertEquals(decodeBundle(socket!.sent[0] as Uint8Array, 9), { cluster: CLUSTER, frames: [vote] });
  assertEquals([socket!.sent.length, f.posted.length, f.sockets.length], [2, 1, 1]);
  assertEquals(f.transport.status(peer), { isSocketOpen: true, socketFailures: 0 });
  f.transport.send(replicaId(1), [vote]);
  await f.timer.idle();
  assertEquals(f.sockets[1]!.url, "wss://b.test/base/messages");
});

Deno.test("frames that go to several peers in one turn are one bundle in memory, other frames another", async () => {
  const f = new Fixture();
  const socket = await f.open();
  f.transport.send(replicaId(1), [vote]);
  await f.timer.idle();
  const other = f.sockets.at(-1)!;
  other.opens();
  other.gets("ack 0");
  const frames = [vote, utf8("another")];
  for (const to of [peer, replicaId(1)]) f.transport.send(to, [...frames]);
  assertEquals(socket.sent[0], other.sent[0]);
  assert(socket.sent[0] === other.sent[0], "it was encoded once");
  f.transport.send(peer, [vote]);
  f.transport.send(peer, [utf8("vote"), vote]);
  assertEquals(socket.sent.slice(1).map((sent) => decodeBundle(sent as Uint8Array, 9).frames), [[vote], [vote, vote]]);
});

Deno.test("clients' requests go on the socket too; bundles too large for it are POSTed", async () => {
  const f = new Fixture();
  const socket = await f.open();
  const client = new Author(9, CLUSTER);
  assertEquals(f.send(encodeFrame(client.sign(client.request({ timestamp: 1 })))), true);
  const large = new Uint8Array(MAX_SOCKET_BYTES);
  assertEquals(f.send(large), false);
  await f.deliver(large);
  assertEquals([f.posted.length, socket.sent.length], [1, 1]);
});

Deno.test("unacknowledged frames of a failed socket are POSTed once within a second, and reported; then everything is POSTed", async () => {
  const f = new Fixture();
  await f.open();
  const frames = [utf8("1"), utf8("2"), utf8("3")];
  for (const frame of frames) f.send(frame);
  await f.timer.advance(900);
  assertEquals(f.posted, [frames]);
  assertEquals(f.hostEvents.map(({ kind }) => kind), ["socket-failed"]);
  assertEquals(f.transport.status(peer), { isSocketOpen: false, socketFailures: 1 });
  assertEquals(f.send(), false);
  await f.deliver();
  assertEquals(f.posted.length, 2);
});

Deno.test("failing sockets to a peer are reported once, and again after ten minutes", async () => {
  const f = new Fixture();
  for (let i = 0; i < 21; i++) {
    await f.open();
    f.send();
    await f.timer.advance(62_000);
  }
  assertEquals([f.hostEvents.length, f.transport.status(peer).socketFailures], [3, 21]);
});

Deno.test("a delivery waits while too much is in flight, and is POSTed when the socket ends", async () => {
  const f = new Fixture();
  const socket = await f.open();
  const large = new Uint8Array(255 * 1024);
  for (let i = 0; i < 5; i++) f.send(large);
  const [sent, before] = [socket.sent.length, f.posted.length];
  assertEquals(f.send(), false);
  const delivered = f.deliver();
  socket.gets("ack 2");
  await delivered;
  assertEquals([socket.sent.length, f.posted.length], [sent + 1, before]);
  for (let i = 0; i < 5; i++) f.send(large);
  const posted = f.deliver(utf8("last"));
  socket.ends();
  await posted;
  assertEquals(f.posted.flat().at(-1), utf8("last"));
});

Deno.test("a delivery to a busy peer fails", async () => {
  const f = new Fixture();
  const socket = await f.open();
  socket.gets("busy");
  assertEquals(f.send(), false);
  assertEquals((await assertRejects(() => f.deliver(), DeliveryError, "busy")).status, 429);
  await f.timer.advance(200);
  assertEquals(f.send(), true);
});

Deno.test("frames that can't be POSTed after a socket failed are dropped; the protocol sends them again", async () => {
  const f = new Fixture();
  const socket = await f.open();
  f.onPost = () => Promise.reject(new DeliveryError("no", 0));
  f.send();
  socket.ends();
  await f.timer.idle();
  assertEquals(f.posted, [[vote]]);
});

Deno.test("closing waits until the sockets are closed; then everything is POSTed", async () => {
  const f = new Fixture();
  const socket = await f.open();
  f.send();
  await f.transport.close();
  assertEquals([socket.closedWith, socket.readyState, f.posted], [1000, 3, []]);
  await f.timer.advance(100_000);
  await f.deliver();
  assertEquals([f.posted.length, f.sockets.length], [1, 1]);
});
