import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Refusal } from "../../src/core/messages/messages.ts";
import { fromUtf8 } from "../../src/wire/mod.ts";
import { answer, untilAborted } from "./fake_node.ts";
import { harness, postJson, problemOf } from "./helpers.ts";

const SET = { clientID: "ada", timestamp: 1, operation: "SET name Ada" };

Deno.test("/req answers with the result that the replicas agreed on, and says who did", async () => {
  const { app, node } = harness();
  node.onVouch = () => Promise.resolve(answer("ok", '{"value":"Ada"}'));
  const response = await postJson(app, "/req", SET);
  assertEquals(response.status, 200);
  assertEquals(await response.json(), {
    viewID: 4,
    timestamp: 1,
    clientID: "ada",
    nodeID: "Ball",
    sequenceID: 131,
    result: { value: "Ada" },
    voters: ["Apple", "Candy"],
  });
});

Deno.test("/req passes a text command to the machine unchanged, and an object as JSON", async () => {
  const { app, node } = harness();
  await postJson(app, "/req", { ...SET, operation: "SET näme Ada" });
  await postJson(app, "/req", { ...SET, operation: { op: "set", key: "näme" } });
  assertEquals(node.vouched.map(({ operation }) => fromUtf8(operation)), ["SET näme Ada", '{"op":"set","key":"näme"}']);
});

Deno.test("/req returns a result that is not JSON as text", async () => {
  const { app, node } = harness();
  node.onVouch = () => Promise.resolve(answer("ok", "not { json"));
  assertEquals((await (await postJson(app, "/req", SET)).json()).result, "not { json");
});

for (
  const result of [
    "9007199254740993",
    "1.10",
    "1e400",
    '{"n":9007199254740993,"price":1.10,"far":[1e400,-0],"n":2}',
    '"\\ud800"',
    " [ 1 ] ",
    '{"__proto__":1}',
    "null",
  ]
) {
  Deno.test(`/req returns the result unchanged: ${result}`, async () => {
    const { app, node } = harness();
    node.onVouch = () => Promise.resolve(answer("ok", result));
    const text = await (await postJson(app, "/req", SET)).text();
    assert(text.includes(`"result":${result},"voters":`), text);
    JSON.parse(text);
  });
}

Deno.test("/req returns bytes that are not text as base64, and text with a byte order mark unchanged", async () => {
  const { app, node } = harness();
  const bytes = answer("ok", "");
  node.onVouch = () =>
    Promise.resolve({ ...bytes, results: [{ ...bytes.results[0]!, value: Uint8Array.of(0xff, 0x00, 0x80) }] });
  const body = await (await postJson(app, "/req", SET)).json();
  assertEquals([body.result, body.resultBase64], [null, "/wCA"]);
  node.onVouch = () => Promise.resolve(answer("ok", "\ufeff{}"));
  assertEquals((await (await postJson(app, "/req", SET)).json()).result, "\ufeff{}");
});

for (const number of ["9007199254740993", "1e400"]) {
  Deno.test(`/req refuses an operation with a number that JavaScript can't represent exactly: ${number}`, async () => {
    const { app, node } = harness();
    const response = await postJson(app, "/req", `{"clientID":"ada","operation":{"by":${number}}}`);
    const { field, got } = await problemOf(response, 400, "malformed");
    assertEquals([field, got, node.vouched.length], ["operation", number, 0]);
  });
}

Deno.test("/req makes strictly increasing timestamps, and returns them", async () => {
  const { app, timer } = harness();
  const timestamps: number[] = [];
  for (const pause of [0, 0, 0, 5]) {
    timer.advance(pause);
    const { timestamp } = await (await postJson(app, "/req", { clientID: "ada", operation: "GET name" })).json();
    timestamps.push(timestamp);
  }
  assertEquals(timestamps, timestamps.toSorted((a, b) => a - b));
  assertEquals(new Set(timestamps).size, 4);
  assertEquals(timestamps.map((timestamp) => timestamp % 4), [1, 1, 1, 1], "no other member makes these");
  assert(timestamps[0]! >= 1_000_000_000, "about microseconds of the clock");
});

