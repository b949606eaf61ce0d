import { assertEquals } from "@std/assert";
import { Hono } from "hono";
import { addressFromHeader, CLIENT_ROUTES, type MiddlewareContext, rateLimit } from "../../src/http/mod.ts";
import { ManualTimer } from "../client/manual_timer.ts";
import { harness, problemOf } from "./helpers.ts";

const addressLimit = { perSecond: 2, burst: 3 };
let port = 1024;
const deno = (hostname: string) => ({ remoteAddr: { transport: "tcp", hostname, port: port++ } });

function statusAt(path: string, headers: HeadersInit = {}): Request {
  return new Request(`http://a.test${path}`, { headers });
}

Deno.test("one address is limited, and others are not affected", async () => {
  const { app, timer } = harness({ addressLimit, readers: "everybody" });
  const ask = (address: string) => Promise.resolve(app.fetch(statusAt("/status"), deno(address)));
  for (let i = 0; i < 3; i++) assertEquals((await ask("203.0.113.7")).status, 200);
  const refused = await ask("203.0.113.7");
  assertEquals(refused.headers.get("retry-after"), "1");
  const { detail } = await problemOf(refused, 429, "too-many-requests");
  assertEquals(
    detail,
    `rate limit exceeded: at most ${addressLimit.perSecond} requests per second from one address; retry after 1 s`,
  );
  assertEquals((await ask("203.0.113.8")).status, 200);
  timer.advance(500);
  assertEquals((await ask("203.0.113.7")).status, 200);
});

Deno.test("all addresses of an IPv6 /64 network share one limit", async () => {
  const { app } = harness({ addressLimit, readers: "everybody" });
  const statuses: number[] = [];
  for (const end of [1, 2, 3, 4]) {
    statuses.push((await app.fetch(statusAt("/status"), deno(`2001:db8:0:5::${end}`))).status);
  }
  assertEquals(statuses, [200, 200, 200, 429]);
});

Deno.test("X-Forwarded-For is ignored unless the host is configured to be behind a proxy", async () => {
  const asked = async (address?: ReturnType<typeof addressFromHeader>) => {
    const { app } = harness({ addressLimit, readers: "everybody", ...(address && { address }) });
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) {
      const request = statusAt("/status", { "x-forwarded-for": `10.0.0.${i}, 203.0.113.${i}` });
      statuses.push((await app.fetch(request, deno("192.0.2.1"))).status);
    }
    return statuses;
  };
  assertEquals(await asked(), [200, 200, 200, 429]);
  assertEquals(await asked(addressFromHeader("x-forwarded-for")), [200, 200, 200, 200]);
});

Deno.test("all callers with an unknown address share one limit", async () => {
  const { app } = harness({ addressLimit, readers: "everybody" });
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) statuses.push((await app.fetch(statusAt("/status"))).status);
  assertEquals(statuses, [200, 200, 200, 429]);
});

Deno.test("the routes of clients are limited together, those of members and of the operator are not", async () => {
  const { app } = harness({ addressLimit, readers: "everybody" });
  for (const path of ["/status", "/evidence", "/req"]) await app.fetch(statusAt(path), deno("192.0.2.1"));
  for (const path of CLIENT_ROUTES) {
    assertEquals((await app.fetch(statusAt(path), deno("192.0.2.1"))).status, 429, path);
  }
  for (const path of ["/messages", "/prepare", "/healthz", "/readyz", "/metrics"]) {
    const { status } = await app.fetch(statusAt(path), deno("192.0.2.1"));
    assertEquals(status === 200 || status === 405, true, path);
  }
});

Deno.test("the middleware works in the host's own app", async () => {
  const app = new Hono();
  const keyOf = (c: MiddlewareContext) => c.req.header("x-api-key");
  app.use(rateLimit({ limit: { perSecond: 1, burst: 1 }, keyOf, timer: new ManualTimer() }));
  app.get("/", (c) => c.text("hello"));
  const ask = async (key: string) => (await app.request("/", { headers: { "x-api-key": key } })).status;
  assertEquals([await ask("a"), await ask("a"), await ask("b")], [200, 429, 200]);
});
