import { replicaId } from "../../src/core/messages/ids.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Hono } from "hono";
import { utf8 } from "../../src/wire/mod.ts";
import { chunked, harness, post, postJson, problemOf } from "./helpers.ts";

const POST_ROUTES = ["/req", "/preprepare", "/prepare", "/commit", "/reply", "/messages", "/requests", "/queries"];
const GET_ROUTES = ["/status", "/evidence", "/openapi.json", "/healthz", "/readyz", "/metrics", "/events"];
const MAX_BYTES = 8 * 1024 * 1024;

Deno.test("an unknown path gets 404 and the list of routes", async () => {
  const { app } = harness();
  const problem = await problemOf(await app.request("/nowhere"), 404, "not-found");
  const others = ["/watch", "/epochs", "/epochs/approvals", "/epochs/state", "/snapshot", "/snapshot/blobs"];
  assertEquals([...problem.routes as string[]].sort(), [...POST_ROUTES, ...GET_ROUTES, ...others].sort());
  assertEquals(problem.detail, "no such route: GET /nowhere; the field routes lists those that exist");
});

for (const path of POST_ROUTES) {
  for (const method of ["GET", "HEAD", "PUT", "DELETE", "PATCH"]) {
    Deno.test(`${method} ${path} gets 405 and is told to POST`, async () => {
      const response = await harness().app.request(path, { method });
      assertEquals([response.status, response.headers.get("allow")], [405, "POST"]);
      if (method !== "HEAD") await problemOf(response, 405, "method-not-allowed");
    });
  }

  const type = path === "/req" ? "application/json" : "application/cbor";

  Deno.test(`${path} accepts ${type} only`, async () => {
    const { app } = harness();
    for (const wrong of ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""]) {
      const problem = await problemOf(await post(app, path, "{}", wrong), 415, "unsupported-media-type");
      assertEquals([problem.field, problem.expected], ["content-type", type]);
    }
  });

  Deno.test(`${path} refuses a compressed body`, async () => {
    const headers = { "content-type": type, "content-encoding": "gzip" };
    const response = await harness().app.request(path, { method: "POST", headers, body: "{}" });
    assertEquals((await problemOf(response, 415, "unsupported-media-type")).field, "content-encoding");
  });

  Deno.test(`${path} refuses 10 MB by its content-length, without reading it`, async () => {
    const { stream, state } = chunked(10, 1_000_000);
    const headers = { "content-type": type, "content-length": "10000000" };
    const response = await harness().app.request(path, { method: "POST", headers, body: stream });
    await problemOf(response, 413, "too-large");
    assertEquals(state, { read: 0, cancelled: true });
  });

  Deno.test(`${path} stops reading a body without content-length at its limit`, async () => {
    const { stream, state } = chunked(1_000, 1_000_000);
    const response = await harness().app.request(path, {
      method: "POST",
      headers: { "content-type": type },
      body: stream,
    });
    await problemOf(response, 413, "too-large");
    assert(state.cancelled && state.read * 1_000_000 <= MAX_BYTES + 1_000_000, `${state.read} MB were read`);
  });

  Deno.test(`${path} enforces its limit when the content-length is too small`, async () => {
    const headers = { "content-type": type, "content-length": "5" };
    const body = new Uint8Array(MAX_BYTES + 1);
    await problemOf(await harness().app.request(path, { method: "POST", headers, body }), 413, "too-large");
  });

  Deno.test(`${path} answers 408 to a body that does not arrive`, async () => {
    const { app, timer } = harness({ bodyTimeoutMs: 500 });
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>();
    const pending = Promise.resolve(
      app.request(path, { method: "POST", headers: { "content-type": type }, body: stream }),
    );
    while (timer.pending === 0) await timer.turn();
    timer.advance(500);
    await problemOf(await pending, 408, "body-timeout");
  });

  Deno.test(`${path} answers 408 to a body that announces its length and does not arrive`, async () => {
    const { app, timer } = harness({ bodyTimeoutMs: 500 });
    const headers = { "content-type": type, "content-length": "1000" };
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>();
    const pending = Promise.resolve(app.request(path, { method: "POST", headers, body: stream }));
    while (timer.pending === 0) await timer.turn();
    timer.advance(500);
    await problemOf(await pending, 408, "body-timeout");
  });

  Deno.test(`${path} answers 400 to a body that ends early`, async () => {
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => controller.error(new Error("the peer is gone")),
    });
    const response = await harness().app.request(path, {
      method: "POST",
      headers: { "content-type": type },
      body: stream,
    });
    assertEquals((await problemOf(response, 400, "malformed")).field, "body");
  });
}

for (const path of GET_ROUTES) {
  Deno.test(`POST ${path} gets 405 and is told to GET`, async () => {
    const response = await harness().app.request(path, { method: "POST", body: "x" });
    assertEquals(response.headers.get("allow"), "GET, HEAD");
    await problemOf(response, 405, "method-not-allowed");
  });
}