const malformed: [title: string, body: unknown, field: string][] = [
  ["what is not JSON", "SET name Ada", "body"],
  ["an empty body", "", "body"],
  ["a list", [SET], "body"],
  ["null", "null", "body"],
  ["no clientID", { timestamp: 1, operation: "GET a" }, "clientID"],
  ["an empty clientID", { ...SET, clientID: "" }, "clientID"],
  ["a clientID that is a number", { ...SET, clientID: 7 }, "clientID"],
  ["a clientID of 129 characters", { ...SET, clientID: "a".repeat(129) }, "clientID"],
  ["a clientID with a control character", { ...SET, clientID: "ada\n" }, "clientID"],
  ["a clientID with an invisible character", { ...SET, clientID: "ada\u200b" }, "clientID"],
  ["a clientID with a lone surrogate", { ...SET, clientID: "ada\ud800" }, "clientID"],
  ["a negative timestamp", { ...SET, timestamp: -1 }, "timestamp"],
  ["a fraction as timestamp", { ...SET, timestamp: 1.5 }, "timestamp"],
  ["a timestamp beyond 2^53", { ...SET, timestamp: 2 ** 53 }, "timestamp"],
  ["a text as timestamp", { ...SET, timestamp: "1" }, "timestamp"],
  ["null as timestamp", { ...SET, timestamp: null }, "timestamp"],
  ["no operation", { clientID: "ada", timestamp: 1 }, "operation"],
  ["an empty operation", { ...SET, operation: "" }, "operation"],
  ["a list as operation", { ...SET, operation: ["SET"] }, "operation"],
  ["a number as operation", { ...SET, operation: 5 }, "operation"],
  ["an operation with a lone surrogate", { ...SET, operation: "SET a \ud800" }, "operation"],
  ["a field that it does not know", { ...SET, timestmap: 2 }, "timestmap"],
];
for (const [title, body, field] of malformed) {
  Deno.test(`/req refuses ${title} and names the field`, async () => {
    const { app, node } = harness();
    const problem = await problemOf(await postJson(app, "/req", body), 400, "malformed");
    assertEquals(problem.field, field);
    assertEquals([typeof problem.expected, typeof problem.got], ["string", "string"]);
    assertEquals(node.vouched, []);
  });
}

Deno.test("/req refuses bytes that are not UTF-8", async () => {
  const { app } = harness();
  const body = new Uint8Array([...new TextEncoder().encode('{"clientID":"'), 0xff, ...new TextEncoder().encode('"}')]);
  const headers = { "content-type": "application/json" };
  await problemOf(await app.request("/req", { method: "POST", headers, body }), 400, "malformed");
});

Deno.test("/req accepts a clientID of 128 characters and the largest timestamp", async () => {
  const { app } = harness();
  const body = { ...SET, clientID: "a".repeat(128), timestamp: 2 ** 53 - 1 };
  assertEquals((await postJson(app, "/req", body)).status, 200);
});

Deno.test("/req answers 422 with the reason when the state machine rejects the operation", async () => {
  const { app, node } = harness();
  node.onVouch = () => Promise.resolve(answer("rejected", "name is not a number"));
  const problem = await problemOf(await postJson(app, "/req", SET), 422, "rejected");
  assertEquals(problem.detail, "name is not a number");
  assertEquals([problem.sequenceID, problem.voters, problem.timestamp], [131, ["Apple", "Candy"], 1]);
});

const refusals: [Refusal, number][] = [
  ["stale-timestamp", 409],
  ["timestamp-reused", 409],
  ["too-many-clients", 429],
  ["expired", 504],
];
for (const [refusal, status] of refusals) {
  Deno.test(`/req answers ${status} to an operation refused as ${refusal}`, async () => {
    const { app, node } = harness();
    node.onVouch = () => Promise.resolve(answer("refused", refusal));
    const response = await postJson(app, "/req", SET);
    assertEquals(response.headers.has("retry-after"), status === 429);
    const problem = await problemOf(response, status, refusal);
    assertEquals([problem.reason, problem.clientID, problem.timestamp], [refusal, "ada", 1]);
  });
}

