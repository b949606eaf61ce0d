import { assert, assertEquals } from "@std/assert";
import { PeerLink } from "../../src/http/peers/peer_link.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { ManualTimer } from "../node/_manual_timer.ts";
import { FakeSocket } from "./fake_socket.ts";

const bundle = utf8("a bundle").slice();
const texts = (frames: readonly (readonly Uint8Array[])[]) =>
  frames.flat().map((frame) => new TextDecoder().decode(frame));

function setUp(open?: () => Promise<FakeSocket>) {
  const timer = new ManualTimer();
  const sockets: FakeSocket[] = [];
  const failed: { unacknowledged: string[]; reason: string | null; retryMs: number }[] = [];
  const link = new PeerLink({
    open: open ?? (() => Promise.resolve(sockets[sockets.length] = new FakeSocket())),
    timer,
    onFailed: (frames, reason, retryMs) => void failed.push({ unacknowledged: texts(frames), reason, retryMs }),
  });
  const send = (text: string) => {
    assert(link.isReady());
    link.send([utf8(text)], bundle);
  };
  /** A socket on which the peer has greeted. */
  const greeted = async () => {
    link.isReady();
    await timer.idle();
    const socket = sockets.at(-1)!;
    socket.opens();
    socket.gets("ack 0");
    return socket;
  };
  return { timer, sockets, failed, link, send, greeted };
}

Deno.test("a socket is used once the peer has greeted, and messages go one after another without waiting for an answer", async () => {
  const { link, sockets, timer, send } = setUp();
  assertEquals(link.isReady(), false);
  await timer.idle();
  sockets[0]!.opens();
  assertEquals(link.isReady(), false);
  sockets[0]!.gets("ack 0");
  for (const text of ["a", "b", "c"]) send(text);
  assertEquals([sockets[0]!.sent.length, sockets.length, sockets[0]!.binaryType], [3, 1, "arraybuffer"]);
});

Deno.test("a socket that opens and swallows costs nobody a message, and is tried ever more rarely", async () => {
  const { link, sockets, timer, failed } = setUp();
  const tried: number[] = [];
  for (let second = 0; second < 600; second++) {
    const before = sockets.length;
    link.isReady();
    await timer.idle();
    if (sockets.length > before) {
      tried.push(second);
      sockets.at(-1)!.opens();
    }
    await timer.advance(1_000);
  }
  assert(sockets.length < 18, `it was tried at ${tried}`);
  assertEquals(link.swallowed, failed.length);
  assertEquals(failed.every(({ unacknowledged, reason }) => unacknowledged.length === 0 && reason !== null), true);
});

Deno.test("one that stops delivering is found out within a second, and what it had not acknowledged is given back in order", async () => {
  const { link, timer, failed, send, greeted } = setUp();
  const socket = await greeted();
  for (const text of ["a", "b", "c", "d"]) send(text);
  socket.gets("ack 2");
  await timer.advance(250);
  assertEquals([failed, link.isOpen], [[], true]);
  await timer.advance(100);
  assertEquals(failed.map(({ unacknowledged }) => unacknowledged), [["c", "d"]]);
  assertEquals([link.isOpen, link.isReady(), link.swallowed, socket.closedWith], [false, false, 1, undefined]);
  socket.gets("ack 4"); // too late for anybody
  assertEquals(failed.length, 1);
});

Deno.test("one that acknowledges goes on for as long as it likes", async () => {
  const { timer, failed, send, greeted, link } = setUp();
  const socket = await greeted();
  for (let count = 1; count <= 100; count++) {
    send(`m${count}`);
    await timer.advance(200);
    socket.gets(`ack ${count}`);
  }
  await timer.advance(60_000);
  assertEquals([failed, link.isOpen], [[], true]);
});

Deno.test("what was under way on a socket that is closed is given back, without a reason to complain", async () => {
  const { failed, send, greeted } = setUp();
  const socket = await greeted();
  send("a");
  socket.ends();
  assertEquals(failed.map(({ unacknowledged, reason }) => [unacknowledged, reason]), [[["a"], null]]);
});

