/** Upgrades on real connections: a stranger's, and half ones. */
import { assertEquals } from "@std/assert";
import { Membership } from "../../src/http/mod.ts";
import { serve } from "../../src/runtime/deno.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { genesisOf, keyPairOf, NAMES } from "../node/_cluster.ts";
import { eventually } from "../tools/eventually.ts";
import { RawConnection } from "./raw_connection.ts";
import { serveOne } from "./served.ts";

const KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const WHOLE = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", KEY];

function without(start: string): readonly string[] {
  return WHOLE.filter((header) => !header.startsWith(start));
}

const CASES: readonly [what: string, headers: readonly string[], status: number, start?: string][] = [
  ["of a stranger", WHOLE, 401],
  ["of a stranger that says it is a member", [...WHOLE, `pbft-member: 0 1 ${"0".repeat(64)} ${"A".repeat(43)}`], 401],
  ["with a header of a member that is none", [...WHOLE, "pbft-member: 99999999 x"], 401],
  ["without Connection", without("Connection"), 400],
  ["without Upgrade", without("Upgrade"), 405],
  ["without a version", without("Sec-WebSocket-Version"), 400],
  ["of an old version", [...without("Sec-WebSocket-Version"), "Sec-WebSocket-Version: 8"], 400],
  ["without a key", without("Sec-WebSocket-Key"), 400],
  ["with a short key", [...without("Sec-WebSocket-Key"), "Sec-WebSocket-Key: AAAA"], 400],
  ["to another protocol", [...without("Upgrade"), "Upgrade: h2c"], 405],
  ["by POST", [...WHOLE, "Content-Length: 0"], 400, "POST /messages HTTP/1.1"],
  ["elsewhere", WHOLE, 404, "GET /elsewhere HTTP/1.1"],
  ["at a route that has no sockets", WHOLE, 405, "GET /requests HTTP/1.1"],
  ["in a body", [...WHOLE, "Content-Length: 3"], 400],
];

Deno.test("a stranger's upgrade, complete or not, opens no socket and is not an internal error", async () => {
  const defects: Error[] = [];
  await using replica = await serveOne({ onInternalError: (error) => void defects.push(error) });
  const { host } = new URL(replica.url);
  for (const [what, headers, status, start = "GET /messages HTTP/1.1"] of CASES) {
    using connection = await RawConnection.open(replica.url);
    const tail = what === "in a body" ? "abc" : "";
    await connection.send([start, `Host: ${host}`, ...headers, "", tail].join("\r\n"));
    assertEquals(await connection.status(), status, what);
  }
  assertEquals(defects, []);
});

Deno.test("a thousand upgrades of a stranger with unfinished messages hold no memory", async () => {
  await using replica = await serveOne();
  const { host } = new URL(replica.url);
  const request = ["GET /messages HTTP/1.1", `Host: ${host}`, ...WHOLE, "", ""].join("\r\n");
  const before = Deno.memoryUsage().rss;
  for (let i = 0; i < 1_000; i++) {
    using connection = await RawConnection.open(replica.url);
    await connection.send(request);
    assertEquals(await connection.status(), 401);
    // The start of a binary message of 60 MB, of which no end comes.
    await connection.send(
      Uint8Array.of(0x02, 0xff, 0, 0, 0, 0, 3, 0x93, 0x87, 0, 0, 0, 0, 0, ...new Uint8Array(4_096)),
    );
  }
  assertEquals(await (await fetch(`${replica.url}/healthz`)).text(), "alive\n");
  assertEquals(Deno.memoryUsage().rss - before < 100e6, true);
});

Deno.test("a member that never finishes a message, and gives no sign of life, is cut off", async () => {
  const genesis = genesisOf(4);
  const urls = Object.fromEntries(NAMES.map((name, i) => [name, `http://127.0.0.1:${i + 2}`]));
  const replica = await serve({
    cluster: { genesis, urls },
    self: "Apple",
    privateKey: keyPairOf(1).privateKey,
    store: new MemoryStore(),
    start: "new",
    hostname: "127.0.0.1",
    port: 0,
  });
  try {
    const ball = new Membership({ genesis, self: 1, privateKey: keyPairOf(2).privateKey } as never);
    const { host } = new URL(replica.url);
    const open = async (connection: RawConnection) => {
      const proof = `pbft-member: ${await ball.prove(0 as never, "socket")}`;
      await connection.send(["GET /messages HTTP/1.1", `Host: ${host}`, ...WHOLE, proof, "", ""].join("\r\n"));
      return await connection.status();
    };
    using connection = await RawConnection.open(replica.url);
    assertEquals(await open(connection), 101);
    // The beginning of a binary message, and parts of it that are never the last one.
    const [first, next] = [Uint8Array.of(0x02, 0x81, 0, 0, 0, 0, 1), Uint8Array.of(0x00, 0x81, 0, 0, 0, 0, 1)];
    let isOpen = await connection.send(first);
    await eventually("the socket is cut", async () => !(isOpen &&= await connection.send(next)), 30_000);
    using again = await RawConnection.open(replica.url);
    assertEquals(await open(again), 429);
  } finally {
    await replica.close();
  }
});
