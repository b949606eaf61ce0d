import { assertEquals } from "@std/assert";
import type { ClientId } from "../../src/core/messages/ids.ts";
import type { SignedRequest, Verified } from "../../src/core/messages/messages.ts";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import { createApp } from "../../src/http/mod.ts";
import { ClientQuota } from "../../src/http/middleware/client_quota.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { ManualTimer } from "../client/manual_timer.ts";
import { FakeNode } from "./fake_node.ts";
import { problemOf } from "./helpers.ts";

class SmallNode extends FakeNode {
  override readonly genesis = {
    ...new FakeNode().genesis,
    limits: { ...DEFAULT_LIMITS, maxNames: 48, nameIdleMs: 600_000, maxSessions: 48, sessionIdleMs: 60_000 },
  };

  /** `client session` of open sessions; null: it can't tell. */
  open: ReadonlySet<string> | null = null;

  hasSession(client: ClientId, session: number): boolean | undefined {
    return this.open?.has(`${client} ${session}`);
  }

  /** The frame is `client session timestamp`. */
  override verifyRequest(frame: Uint8Array): Promise<Verified<SignedRequest>> {
    const [client, session, timestamp] = new TextDecoder().decode(frame).split(" ");
    const message = {
      kind: "request",
      client: client as ClientId,
      session: Number(session),
      timestamp: Number(timestamp),
      lowestUnanswered: 1,
      operations: [],
    };
    return Promise.resolve({ message, bytes: frame } as unknown as Verified<SignedRequest>);
  }
}

function setUp() {
  const timer = new ManualTimer();
  const node = new SmallNode();
  const app = createApp(node, { timer });
  const post = (path: string, type: string, body: BodyInit, hostname: string) => {
    const request = new Request(`http://127.0.0.1${path}`, { method: "POST", headers: { "content-type": type }, body });
    return Promise.resolve(app.fetch(request, { remoteAddr: { hostname } }));
  };
  const req = (clientID: string, from: string) =>
    post("/req", "application/json", JSON.stringify({ clientID, operation: "x" }), from);
  const request = (text: string, from: string) =>
    post("/requests", "application/cbor", utf8(text) as Uint8Array<ArrayBuffer>, from);
  return { timer, req, request, node };
}

/** How many of so many are let in. */
async function letIn(count: number, ask: (i: number) => Promise<Response>): Promise<number> {
  let taken = 0;
  for (let i = 0; i < count; i++) if ((await ask(i)).status === 200) taken++;
  return taken;
}

Deno.test("one address gets no more new names than its quota, others still get theirs, and known names are served", async () => {
  const { timer, req } = setUp();
  // A member lets in a quarter of 48; one address two thirds of that.
  assertEquals(await letIn(100, (i) => req(`flood ${i}`, "203.0.113.7")), 8);
  timer.advance(60_000);
  const refused = await req("one more", "203.0.113.7");
  assertEquals(refused.headers.get("retry-after"), "540");
  const { detail } = await problemOf(refused, 429, "too-many-clients");
  assertEquals(String(detail).includes("Try again in 540 s"), true, String(detail));
  assertEquals((await req("flood 3", "203.0.113.7")).status, 200);
  assertEquals((await req("flood 3", "203.0.113.9")).status, 200);
  assertEquals((await req("new", "203.0.113.8")).status, 200);
  timer.advance(240_000);
  assertEquals((await req("flood 0", "203.0.113.7")).status, 200);
  timer.advance(300_001);
  assertEquals((await req("flood again", "203.0.113.7")).status, 200);
});

Deno.test("an IPv6 /64 network shares one quota", async () => {
  const { req } = setUp();
  assertEquals(await letIn(100, (i) => req(`flood ${i}`, `2001:db8::${i.toString(16)}`)), 8);
  assertEquals((await req("new", "2001:db8:0:1::1")).status, 200);
});

Deno.test("one address opens no more sessions than its quota, and can use the open ones", async () => {
  const { timer, request } = setUp();
  assertEquals(await letIn(100, (i) => request(`key${i} 0 1`, "203.0.113.7")), 8);
  assertEquals(await letIn(20, (i) => request(`key0 0 ${i}`, "203.0.113.7")), 1);
  await problemOf(await request("other 0 1", "203.0.113.7"), 429, "too-many-clients");
  assertEquals((await request("other 0 1", "203.0.113.8")).status, 200);
  timer.advance(59_000);
  assertEquals((await request("key3 17 2", "203.0.113.7")).status, 200);
  timer.advance(1_001);
  assertEquals(await letIn(100, (i) => request(`late${i} 0 1`, "203.0.113.7")), 7);
});

Deno.test("one address has no more requests ordered of sessions that are not open than of new ones", async () => {
  const { timer, request, node } = setUp();
  node.open = new Set(["ada 5"]);
  assertEquals(await letIn(100, (i) => request(`key${i} ${1_000 + i} 1`, "203.0.113.7")), 8);
  await problemOf(await request("key100 1 1", "203.0.113.7"), 429, "too-many-clients");
  assertEquals((await request("key3 1003 2", "203.0.113.7")).status, 200);
  assertEquals((await request("ada 5 1", "203.0.113.7")).status, 200);
  assertEquals((await request("key100 1 1", "203.0.113.8")).status, 200);
  // It takes nothing from those that open sessions.
  assertEquals(await letIn(100, (i) => request(`new${i} 0 1`, "203.0.113.7")), 8);
  timer.advance(60_001);
  assertEquals((await request("key100 1 1", "203.0.113.7")).status, 200);
  node.open = null; // it is behind
  assertEquals(await letIn(100, (i) => request(`key${i} 7 1`, "203.0.113.7")), 100);
});

Deno.test("many addresses share the quota, and each later one gets some of it", () => {
  let now = 0;
  const newcomers = new ClientQuota({ max: 1_000, idleMs: 1_000, now: () => now });
  const flood = (network: string) => {
    let taken = 0;
    while (newcomers.use(network, `${network} ${taken}`, 0)) taken++;
    return taken;
  };
  assertEquals([flood("a"), flood("b"), flood("c"), flood("d")], [667, 222, 74, 25]);
  now = 1_000;
  assertEquals(flood("e"), 667);
});
