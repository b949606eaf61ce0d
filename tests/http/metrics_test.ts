import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { replicaId, sequenceNumber, view } from "../../src/core/messages/ids.ts";
import type { Stage } from "../../src/core/messages/messages.ts";
import type { Observer } from "../../src/node/ports.ts";
import { Registry } from "../../src/http/routes/exposition.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { type Harness, harness, post, postJson } from "./helpers.ts";

/** The samples of a text exposition by name and labels; fails on a line that is none. */
function parse(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const typed = new Set<string>();
  for (const line of text.trimEnd().split("\n")) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (type) typed.add(type[1]!);
    if (line.startsWith("#")) continue;
    const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)((?:\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*\})?) (\S+)$/.exec(line);
    assertEquals(match === null, false, `not a sample: ${line}`);
    const [, name, labels, value] = match!;
    assertEquals(typed.has(name!) || typed.has(name!.replace(/_(bucket|sum|count)$/, "")), true, `no TYPE: ${line}`);
    assertEquals(samples.has(name! + labels), false, `twice: ${line}`);
    samples.set(name! + labels, Number(value!.replace("+Inf", "Infinity")));
  }
  return samples;
}

async function scrape({ app }: Harness): Promise<Map<string, number>> {
  const response = await app.request("/metrics");
  assertMatch(response.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
  return parse(await response.text());
}

function tell({ node }: Harness, what: (observer: Observer) => void): void {
  for (const observer of node.observers) what(observer);
}

function stage(stage: Exclude<Stage, "idle"> | "executed") {
  return {
    kind: "stage",
    stage,
    view: view(4),
    sequence: sequenceNumber(5),
    requests: 2,
    operations: 10,
    bytes: 900,
  } as const;
}

Deno.test("/metrics counts executed batches and operations, and how long each stage took", async () => {
  const it = harness();
  for (const [name, ms] of [["pre-prepared", 3], ["prepared", 20], ["committed", 1], ["executed", 0]] as const) {
    tell(it, (observer) => observer.onEvent?.(stage(name), it.timer.now()));
    it.timer.advance(ms);
  }
  const samples = await scrape(it);
  assertEquals(samples.get("pbft_batches_total"), 1);
  assertEquals(samples.get("pbft_requests_total"), 2);
  assertEquals(samples.get("pbft_operations_total"), 10);
  assertEquals(samples.get('pbft_stage_seconds_sum{from="pre-prepared",to="prepared"}'), 0.003);
  assertEquals(samples.get('pbft_stage_seconds_bucket{from="prepared",to="committed",le="0.01"}'), 0);
  assertEquals(samples.get('pbft_stage_seconds_bucket{from="prepared",to="committed",le="0.025"}'), 1);
  assertEquals(samples.get('pbft_stage_seconds_bucket{from="prepared",to="committed",le="+Inf"}'), 1);
  assertEquals(samples.get('pbft_stage_seconds_count{from="committed",to="executed"}'), 1);
  assertEquals(samples.get('pbft_batch_operations_bucket{le="16"}'), 1);
  assertEquals(samples.get('pbft_batch_operations_bucket{le="64"}'), 1);
  assertEquals(samples.get('pbft_batch_operations_bucket{le="4"}'), 0);
  assertEquals(samples.get("pbft_batch_bytes_sum"), 900);
});

Deno.test("/metrics stops timing a sequence number when it is executed", async () => {
  const it = harness();
  for (const name of ["pre-prepared", "executed", "prepared"] as const) {
    tell(it, (observer) => observer.onEvent?.(stage(name), it.timer.now()));
  }
  const timed = [...(await scrape(it)).keys()].filter((key) => key.startsWith("pbft_stage_seconds_count"));
  assertEquals(timed, ['pbft_stage_seconds_count{from="pre-prepared",to="executed"}']);
});

Deno.test("/metrics counts messages by direction and kind, rejections and discards by kind and reason", async () => {
  const it = harness();
  tell(it, (observer) => {
    observer.onMessage?.("in", "prepare", 100);
    observer.onMessage?.("in", "prepare", 150);
    observer.onMessage?.("out", "commit", 70);
    observer.onRejected?.({ kind: "unknown", reason: "malformed", detail: "secret" });
    observer.onEvent?.({ kind: "discarded", message: "commit", from: null, reason: "other-view" }, it.timer.now());
  });
  const samples = await scrape(it);
  assertEquals(samples.get('pbft_messages_total{direction="in",kind="prepare"}'), 2);
  assertEquals(samples.get('pbft_message_bytes_total{direction="in",kind="prepare"}'), 250);
  assertEquals(samples.get('pbft_messages_total{direction="out",kind="commit"}'), 1);
  assertEquals(samples.get('pbft_messages_rejected_total{kind="unknown",reason="malformed"}'), 1);
  assertEquals(samples.get('pbft_messages_discarded_total{kind="commit",reason="other-view"}'), 1);
});

Deno.test("/metrics shows view, progress, outboxes, store commits and memory", async () => {
  const it = harness({ memory: () => ({ rss: 1234 }) });
  tell(it, (observer) => observer.onCommit?.(0.6, 3, 500));
  const samples = await scrape(it);
  assertEquals([samples.get("pbft_view"), samples.get("pbft_last_executed")], [4, 130]);
  assertEquals(samples.get('pbft_outbox_frames{peer="Candy"}'), 2);
  assertEquals(samples.get('pbft_outbox_bytes{peer="Dog"}'), 30);
  assertEquals(samples.get('pbft_outbox_dropped{peer="Dog"}'), 0);
  assertEquals(samples.get('pbft_store_commit_seconds_bucket{le="0.0005"}'), 0);
  assertEquals(samples.get('pbft_store_commit_seconds_bucket{le="0.001"}'), 1);
  assertEquals([samples.get("pbft_store_records_total"), samples.get("pbft_store_bytes_total")], [3, 500]);
  assertEquals(samples.get('pbft_memory_bytes{kind="rss"}'), 1234);
  assertEquals(samples.get("pbft_ready"), 1);
});

Deno.test("/metrics counts every HTTP request by route and status, and unknown paths as one", async () => {
  const it = harness();
  await post(it.app, "/prepare", utf8("frame"));
  await postJson(it.app, "/req", "not JSON");
  await it.app.request("/nowhere/1");
  await it.app.request("/nowhere/2", { method: "toString" });
  await it.app.request("/req");
  const samples = await scrape(it);
  const count = (route: string, method: string, status: number) =>
    samples.get(`pbft_http_requests_total{route="${route}",method="${method}",status="${status}"}`);
  assertEquals(count("/prepare", "POST", 202), 1);
  assertEquals(count("/req", "POST", 400), 1);
  assertEquals(count("/req", "GET", 405), 1);
  assertEquals([count("other", "GET", 404), count("other", "other", 404)], [1, 1]);
});

Deno.test("the text format escapes help texts and label values", () => {
  const registry = new Registry();
  registry.counter("odd_total", "back\\slash\nline").add({ label: 'a"b\\c\nd' });
  assertStringIncludes(registry.text(), "# HELP odd_total back\\\\slash\\nline\n");
  assertStringIncludes(registry.text(), 'odd_total{label="a\\"b\\\\c\\nd"} 1\n');
});

Deno.test("a metric's name must be valid and unique", () => {
  const registry = new Registry();
  registry.counter("a_total", "");
  assertThrows(() => registry.counter("a_total", ""), TypeError, "a_total");
  assertThrows(() => registry.counter("a-b", ""), TypeError, "a-b");
});

Deno.test("/metrics counts view changes with their reasons, and started views", async () => {
  const it = harness();
  tell(it, (observer) => {
    observer.onEvent?.({ kind: "view-change", view: view(5), why: "suspected" }, it.timer.now());
    observer.onEvent?.({ kind: "new-view", view: view(5), primary: replicaId(1), prepared: 3 }, it.timer.now());
  });
  const samples = await scrape(it);
  assertEquals(samples.get('pbft_view_changes_total{phase="left",why="suspected"}'), 1);
  assertEquals(samples.get('pbft_view_changes_total{phase="started",why=""}'), 1);
  assertEquals(samples.get("pbft_view_active"), 1);
});
