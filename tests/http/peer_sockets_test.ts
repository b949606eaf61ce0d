import { assertEquals } from "@std/assert";
import type { AppOptions } from "../../src/http/mod.ts";
import { MAX_SOCKET_BYTES } from "../../src/http/peer_socket.ts";
import type { Digest } from "../../src/core/ids.ts";
import { encodeBundle, utf8 } from "../../src/wire/mod.ts";
import { CLUSTER } from "./fake_node.ts";
import { FakeSocket } from "./fake_socket.ts";
import { harness, problemOf } from "./helpers.ts";

const vote = encodeBundle(CLUSTER, [utf8("vote")]).slice().buffer;

/** An app, and sockets that are opened at it. */
function setUp(options: Partial<AppOptions> = {}) {
  const sockets: FakeSocket[] = [];
  const upgradeWebSocket = () => {
    const socket = new FakeSocket();
    socket.opens();
    sockets.push(socket);
    return { socket, response: new Response(null, { status: 200 }) }; // 101 can't be made by hand
  };
  const it = harness({ upgradeWebSocket, ...options });
  const open = async () => await it.app.request("/messages", { headers: { upgrade: "websocket" } });
  return { ...it, sockets, open };
}

/** What was sent on a socket once everything that can go on without more input has. */
async function sent(socket: FakeSocket): Promise<readonly unknown[]> {
  for (let turn = 0; turn < 20; turn++) await null;
  return socket.sent;
}

Deno.test("each bundle on a socket goes to the node, and is answered by the status that a POST would get", async () => {
  const { sockets: [socket], node } = await opened();
  node.onReceive = () => null;
  socket!.gets(vote);
  assertEquals([await sent(socket!), node.received], [["202"], [{ frames: [utf8("vote")], accept: undefined }]]);
  node.onReceive = () => ({ reason: "overloaded", kind: "prepare", detail: "for a test" });
  socket!.gets(vote);
  assertEquals(await sent(socket!), ["202", "429"]);
});

Deno.test("a second bundle before the first is answered closes the socket", async () => {
  const { sockets: [socket], node } = await opened();
  socket!.gets(vote);
  socket!.gets(vote);
  assertEquals([socket!.closedWith, node.received.length], [1008, 1]);
  await sent(socket!);
});

async function opened() {
  const it = setUp();
  await it.open();
  return it;
}

for (
  const [what, data, code] of [
    ["text", "vote", 1003],
    ["a bundle that is too large", new ArrayBuffer(MAX_SOCKET_BYTES + 1), 1009],
  ] as const
) {
  Deno.test(`${what} closes the socket`, async () => {
    const { sockets: [socket], node } = await opened();
    socket!.gets(data);
    assertEquals([socket!.closedWith, node.received], [code, []]);
  });
}

Deno.test("malformed and foreign bundles are answered, and change nothing", async () => {
  const { sockets: [socket], node } = await opened();
  socket!.gets(utf8("garbage").buffer);
  assertEquals(await sent(socket!), ["400"]);
  socket!.gets(encodeBundle("f".repeat(64) as Digest, [utf8("vote")]).slice().buffer);
  assertEquals([await sent(socket!), node.received], [["400", "403"], []]);
});

Deno.test("a GET that is not for a socket, or where sockets are not offered, is told 405", async () => {
  const { app } = setUp();
  await problemOf(await app.request("/messages"), 405, "method-not-allowed");
  const without = harness();
  const response = await without.app.request("/messages", { headers: { upgrade: "websocket" } });
  assertEquals(response.headers.get("allow"), "POST");
  await problemOf(response, 405, "method-not-allowed");
});

Deno.test("so many sockets and no more; one that is closed makes room", async () => {
  const { sockets, open } = setUp();
  for (let i = 0; i < 256; i++) assertEquals((await open()).status, 200);
  await problemOf(await open(), 429, "overloaded");
  sockets[7]!.ends();
  assertEquals((await open()).status, 200);
});

Deno.test("when the replica closes so do its sockets", async () => {
  const controller = new AbortController();
  const it = setUp({ signal: controller.signal });
  await it.open();
  controller.abort();
  assertEquals(it.sockets[0]!.closedWith, 1001);
});

Deno.test("a page in a browser, which names its origin, gets no socket", async () => {
  const { app, sockets } = setUp({ corsOrigins: ["*"] });
  const headers = { upgrade: "websocket", origin: "https://evil.example" };
  await problemOf(await app.request("/messages", { headers }), 400, "not-accepted-here");
  assertEquals(sockets, []);
});
