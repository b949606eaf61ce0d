/** Upgrades on real connections: a stranger's, and half ones. */
import { assertEquals } from "@std/assert";
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