Deno.test("the total of bodies being read is bounded", async () => {
  const { app } = harness({ maxHeldBytes: 1_000 });
  const { stream } = chunked(1, 800);
  // This one holds 800 bytes for ever.
  const [held, rest] = stream.tee();
  void rest;
  const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: async (controller) => {
      for await (const chunk of held) controller.enqueue(chunk as Uint8Array<ArrayBuffer>);
    },
  });
  const first = Promise.resolve(
    app.request("/prepare", { method: "POST", headers: { "content-type": "application/cbor" }, body: endless }),
  );
  void first;
  await new Promise<void>((resolve) => setTimeout(resolve, 0));
  await problemOf(await post(app, "/prepare", new Uint8Array(300)), 429, "overloaded");
  assertEquals((await post(app, "/prepare", new Uint8Array(100))).status, 202);
});

for (
  const [title, path, status] of [["an unknown path", "/nowhere", 404], ["a wrong method", "/status", 405]] as const
) {
  Deno.test(`a body sent to ${title} is read, up to a bound, so that the connection can be reused`, async () => {
    const { app } = harness();
    const small = chunked(3, 1_000);
    assertEquals((await app.request(path, { method: "POST", body: small.stream })).status, status);
    assertEquals(small.state.read, 3);
    const large = chunked(1_000, 10_000);
    assertEquals((await app.request(path, { method: "POST", body: large.stream })).status, status);
    assert(large.state.cancelled && large.state.read < 10, `${large.state.read} chunks were read`);
  });
}

Deno.test("a body of an unwanted type is read too", async () => {
  const { app } = harness();
  const { stream, state } = chunked(3, 1_000);
  const response = await app.request("/req", {
    method: "POST",
    headers: { "content-type": "text/plain" },
    body: stream,
  });
  assertEquals([response.status, state.read], [415, 3]);
});

Deno.test("/healthz says that the process is alive, whatever the state", async () => {
  const { app, node } = harness();
  node.overrides = { halted: "a test" };
  assertEquals((await app.request("/healthz")).status, 200);
});

Deno.test("/readyz is 503 while no view has started, or no quorum in the same view is in reach", async () => {
  const { app, node } = harness();
  const { replica } = node.status();
  const why = async () => (await problemOf(await app.request("/readyz"), 503, "unavailable")).detail;
  node.overrides = { replica: { ...replica, active: false } };
  assertEquals(await why(), "the replica waits for view 4 to start");
  node.overrides = { inReach: [replicaId(3)] };
  assertEquals(await why(), "no quorum in reach: expected 2 other members in view 4, got Dog");
  node.overrides = { inReach: [] };
  assertEquals(await why(), "no quorum in reach: expected 2 other members in view 4, got none");
  assertEquals((await app.request("/healthz")).status, 200);
  const { ready, notReady } = await (await app.request("/status")).json();
  assertEquals([ready, notReady], [false, await why()]);
  node.overrides = { inReach: [replicaId(0), replicaId(3)] };
  assertEquals((await app.request("/readyz")).status, 200);
});

Deno.test("/readyz is 503 with the reason while the replica does not serve", async () => {
  const { app, node } = harness();
  assertEquals((await app.request("/readyz")).status, 200);
  node.overrides = { halted: "its invariant broke" };
  assertStringIncludes(
    (await problemOf(await app.request("/readyz"), 503, "unavailable")).detail as string,
    "its invariant",
  );
  node.overrides = { storeError: "disk full" };
  assertStringIncludes(
    (await problemOf(await app.request("/readyz"), 503, "unavailable")).detail as string,
    "disk full",
  );
  node.overrides = { replica: { ...node.status().replica, transferring: true } };
  const response = await app.request("/readyz");
  assertEquals(response.headers.get("retry-after"), "1");
  await problemOf(response, 503, "unavailable");
});

Deno.test("pages of other origins may use the clients' routes only if their origins are configured", async () => {
  const preflight = {
    method: "OPTIONS",
    headers: { origin: "https://a.test", "access-control-request-method": "POST" },
  };
  const open = await harness({ corsOrigins: ["https://a.test"] }).app.request("/requests", preflight);
  assertEquals(open.headers.get("access-control-allow-origin"), "https://a.test");
  const closed = await harness().app.request("/requests", preflight);
  assertEquals(closed.headers.get("access-control-allow-origin"), null);
});

Deno.test("a closed app leaves no timer and no observer behind", async () => {
  const controller = new AbortController();
  const { app, node, timer } = harness({ signal: controller.signal });
  await postJson(app, "/req", { clientID: "ada", operation: "GET a" });
  await post(app, "/requests", utf8("request"));
  assertEquals(node.observers.size, 2);
  controller.abort();
  assertEquals([node.observers.size, timer.pending], [0, 0]);
});

Deno.test("finished bodies free their share of the budget, whatever their outcome", async () => {
  const { app } = harness({ maxHeldBytes: 1_000 });
  for (let i = 0; i < 5; i++) assertEquals((await post(app, "/prepare", new Uint8Array(900))).status, 202);
  for (let i = 0; i < 5; i++) assertEquals((await post(app, "/messages", new Uint8Array(900))).status, 400);
  for (let i = 0; i < 5; i++) assertEquals((await post(app, "/messages", chunked(2, 450).stream)).status, 400);
});

Deno.test("the app can be mounted in another one", async () => {
  const parent = new Hono();
  parent.mount("/ball", harness().app.fetch);
  assertEquals((await parent.request("/ball/readyz")).status, 200);
  assertEquals((await parent.request("/readyz")).status, 404);
});
