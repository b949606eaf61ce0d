/** Who may read what a replica says of itself, and by which names it may be called. */
import { assertEquals, assertThrows } from "@std/assert";
import { replicaId } from "../../src/core/messages/ids.ts";
import {
  addressFromHeader,
  type AppOptions,
  createApp,
  MEMBER_HEADER,
  Membership,
  READERS_ROUTES,
} from "../../src/http/mod.ts";
import { ManualTimer } from "../client/manual_timer.ts";
import { genesisOf, keyPairOf } from "../node/_cluster.ts";
import { FakeNode } from "./fake_node.ts";
import { problemOf } from "./helpers.ts";
import { serveOne } from "./served.ts";
import { RawConnection } from "./raw_connection.ts";

const genesis = genesisOf(4);
const TOKEN = "a-token-of-24-characters";

class Ball extends FakeNode {
  override readonly genesis = genesis;
}

function membershipOf(self: number): Membership {
  return new Membership({ genesis, self: replicaId(self), privateKey: keyPairOf(self + 1).privateKey });
}

/** Asks as if from an address. */
function asking(options: Partial<AppOptions> = {}) {
  const app = createApp(new Ball(), { timer: new ManualTimer(), membership: membershipOf(1), ...options });
  return (path: string, hostname: string, headers: HeadersInit = {}) => {
    const request = new Request(`http://127.0.0.1:1111${path}`, { headers: { host: "127.0.0.1:1111", ...headers } });
    return Promise.resolve(app.fetch(request, { remoteAddr: { hostname } }));
  };
}

async function statusOf(response: Promise<Response>): Promise<number> {
  const { status, body } = await response;
  await body?.cancel();
  return status;
}

Deno.test("by default a replica may be read from its own machine only, and its health from everywhere", async () => {
  const ask = asking();
  for (const path of READERS_ROUTES) {
    for (const local of ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"]) {
      assertEquals(await statusOf(ask(path, local)), 200, `${path} from ${local}`);
    }
    for (const other of ["203.0.113.7", "10.0.0.1", "2001:db8::1", "nonsense"]) {
      await problemOf(await ask(path, other), 403, "not-a-reader");
    }
  }
  for (const path of ["/healthz", "/readyz"]) assertEquals(await statusOf(ask(path, "203.0.113.7")), 200);
});

Deno.test("a request through a proxy on the same machine does not count as local", async () => {
  const ask = asking();
  for (const header of ["x-forwarded-for", "Forwarded", "via", "x-real-ip", "cf-connecting-ip"]) {
    await problemOf(await ask("/status", "127.0.0.1", { [header]: "127.0.0.1" }), 403, "not-a-reader");
  }
  const behind = asking({ address: addressFromHeader("x-forwarded-for") });
  const from = (address: string) => statusOf(behind("/status", "127.0.0.1", { "x-forwarded-for": address }));
  assertEquals([await from("203.0.113.7"), await from("127.0.0.1, 203.0.113.7"), await from("127.0.0.1")], [
    403,
    403,
    200,
  ]);
});

Deno.test("configured addresses, callers with the token, and members may read; a member's proof works once", async () => {
  const ask = asking({ readers: { addresses: ["203.0.113.7", "2001:db8:1:2::5"], token: TOKEN } });
  const status = (address: string, headers?: HeadersInit) => statusOf(ask("/metrics", address, headers));
  assertEquals(await status("203.0.113.7"), 200);
  assertEquals(await status("2001:db8:1:2::77"), 200);
  assertEquals(await status("203.0.113.8"), 403);
  assertEquals(await status("203.0.113.8", { authorization: `Bearer ${TOKEN}` }), 200);
  assertEquals(await status("203.0.113.8", { authorization: `Bearer ${TOKEN}x` }), 403);
  assertEquals((await ask("/metrics", "203.0.113.8")).headers.get("www-authenticate"), "Bearer");
  const proof = await membershipOf(2).prove(replicaId(1), "read");
  assertEquals(await status("203.0.113.8", { [MEMBER_HEADER]: proof }), 200);
  assertEquals(await status("203.0.113.8", { [MEMBER_HEADER]: proof }), 403);
});

Deno.test("everybody may read if that is configured", async () => {
  assertEquals(await statusOf(asking({ readers: "everybody" })("/status", "203.0.113.7")), 200);
});

Deno.test("invalid readers are an error that does not repeat the token", () => {
  const error = assertThrows(() => asking({ readers: { token: "short" } }), TypeError, "readers.token");
  assertEquals(error.message.includes("short,"), false);
  assertThrows(() => asking({ readers: { addresses: ["example.com"] } }), TypeError, "readers.addresses");
});

Deno.test("from its own machine and network a replica may be called by its own names only", async () => {
  const ask = asking({ urls: { Ball: "http://ball.example:1112" }, hosts: ["metrics.internal"], readers: "everybody" });
  const right = [
    "127.0.0.1:1111",
    "[::1]:1111",
    "192.168.1.5",
    "localhost:1111",
    "ball.localhost",
    "BALL.example.",
    "metrics.internal:9",
  ];
  for (const from of ["127.0.0.1", "::1", "192.168.1.9", "10.1.1.1", "fd00::1"]) {
    for (const host of right) assertEquals(await statusOf(ask("/status", from, { host })), 200, host);
    for (const host of ["evil.example", "127.0.0.1.evil.example:1111", "localhost.evil.example", "x"]) {
      for (const path of ["/status", "/healthz", "/req", "/nowhere"]) {
        assertEquals(await statusOf(ask(path, from, { host })), 421, `${host} ${path}`);
      }
    }
  }
  assertEquals(await statusOf(ask("/status", "203.0.113.7", { host: "evil.example" })), 200);
  assertEquals(await statusOf(asking({ hosts: ["*"] })("/status", "127.0.0.1", { host: "evil.example" })), 200);
});

Deno.test("a served replica refuses a web page whose host name resolves to it (DNS rebinding)", async () => {
  await using replica = await serveOne();
  const asked = async (host: string) => {
    using connection = await RawConnection.open(replica.url);
    await connection.send(`GET /status HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    return await connection.status();
  };
  assertEquals([await asked("evil.example"), await asked("localhost"), await asked("127.0.0.1:1")], [421, 200, 200]);
  // A target with a host of its own, as proxies get it.
  for (const [target, host, expected] of [["evil.example", "localhost", 421], ["localhost", "localhost:1", 200]]) {
    using connection = await RawConnection.open(replica.url);
    await connection.send(`GET http://${target}/status HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assertEquals(await connection.status(), expected, String(target));
  }
});
