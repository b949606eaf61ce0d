import { assertEquals, assertRejects } from "@std/assert";
import { replicaId } from "../../src/core/ids.ts";
import { DeliveryError, SocketTransport } from "../../src/http/mod.ts";
import { MAX_SOCKET_BYTES } from "../../src/http/peer_socket.ts";
import { decodeBundle, encodeFrame, utf8 } from "../../src/wire/mod.ts";
import { Author } from "../node/_cluster.ts";
import { CLUSTER, FakeNode } from "./fake_node.ts";
import { FakeSocket } from "./fake_socket.ts";

const urls = { Apple: "http://a.test", Ball: "https://b.test/base", Candy: "http://c.test/", Dog: "http://d.test:99" };
const clusterFile = { genesis: new FakeNode().genesis, urls };
const never = new AbortController().signal;
const [peer, vote] = [replicaId(0), utf8("vote")];

class Fixture {
  readonly sockets: FakeSocket[] = [];
  readonly posted: (readonly Uint8Array[])[] = [];
  now = 0;
  readonly transport = new SocketTransport({
    clusterFile,
    cluster: CLUSTER,
    now: () => this.now,
    open: (url) => this.sockets[this.sockets.length] = new FakeSocket(url),
    post: { deliver: (_to, frames) => Promise.resolve(void this.posted.push(frames)) },
  });

  deliver(frame = vote, signal = never): Promise<void> {
    return this.transport.deliver(peer, [frame], signal);
  }

  /** With a socket that is open. */
  async open(): Promise<FakeSocket> {
    await this.deliver();
    this.sockets.at(-1)!.opens();
    return this.sockets.at(-1)!;
  }
}

Deno.test("what comes before a socket is open is POSTed, then votes are bundles on the socket, answered by a status", async () => {
  const f = new Fixture();
  const socket = await f.open();
  assertEquals([socket.url, socket.binaryType, f.posted], ["ws://a.test/messages", "arraybuffer", [[vote]]]);
  const delivered = f.deliver();
  assertEquals(decodeBundle(socket.sent[0] as Uint8Array, 9), { cluster: CLUSTER, frames: [vote] });
  socket.gets("202");
  await delivered;
  const refused = assertRejects(() => f.deliver(), DeliveryError, "429");
  socket.gets("429");
  assertEquals((await refused).status, 429);
  assertEquals([f.posted.length, f.sockets.length], [1, 1]);
  await f.transport.deliver(replicaId(1), [vote], never);
  assertEquals(f.sockets[1]!.url, "wss://b.test/base/messages");
});

Deno.test("large bundles, and what clients have signed, are POSTed", async () => {
  const f = new Fixture();
  const socket = await f.open();
  await f.deliver(new Uint8Array(MAX_SOCKET_BYTES));
  const client = new Author(9, CLUSTER);
  const request = client.sign(client.request({ timestamp: 1 }));
  await f.deliver(encodeFrame(request));
  assertEquals([f.posted.length, socket.sent], [3, []]);
});

Deno.test("a delivery that is aborted, or whose socket ends, has failed; the next is POSTed, and a socket opened again after a while", async () => {
  const f = new Fixture();
  const socket = await f.open();
  const controller = new AbortController();
  const aborted = assertRejects(() => f.deliver(vote, controller.signal), DeliveryError, "in time");
  controller.abort(new Error("too long"));
  await aborted;
  socket.gets("202"); // too late for anybody
  await f.deliver();
  assertEquals([socket.closedWith, f.posted.length, f.sockets.length], [undefined, 2, 1]);
  f.now = 5_000;
  const second = await f.open();
  const lost = assertRejects(() => f.deliver(), DeliveryError, "closed");
  second.ends();
  await lost;
  await f.deliver();
  assertEquals([f.posted.length, f.sockets.length], [4, 2]);
});

Deno.test("a peer that takes no socket is asked for one every five seconds at most", async () => {
  const f = new Fixture();
  for (; f.now < 11_000; f.now += 1_000) {
    await f.deliver();
    f.sockets.at(-1)!.ends();
  }
  assertEquals([f.posted.length, f.sockets.length], [11, 3]);
});

Deno.test("closing ends what is under way, and waits until the sockets are closed; then all is POSTed", async () => {
  const f = new Fixture();
  const socket = await f.open();
  const underWay = assertRejects(() => f.deliver(), DeliveryError);
  await f.transport.close();
  await underWay;
  assertEquals([socket.closedWith, socket.readyState], [1000, 3]);
  f.now = 10_000;
  await f.deliver();
  assertEquals([f.posted.length, f.sockets.length], [2, 1]);
});
