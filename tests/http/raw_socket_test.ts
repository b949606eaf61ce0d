/** Sockets to members that lie, by real connections. */
import { assert, assertEquals } from "@std/assert";
import { RawSocket } from "../../src/http/connections/raw_socket.ts";
import { systemTimer } from "../../src/runtime/host/system_timer.ts";
import { eventually } from "../tools/eventually.ts";

const encoder = new TextEncoder();
const UPGRADED = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

/** A socket to this port, and what has come on it. */
function open(port: number, headers: Readonly<Record<string, string>> = {}) {
  const socket = new RawSocket(`ws://127.0.0.1:${port}/messages?a=1`, headers, {
    connect: ({ hostname, port }) => Deno.connect({ hostname, port: Number(port) }),
    timer: systemTimer(),
  });
  const seen = { texts: [] as unknown[], opened: 0, closed: 0 };
  socket.onopen = () => seen.opened++;
  socket.onmessage = ({ data }) => seen.texts.push(data);
  socket.onclose = () => seen.closed++;
  const closed = () => eventually("the socket is closed", () => seen.closed > 0, 10_000);
  return { socket, seen, closed };
}

/** A server that takes sockets as Deno does. */
function serve() {
  const received: Uint8Array[] = [];
  const requests: { readonly path: string; readonly proof: string | null }[] = [];
  const sockets: WebSocket[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    requests.push({ path: new URL(request.url).pathname, proof: request.headers.get("pbft-member") });
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 1 });
    socket.binaryType = "arraybuffer";
    socket.onopen = () => ["ack 0", "x".repeat(125)].forEach((text) => socket.send(text));
    socket.onmessage = ({ data }) => received.push(new Uint8Array(data));
    sockets.push(socket);
    return response;
  });
  return { port: server.addr.port, received, requests, sockets, [Symbol.asyncDispose]: () => server.shutdown() };
}

Deno.test("messages of each length arrive whole and in order, texts come back, and pings are answered", async () => {
  await using server = serve();
  const { socket, seen, closed } = open(server.port, { "pbft-member": "me" });
  socket.send(new Uint8Array(1)); // it is not open yet
  await eventually("it is open", () => seen.texts.length === 2, 10_000);
  assertEquals([seen.texts[0], socket.readyState, seen.opened], ["ack 0", 1, 1]);
  assertEquals(server.requests, [{ path: "/messages", proof: "me" }]);
  const lengths = [0, 1, 2, 3, 125, 126, 127, 65_535, 65_536, 1_310_720, 5];
  const messages = lengths.map((length) => Uint8Array.from({ length }, (_, i) => (i * 7 + length) % 251));
  for (const message of messages) socket.send(message);
  await eventually("all have arrived", () => server.received.length === lengths.length, 20_000);
  for (const [i, message] of messages.entries()) {
    assert(
      message.every((byte, at) => byte === server.received[i]![at]) && message.length === server.received[i]!.length,
    );
  }
  // The server pings after a second, and cuts after another one without an answer.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assertEquals([socket.readyState, seen.closed], [1, 0]);
  socket.close(1000);
  assertEquals(socket.readyState, 2);
  await closed();
  assertEquals([socket.readyState, seen.closed], [3, 1]);
});

Deno.test("a socket that the server closes is closed, and one that is closed before it is open never opens", async () => {
  await using server = serve();
  const { seen, closed } = open(server.port);
  await eventually("it is open", () => seen.texts.length === 2, 10_000);
  server.sockets[0]!.close();
  await closed();
  const early = open(server.port);
  early.socket.close();
  await early.closed();
  assertEquals([early.seen.opened, early.seen.closed], [0, 1]);
});

/** A frame of a server. */
function frame(first: number, length: number): Uint8Array {
  return length < 126
    ? Uint8Array.of(first, length, ...new Uint8Array(length))
    : Uint8Array.of(first, 127, ...new Uint8Array(8));
}

const LIES: readonly [what: string, first: string, more: Uint8Array][] = [
  ["acknowledgements without end", UPGRADED, frame(0x81, 5)],
  ["pongs without end", UPGRADED, frame(0x8a, 0)],
  ["pings without end", UPGRADED, frame(0x89, 125)],
  ["a part of a message", UPGRADED, frame(0x01, 100)],
  ["parts of a message", UPGRADED, frame(0x00, 0)],
  ["a long message", UPGRADED, frame(0x81, 1_000)],
  ["a compressed message", UPGRADED, frame(0xc1, 10)],
  ["a masked message", UPGRADED, frame(0x81, 0x80)],
  ["frames of no known kind", UPGRADED, frame(0x83, 0)],
  ["interim answers without end", "", encoder.encode("HTTP/1.1 103 Early Hints\r\n\r\n")],
  ["headers without end", "HTTP/1.1 101 Switching\r\n", encoder.encode(`X: ${"a".repeat(1_000)}\r\n`)],
  ["another status", "", encoder.encode("HTTP/1.1 200 OK\r\n\r\n")],
];

for (const [what, first, more] of LIES) {
  Deno.test(`a member that answers with ${what} is cut off`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { seen, closed } = open(listener.addr.port);
    using connection = await listener.accept();
    await connection.read(new Uint8Array(4_096));
    const lie = async () => {
      await connection.write(encoder.encode(first));
      const bytes = new Uint8Array(Math.ceil(8_192 / more.length) * more.length);
      for (let at = 0; at < bytes.length; at += more.length) bytes.set(more, at);
      for (;;) await connection.write(bytes);
    };
    const lying = lie().catch(() => {});
    await closed();
    await lying; // it can write no more
    assert(seen.texts.length <= 2_000, `${seen.texts.length} texts`);
  });
}
