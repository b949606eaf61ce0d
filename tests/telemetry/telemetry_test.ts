/** Traces and metrics with OpenTelemetry: one trace for each request over all replicas, and nothing without it. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { clientTelemetry, ReplicaTelemetry, requestSpanContext } from "../../src/telemetry/mod.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { NAMES } from "../node/_cluster.ts";
import { stagesIn, TracedCluster } from "./_traced_cluster.ts";

const STAGES = ["pre-prepare", "prepare", "commit", "execute"];

/** Who replied, and the stages that every replica must have. */
function check(stages: Record<string, string[]>, names: readonly string[] = NAMES) {
  assertEquals(Object.keys(stages).sort(), [...names].sort());
  for (const [name, one] of Object.entries(stages)) {
    assertEquals(one.filter((stage) => stage !== "reply"), STAGES, name);
  }
  return Object.keys(stages).filter((name) => stages[name]!.includes("reply"));
}

Deno.test("one trace has the client's request as its root, and all stages at every replica", async () => {
  await using traced = await TracedCluster.open();
  const client = traced.client();
  await traced.until(client.invoke("SET name Ada"));
  await traced.cluster.timer.advance(500);
  const requests = traced.named("pbft.request");
  assertEquals(requests.map((span) => span.attributes["pbft.operations"]), [0, 1]);
  const root = requests[1]!;
  assertEquals(root.parentSpanContext, undefined);
  const { traceId, spanId } = root.spanContext();
  const expected = requestSpanContext(String(root.attributes["pbft.request"]));
  assertEquals([traceId, spanId], [expected.traceId, expected.spanId]);
  const orders = traced.named("pbft.order").filter((span) => span.spanContext().traceId === traceId);
  assertEquals(orders.map((span) => span.parentSpanContext?.spanId), NAMES.map(() => spanId));
  const repliers = check(stagesIn(traced.spans, traceId));
  assert(repliers.length >= 2, "f + 1 replicas reply to the client");
  // The caller's own trace leads to it.
  const [call] = traced.named("pbft.call");
  assertEquals(call!.links.map(({ context }) => [context.traceId, context.spanId]), [[traceId, spanId]]);
  assert(call!.spanContext().traceId !== traceId);
});

Deno.test("without the generator of ids the client's span is in the same trace, beside those of the replicas", async () => {
  await using traced = await TracedCluster.open({ hasIds: false });
  await traced.until(traced.client().invoke("SET name Ada"));
  await traced.cluster.timer.advance(500);
  const request = traced.named("pbft.request")[1]!;
  const { traceId, spanId } = requestSpanContext(String(request.attributes["pbft.request"]));
  assertEquals(request.spanContext().traceId, traceId);
  assertEquals(request.parentSpanContext?.spanId, spanId);
  check(stagesIn(traced.spans, traceId));
});

Deno.test("the trace of a request goes on over a view change", async () => {
  await using traced = await TracedCluster.open();
  const { cluster } = traced;
  const client = traced.client();
  await traced.until(client.invoke("SET name Ada"));
  cluster.crash(0);
  await traced.until(client.invoke("SET name Eve"));
  await cluster.timer.advance(500);
  const request = traced.named("pbft.request").at(-1)!;
  const stages = stagesIn(traced.spans, request.spanContext().traceId);
  for (const name of ["Ball", "Candy", "Dog"]) {
    const own = stages[name]!.filter((stage) => stage !== "reply");
    assertEquals(own.slice(-5), ["view-change", ...STAGES], `${name}: ${own}`);
  }
  const views = traced.named("pbft.view-change").filter((span) =>
    span.spanContext().traceId === request.spanContext().traceId
  );
  assertEquals(views.map((span) => span.attributes["pbft.view"]), [1, 1, 1]);
});

