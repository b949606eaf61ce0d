import { assertEquals, assertMatch } from "@std/assert";
import type { Digest } from "../../src/core/messages/ids.ts";
import type { Rejection, RejectionReason } from "../../src/node/ports.ts";
import { encodeBundle, fromUtf8, utf8 } from "../../src/wire/mod.ts";
import { CLUSTER, untilAborted } from "./fake_node.ts";
import { harness, post, problemOf } from "./helpers.ts";

const ROUTES = [["/preprepare", "pre-prepare"], ["/prepare", "prepare"], ["/commit", "commit"], ["/reply", "reply"]];
const STATUS: Record<RejectionReason, number> = {
  "malformed": 400,
  "too-large": 413,
  "unknown-signer": 403,
  "wrong-signature": 401,
  "wrong-cluster": 403,
  "not-accepted-here": 400,
  "overloaded": 429,
  "unavailable": 503,
};

function rejection(reason: RejectionReason, detail = "for a test"): Rejection {
  return { reason, kind: "prepare", detail };
}

for (const [path, kind] of ROUTES as [string, "prepare"][]) {
  Deno.test(`${path} passes one frame to the node, which accepts only a ${kind}`, async () => {
    const { app, node } = harness();
    const response = await post(app, path, utf8("frame"));
    assertEquals([response.status, await response.text()], [202, ""]);
    assertEquals(node.received, [{ frames: [utf8("frame")], accept: [kind] }]);
  });
}

for (const [reason, status] of Object.entries(STATUS) as [RejectionReason, number][]) {
  Deno.test(`a frame that the gate rejects as ${reason} gets ${status}`, async () => {
    const { app, node } = harness();
    node.onReceive = () => rejection(reason);
    const response = await post(app, "/prepare", utf8("frame"));
    assertEquals(response.headers.has("retry-after"), status === 429 || status === 503);
    const problem = await problemOf(response, status, reason);
    assertEquals([problem.detail, problem.kind], ["for a test", "prepare"]);
  });
}

Deno.test("/messages passes all frames of a bundle to the node", async () => {
  const { app, node } = harness();
  const response = await post(app, "/messages", encodeBundle(CLUSTER, [utf8("one"), utf8("two")]));
  assertEquals(response.status, 202);
  assertEquals(node.received, [{ frames: [utf8("one"), utf8("two")], accept: undefined }]);
});

Deno.test("/messages answers 403 to a bundle for another cluster", async () => {
  const { app, node } = harness();
  const problem = await problemOf(
    await post(app, "/messages", encodeBundle("f".repeat(64) as Digest, [utf8("one")])),
    403,
    "wrong-cluster",
  );
  assertEquals([problem.field, problem.expected, problem.got], ["cluster", CLUSTER, "f".repeat(64)]);
  assertEquals(node.received, []);
});

Deno.test("/messages answers 400 and names the field when the body is not a bundle", async () => {
  const { app } = harness();
  const problem = await problemOf(await post(app, "/messages", utf8("no bundle")), 400, "malformed");
  assertMatch(problem.field as string, /^bundle/);
  assertEquals([typeof problem.expected, typeof problem.got], ["string", "string"]);
});

Deno.test("/messages accepts the valid frames of a bundle and lists the rejected ones", async () => {
  const { app, node } = harness();
  node.onReceive = (frame) => fromUtf8(frame) === "bad" ? rejection("wrong-signature") : null;
  const response = await post(app, "/messages", encodeBundle(CLUSTER, [utf8("good"), utf8("bad")]));
  assertEquals(response.status, 202);
  assertEquals(await response.json(), { taken: 1, rejected: [{ index: 1, ...rejection("wrong-signature") }] });
});

Deno.test("/messages answers with the first rejection when no frame was accepted, and lists at most 16", async () => {
  const { app, node } = harness();
  node.onReceive = () => rejection("unknown-signer");
  const frames = Array.from({ length: 40 }, () => utf8("bad"));
  const problem = await problemOf(await post(app, "/messages", encodeBundle(CLUSTER, frames)), 403, "unknown-signer");
  assertEquals([problem.taken, (problem.rejected as unknown[]).length], [0, 16]);
});

Deno.test("/messages answers 429 when a frame was rejected as overloaded", async () => {
  const { app, node } = harness();
  node.onReceive = (frame) => fromUtf8(frame) === "late" ? rejection("overloaded") : null;
  const response = await post(app, "/messages", encodeBundle(CLUSTER, [utf8("good"), utf8("late")]));
  assertEquals(response.headers.get("retry-after"), "1");
  await problemOf(response, 429, "overloaded");
});

Deno.test("/requests answers with this replica's signed reply", async () => {
  const { app, node } = harness();
  node.onSubmit = (frame) => Promise.resolve(utf8(`reply to ${fromUtf8(frame)}`));
  const response = await post(app, "/requests", utf8("request"));
  assertEquals([response.status, response.headers.get("content-type")], [200, "application/cbor"]);
  assertEquals(await response.text(), "reply to request");
});

Deno.test("/requests answers 202 when the request is not executed in time", async () => {
  const { app, node, timer } = harness({ waitMs: 3_000 });
  let submitted = false;
  node.onSubmit = (_, signal) => (submitted = true, untilAborted(signal));
  const pending = post(app, "/requests", utf8("request"));
  while (!submitted) await timer.turn();
  timer.advance(3_000);
  assertEquals((await pending).status, 202);
});

Deno.test("/requests answers with the gate's rejection", async () => {
  const { app, node } = harness();
  node.onSubmit = () => Promise.resolve(rejection("wrong-signature"));
  await problemOf(await post(app, "/requests", utf8("request")), 401, "wrong-signature");
});

Deno.test("/requests answers 429 when the maximum of requests wait", async () => {
  const { app, node, timer } = harness({ maxWaiting: 1 });
  let submitted = false;
  node.onSubmit = (_, signal) => (submitted = true, untilAborted(signal));
  const pending = post(app, "/requests", utf8("request"));
  while (!submitted) await timer.turn();
  await problemOf(await post(app, "/requests", utf8("request")), 429, "overloaded");
  timer.advance(10_000);
  assertEquals((await pending).status, 202);
  node.onSubmit = () => Promise.resolve(utf8("reply"));
  assertEquals((await post(app, "/requests", utf8("request"))).status, 200);
});
