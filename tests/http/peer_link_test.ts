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

Deno.test("a socket is used after the first acknowledgement, and messages are sent without waiting for responses", async () => {
  const { link, sockets, timer, send } = setUp();
  assertEquals(link.isReady(), false);
  await timer.idle();
  sockets[0]!.opens();
  assertEquals(link.isReady(), false);
  sockets[0]!.gets("ack 0");
  for (const text of ["a", "b", "c"]) send(text);
  assertEquals([sockets[0]!.sent.length, sockets.length, sockets[0]!.binaryType], [3, 1, "arraybuffer"]);
});

Deno.test("a socket that the peer does not even open is tried again after half a minute at the earliest", async () => {
  const { link, sockets, timer, failed } = setUp();
  for (let second = 0; second < 300; second++) {
    link.isReady();
    await timer.advance(1_000);
  }
  assert(sockets.length >= 4 && sockets.length <= 9, `${sockets.length} sockets`);
  for (const [i, { reason, retryMs }] of failed.entries()) {
    assertEquals(reason, `the peer has not opened the socket for ${i === 0 ? 5_000 : 1_500} ms`);
    assert(retryMs >= 30_000, `${retryMs}`);
  }
});

Deno.test("a socket that opens but delivers nothing loses no message, and is retried with growing pauses", async () => {
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
  // With the shortest delays: each socket waits 5 s, and then 0.5, 1, 2, 4, 8, 16 and then each time 30 s pass.
  assert(sockets.length < 24, `it was tried at ${tried}`);
  assertEquals(link.silentFailures, failed.length);
  assertEquals(failed.every(({ unacknowledged, reason }) => unacknowledged.length === 0 && reason !== null), true);
});

Deno.test("a socket that stops delivering is noticed within a second, and its unacknowledged messages are given back in order", async () => {
  const { link, timer, failed, send, greeted } = setUp();
  const socket = await greeted();
  for (const text of ["a", "b", "c", "d"]) send(text);
  socket.gets("ack 2");
  await timer.advance(250);
  assertEquals([failed, link.isOpen], [[], true]);
  await timer.advance(100);
  assertEquals(failed.map(({ unacknowledged }) => unacknowledged), [["c", "d"]]);
  assertEquals([link.isOpen, link.isReady(), link.silentFailures, socket.closedWith], [false, false, 1, undefined]);
  socket.gets("ack 4"); // too late for anybody
  assertEquals(failed.length, 1);
});

Deno.test("a socket that acknowledges stays in use without a time limit", async () => {
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

Deno.test("messages in flight on a closed socket are given back, without a failure reason", async () => {
  const { failed, send, greeted } = setUp();
  const socket = await greeted();
  send("a");
  socket.ends();
  assertEquals(failed.map(({ unacknowledged, reason }) => [unacknowledged, reason]), [[["a"], null]]);
});

Deno.test("the pause before the next socket doubles, and is short after a socket that worked for long", async () => {
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

Deno.test("messages in flight are bounded until they are acknowledged", async () => {
  const { link, timer, greeted } = setUp();
  const socket = await greeted();
  const large = new Uint8Array(256 * 1024);
  for (let i = 0; i < 4; i++) link.send([large], large);
  assertEquals(link.isReady(), false);
  let hasRoom = false;
  const room = link.whenWritable().then(() => hasRoom = true);
  await timer.idle();
  assertEquals(hasRoom, false);
  socket.gets("ack 1");
  await room;
  assertEquals(link.isReady(), true);
});

Deno.test("a socket is dropped if the peer acknowledges unsent messages or takes an acknowledgement back", async () => {
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

Deno.test("other messages than acknowledgements are ignored, and a busy peer gets a short pause", async () => {
  const { link, timer, failed, greeted } = setUp();
  const socket = await greeted();
  for (const data of ["202", "ack", "ack -1", "ack 1e3", new ArrayBuffer(3)]) socket.gets(data);
  assertEquals([failed, link.isBusy, link.isReady()], [[], false, true]);
  socket.gets("busy");
  assertEquals(link.isBusy, true);
  await timer.advance(200);
  assertEquals(link.isBusy, false);
});

Deno.test("opening a socket is retried with growing pauses", async () => {
  let tried = 0;
  const { link, timer } = setUp(() => (tried++, Promise.reject(new Error("no"))));
  for (let second = 0; second < 600; second++) {
    link.isReady();
    await timer.advance(1_000);
  }
  // With the shortest delays: after 0.5, 1, 2, 4, 8, 16 and then each 30 s.
  assert(tried > 5 && tried < 28, `tried ${tried} times`);
});

Deno.test("a closed link does not report messages in flight, and opens no more sockets", async () => {
  const { link, timer, failed, sockets, greeted, send } = setUp();
  const socket = await greeted();
  send("a");
  await link.close();
  await timer.advance(100_000);
  assertEquals([link.isReady(), failed, sockets.length, socket.closedWith], [false, [], 1, 1000]);
});

Deno.test("the timeout grows with the time of acknowledgements, and stays below a second", async () => {
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

Deno.test("a socket that took long to open gets time for its first acknowledgement", async () => {
  const { link, sockets, timer, failed, send } = setUp();
  link.isReady();
  await timer.idle();
  sockets[0]!.opens();
  await timer.advance(500); // two round trips, as from one continent to another
  sockets[0]!.gets("ack 0");
  send("a");
  await timer.advance(350); // one round trip, and the receiver's delay
  sockets[0]!.gets("ack 1");
  assertEquals([failed, link.isOpen], [[], true]);
});

Deno.test("a slow link has time for large messages, and fails without them as early as any", async () => {
  const { link, timer, failed, greeted } = setUp();
  const socket = await greeted();
  const large = new Uint8Array(512 * 1024);
  link.send([large], large);
  await timer.advance(750);
  assertEquals(failed, []);
  socket.gets("ack 1");
  link.send([bundle], bundle);
  await timer.advance(910);
  assertEquals(failed.length, 1);
});

Deno.test("a late local timer does not fail the socket: acknowledgements that arrived are processed first", async () => {
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

Deno.test("a peer whose socket holds up this host before it is open is left alone for half a minute", async () => {
  const { link, timer, failed } = setUp();
  link.isReady();
  await timer.idle();
  for (let late = 0; late < 8; late++) {
    timer.sleep(250);
    await timer.advance(50);
  }
  assertEquals(failed.map(({ reason }) => reason), ["this host was held up while the peer was to open the socket"]);
  assert(failed[0]!.retryMs >= 30_000, `${failed[0]!.retryMs}`);
});

Deno.test("a peer that sends more than any correct one is dropped, whatever it sends, and left alone for half a minute", async () => {
  for (const message of ["ack 0", "busy", "x", new ArrayBuffer(1)]) {
    const { timer, failed, greeted } = setUp();
    const socket = await greeted();
    for (let second = 0; second < 5; second++) {
      for (let i = 0; i < 1_000; i++) socket.gets(message);
      await timer.advance(1_000);
    }
    assertEquals(failed, []);
    for (let i = 0; i < 3_000; i++) socket.gets(message);
    assertEquals(failed.map(({ reason }) => reason), ["the peer sent more than 2000 messages in a second"]);
    assert(failed[0]!.retryMs >= 30_000, `${failed[0]!.retryMs}`);
  }
});