Deno.test("the next socket comes later each time, and soon after one that was good for long", async () => {
  const { timer, failed, greeted, link, sockets } = setUp();
  for (let i = 0; i < 8; i++) {
    (await greeted()).ends();
    await timer.advance(60_000);
  }
  const waits = failed.map(({ retryMs }) => retryMs);
  for (const [i, ms] of waits.entries()) {
    const full = Math.min(60_000, 1_000 * 2 ** i);
    assert(ms <= full && ms >= full / 2, `${waits}`);
  }
  const good = await greeted();
  await timer.advance(31_000);
  good.ends();
  assert(failed.at(-1)!.retryMs <= 1_000);
  const count = sockets.length;
  assertEquals(link.isReady(), false);
  await timer.advance(1_000);
  link.isReady();
  await timer.idle();
  assertEquals(sockets.length, count + 1);
});

Deno.test("so much is under way and no more, until it is acknowledged", async () => {
  const { link, timer, greeted } = setUp();
  const socket = await greeted();
  const large = new Uint8Array(256 * 1024);
  for (let i = 0; i < 4; i++) link.send([large], large);
  assertEquals(link.isReady(), false);
  let hasRoom = false;
  const room = link.untilRoom().then(() => hasRoom = true);
  await timer.idle();
  assertEquals(hasRoom, false);
  socket.gets("ack 1");
  await room;
  assertEquals(link.isReady(), true);
});

Deno.test("a peer that acknowledges what was never sent, or takes an acknowledgement back, is given up", async () => {
  for (const lie of ["ack 3", "ack 0"]) {
    const { failed, send, greeted } = setUp();
    const socket = await greeted();
    send("a");
    socket.gets("ack 1");
    send("b");
    socket.gets(lie);
    assertEquals(failed.map(({ unacknowledged }) => unacknowledged), [["b"]], lie);
  }
});

Deno.test("what is no acknowledgement is ignored, and a busy peer is left alone for a moment", async () => {
  const { link, timer, failed, greeted } = setUp();
  const socket = await greeted();
  for (const data of ["202", "ack", "ack -1", "ack 1e3", new ArrayBuffer(3)]) socket.gets(data);
  assertEquals([failed, link.isBusy, link.isReady()], [[], false, true]);
  socket.gets("busy");
  assertEquals(link.isBusy, true);
  await timer.advance(200);
  assertEquals(link.isBusy, false);
});

Deno.test("where no socket can be opened it is tried ever more rarely", async () => {
  let tried = 0;
  const { link, timer } = setUp(() => (tried++, Promise.reject(new Error("no"))));
  for (let second = 0; second < 600; second++) {
    link.isReady();
    await timer.advance(1_000);
  }
  assert(tried > 5 && tried < 20, `tried ${tried} times`);
});

Deno.test("one that is closed says nothing of what was under way, and opens nothing any more", async () => {
  const { link, timer, failed, sockets, greeted, send } = setUp();
  const socket = await greeted();
  send("a");
  await link.close();
  await timer.advance(100_000);
  assertEquals([link.isReady(), failed, sockets.length, socket.closedWith], [false, [], 1, 1000]);
});

Deno.test("where acknowledgements take long, more patience is had; never a second", async () => {
  const { timer, failed, send, greeted } = setUp();
  const socket = await greeted();
  for (const [count, ms] of [200, 280, 500].entries()) {
    send("a");
    await timer.advance(ms);
    socket.gets(`ack ${count + 1}`);
  }
  assertEquals(failed, []);
  send("b");
  await timer.advance(850);
  assertEquals(failed, []);
  await timer.advance(100);
  assertEquals(failed.length, 1);
});

Deno.test("a timer that is late says nothing of the peer: what came meanwhile is heard first", async () => {
  const { timer, failed, send, greeted } = setUp();
  const socket = await greeted();
  send("a");
  const { monotonic } = timer;
  timer.monotonic = () => monotonic.call(timer) + 5_000; // this process stood still
  await timer.advance(310);
  assertEquals(failed, []);
  socket.gets("ack 1");
  await timer.advance(1_000);
  assertEquals(failed, []);
});
