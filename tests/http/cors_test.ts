import { assertEquals } from "@std/assert";
import { type AppOptions, CLIENT_ROUTES } from "../../src/http/mod.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { harness, postJson } from "./helpers.ts";

const ORIGIN = "https://app.example";

function preflight(options: Partial<AppOptions>, path: string, origin = ORIGIN) {
  const headers = {
    origin,
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type,x-other",
  };
  return harness(options).app.request(path, { method: "OPTIONS", headers });
}

Deno.test("by default no page of another origin may call the replica", async () => {
  for (const path of [...CLIENT_ROUTES, "/messages", "/metrics"]) {
    const answer = await preflight({}, path);
    assertEquals([answer.status, answer.headers.get("access-control-allow-origin")], [405, null], path);
  }
});

Deno.test("a page of a configured origin gets the allowed methods and their cache time", async () => {
  for (const path of CLIENT_ROUTES) {
    const { status, headers } = await preflight({ corsOrigins: [ORIGIN, "https://b.example"] }, path);
    assertEquals(status, 204);
    const said = ["allow-origin", "allow-methods", "allow-headers", "max-age", "allow-credentials"];
    assertEquals(said.map((name) => headers.get(`access-control-${name}`)), [
      ORIGIN,
      "GET,POST",
      "content-type",
      "600",
      null,
    ]);
    assertEquals(headers.get("vary")?.toLowerCase().includes("origin"), true);
  }
});

Deno.test("members' and operators' routes allow no origin, whatever is configured", async () => {
  for (const path of ["/messages", "/preprepare", "/prepare", "/commit", "/reply", "/metrics", "/healthz", "/readyz"]) {
    const { headers } = await preflight({ corsOrigins: ["*"] }, path);
    assertEquals(headers.get("access-control-allow-origin"), null, path);
  }
});

Deno.test("a page of another origin can't read the answer", async () => {
  const { headers } = await preflight({ corsOrigins: [ORIGIN] }, "/requests", "https://evil.example");
  assertEquals(headers.get("access-control-allow-origin"), null);
});

Deno.test("all origins are allowed if that is configured", async () => {
  assertEquals((await preflight({ corsOrigins: ["*"] }, "/req")).headers.get("access-control-allow-origin"), "*");
});

Deno.test("a page may read the answer, and on a refusal the reason and Retry-After", async () => {
  const { app } = harness({ corsOrigins: [ORIGIN], addressLimit: { perSecond: 1, burst: 2 } });
  const ask = (path: string, body: BodyInit, type: string) =>
    app.request(path, { method: "POST", headers: { origin: ORIGIN, "content-type": type }, body });
  const answers = [
    await ask("/requests", utf8("request"), "application/cbor"),
    await ask("/requests", "x", "text/plain"),
    await ask("/requests", utf8("request"), "application/cbor"),
  ];
  assertEquals(answers.map(({ status }) => status), [200, 415, 429]);
  for (const { headers } of answers) {
    assertEquals(headers.get("access-control-allow-origin"), ORIGIN);
    assertEquals(headers.get("access-control-expose-headers"), "retry-after");
  }
});

Deno.test("a form on another site can't submit to a gateway: it would need a preflight", async () => {
  const { app, node } = harness();
  const forms = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"];
  for (const type of forms) {
    const headers = { origin: "https://evil.example", "content-type": type };
    const body = `{"clientID":"ada","operation":"GET a"}`;
    assertEquals((await app.request("/req", { method: "POST", headers, body })).status, 415);
  }
  assertEquals(node.vouched, []);
  assertEquals((await postJson(app, "/req", { clientID: "ada", operation: "GET a" })).status, 200);
});