Deno.test("a batch has a span at every replica, in one trace, which is linked with those of its requests", async () => {
  await using traced = await TracedCluster.open();
  const client = traced.client();
  await traced.until(client.invoke("SET name Ada"));
  await traced.cluster.timer.advance(500);
  const request = traced.named("pbft.request")[1]!.spanContext();
  const batches = traced.named("pbft.batch").filter(({ links }) =>
    links.some(({ context }) => context.traceId === request.traceId)
  );
  assertEquals(batches.map((span) => span.attributes["pbft.replica"]).sort(), NAMES);
  assertEquals(new Set(batches.map((span) => span.spanContext().traceId)).size, 1);
  for (const { events, attributes } of batches) {
    assertEquals(events.map(({ name }) => name), ["pre-prepared", "prepared", "committed", "executed"]);
    assertEquals([attributes["pbft.sequence"], attributes["pbft.view"], attributes["pbft.operations"]], [2, 0, 1]);
  }
  const orders = traced.named("pbft.order").filter((span) => span.spanContext().traceId === request.traceId);
  for (const { links } of orders) {
    assertEquals(links.map(({ context }) => context.traceId), [batches[0]!.spanContext().traceId]);
  }
});

Deno.test("operations of unsigned clients are traced from their gateway on, which replies to itself", async () => {
  await using traced = await TracedCluster.open();
  const node = traced.cluster.node(2);
  await traced.until(node.vouch([{ name: "ada", timestamp: 1, operation: utf8("INCR n") }]));
  await traced.cluster.timer.advance(500);
  const [vouch] = traced.named("pbft.vouch");
  assertEquals(vouch!.attributes["pbft.replica"], "Candy");
  const [link] = vouch!.links;
  assertEquals(check(stagesIn(traced.spans, link!.context.traceId)).sort(), NAMES);
});

Deno.test("a ratio traces the same requests at every replica and at the client, and about so many", async () => {
  await using traced = await TracedCluster.open({ sampleRatio: 0.5 });
  const client = traced.client({ maxInFlight: 1 });
  const calls = 40;
  for (let i = 0; i < calls; i++) await traced.until(client.invoke(`SET k ${i}`));
  await traced.cluster.timer.advance(500);
  const requests = traced.named("pbft.request").map((span) => span.spanContext().traceId);
  // 41 requests with a fair coin each: 5 standard deviations around 20.
  assert(requests.length > 4 && requests.length < 37, String(requests.length));
  for (const name of NAMES) {
    const own = traced.named("pbft.order").filter((span) => span.attributes["pbft.replica"] === name);
    assertEquals(own.map((span) => span.spanContext().traceId).sort(), requests.toSorted(), name);
  }
  assertEquals(traced.named("pbft.call").length, calls);
});

Deno.test("what is followed is bounded, and everything ends", async () => {
  await using traced = await TracedCluster.open({ maxOpen: 3 });
  const [telemetry] = traced.telemetry;
  for (let i = 0; i < 10; i++) {
    telemetry!.onEvent({ kind: "request-received", digest: i.toString(16).padStart(64, "1") as never });
  }
  const outcomes = () => traced.named("pbft.order").map((span) => span.attributes["pbft.outcome"]);
  assertEquals(outcomes(), new Array(7).fill("given up"));
  telemetry!.close();
  assertEquals(outcomes(), [...new Array(7).fill("given up"), ...new Array(3).fill("closed")]);
});

Deno.test("nothing is followed any more once all is executed, also of requests that were ordered twice", async () => {
  await using traced = await TracedCluster.open();
  const client = traced.client();
  await traced.until(client.invoke("SET name Ada"));
  traced.cluster.crash(0);
  for (let i = 0; i < 5; i++) await traced.until(client.invoke(`SET name Eve${i}`));
  await traced.cluster.timer.advance(3_000);
  const finished = traced.spans.length;
  for (const one of traced.telemetry.slice(1)) one.close();
  assertEquals(traced.spans.slice(finished).map((span) => [span.name, span.attributes]), []);
});

Deno.test("ratios and bounds that make no sense are refused by name", () => {
  for (const sampleRatio of [-0.1, 1.1, NaN]) {
    assertThrows(() => clientTelemetry({ sampleRatio }), RangeError, "sampleRatio");
    assertThrows(() => new ReplicaTelemetry({ name: "Apple", sampleRatio }), RangeError, "sampleRatio");
  }
  assertThrows(() => new ReplicaTelemetry({ name: "Apple", maxOpen: 0 }), RangeError, "maxOpen");
});