Deno.test("/req answers 504 without a quorum, with the timestamp for a safe retry", async () => {
  const { app, node, timer } = harness({ requestTimeoutMs: 2_000 });
  node.onVouch = (_, signal) => untilAborted(signal);
  const pending = postJson(app, "/req", { clientID: "ada", operation: "INCR n" });
  while (node.vouched.length === 0) await timer.turn();
  timer.advance(2_000);
  const problem = await problemOf(await pending, 504, "no-quorum");
  assertEquals(problem.timestamp, node.vouched[0]!.timestamp);
  assertMatch(
    problem.detail as string,
    new RegExp(`timestamp ${problem.timestamp}, at any replica: it is executed at most once`),
  );
});

Deno.test("/req answers 503 when the node closes, and says how to retry safely", async () => {
  const { app, node } = harness();
  node.onVouch = () =>
    Promise.resolve({ reason: "unavailable", kind: "gateway-request", detail: "the node is closed" });
  const problem = await problemOf(await postJson(app, "/req", SET), 503, "unavailable");
  assertMatch(problem.detail as string, /timestamp 1, at any replica: it is executed at most once/);
});

Deno.test("/req answers 429 with Retry-After when the node is overloaded", async () => {
  const { app, node } = harness();
  node.onVouch = () => Promise.resolve({ reason: "overloaded", kind: "gateway-request", detail: "4096 requests wait" });
  const response = await postJson(app, "/req", SET);
  assertEquals(response.headers.get("retry-after"), "1");
  assertEquals((await problemOf(response, 429, "overloaded")).timestamp, 1);
});

Deno.test("/req answers 429 when the maximum of requests wait, and accepts more when they are done", async () => {
  const { app, node, timer } = harness({ maxWaiting: 2 });
  node.onVouch = (_, signal) => untilAborted(signal);
  const waiting = [postJson(app, "/req", SET), postJson(app, "/req", SET)];
  while (node.vouched.length < 2) await timer.turn();
  await problemOf(await postJson(app, "/req", SET), 429, "overloaded");
  timer.advance(10_000);
  for (const response of await Promise.all(waiting)) assertEquals(response.status, 504);
  node.onVouch = () => Promise.resolve(answer("ok", "1"));
  assertEquals((await postJson(app, "/req", SET)).status, 200);
});

Deno.test("/req refuses an operation that is too large for a request", async () => {
  const { app, node } = harness();
  const operation = "x".repeat(node.genesis.limits.maxRequestBytes - 1024);
  assertEquals(
    (await problemOf(await postJson(app, "/req", { ...SET, operation }), 413, "too-large")).field,
    "operation",
  );
});

Deno.test("/req answers 500 to an internal error and reports it to the host", async () => {
  const errors: Error[] = [];
  const { app, node } = harness({ onInternalError: (error) => errors.push(error) });
  node.onVouch = () => Promise.reject(new TypeError("boom"));
  await problemOf(await postJson(app, "/req", SET), 500, "internal-error");
  assertEquals(errors.map(({ message }) => message), ["boom"]);
});

Deno.test("/req accepts a body with a byte order mark before it", async () => {
  const { app, node } = harness();
  const headers = { "content-type": "application/json" };
  const response = await app.request("/req", { method: "POST", headers, body: `\ufeff${JSON.stringify(SET)}` });
  assertEquals([response.status, node.vouched.length], [200, 1]);
  await response.body?.cancel();
});

Deno.test("the answer to a refused request is short, however long what it names is", async () => {
  const { app } = harness();
  const long = "f".repeat(100_000);
  const refused = [
    postJson(app, "/req", { ...SET, [long]: 1 }),
    postJson(app, "/req", { ...SET, clientID: long }),
    postJson(app, "/req", { ...SET, operation: [long] }),
    app.request("/req", { method: "POST", headers: { "content-type": long }, body: "{}" }),
    app.request("/req", {
      method: "POST",
      headers: { "content-type": "application/json", "content-encoding": long },
      body: "{}",
    }),
    app.request(`/${long}`),
    app.request(`/watch?from=${long}&key=a`),
    app.request(`/watch?${long}=1`),
  ];
  for (const response of await Promise.all(refused)) {
    const { length } = await response.text();
    assertEquals([response.status >= 400, length < 2_000], [true, true], `${response.status}: ${length} characters`);
  }
});
