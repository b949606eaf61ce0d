// deno-lint-ignore-file no-import-prefix -- for this test only
/** Metrics with OpenTelemetry, and the price of having none. */
import { assert, assertEquals } from "@std/assert";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "npm:@opentelemetry/sdk-metrics@2.12.1";
import type { ReplicaEvent } from "../../src/core/events.ts";
import { ReplicaTelemetry } from "../../src/telemetry/mod.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { Cluster, NAMES } from "../node/_cluster.ts";
import { root } from "../tools/files.ts";

Deno.test("a replica's operations, batches, times, views and queues are measured", async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  const telemetry = NAMES.map((name) => new ReplicaTelemetry({ name, meter: provider.getMeter("test") }));
  const cluster = await Cluster.open({ node: (id) => ({ observers: [telemetry[id]!] }) });
  telemetry[1]!.measure(() => cluster.node(1).status());
  for (let timestamp = 1; timestamp <= 3; timestamp++) {
    const done = cluster.node(1).vouch([{ name: "ada", timestamp, operation: utf8("INCR n") }]);
    await cluster.timer.advance(500);
    await done;
  }
  cluster.crash(0);
  const done = cluster.node(1).vouch([{ name: "ada", timestamp: 4, operation: utf8("INCR n") }]);
  await cluster.timer.advance(5_000);
  await done;
  await provider.forceFlush();
  const values = new Map(
    exporter.getMetrics().at(-1)!.scopeMetrics.flatMap(({ metrics }) => metrics).map(({ descriptor, dataPoints }) => {
      const own = dataPoints.filter(({ attributes }) => attributes["pbft.replica"] === "Ball");
      return [descriptor.name, own.map(({ value }) => typeof value === "number" ? value : value.count)];
    }),
  );
  assertEquals(values.get("pbft.operations"), [4]);
  assertEquals(values.get("pbft.batches"), [4]);
  assertEquals(values.get("pbft.agreement.duration"), [4]);
  assertEquals(values.get("pbft.view_changes"), [1]);
  assertEquals(values.get("pbft.view"), [1]);
  assertEquals(values.get("pbft.executed"), [4]);
  assertEquals(values.get("pbft.requests.pending"), [0]);
  assertEquals(values.get("pbft.inbox.frames"), [0]);
  assertEquals(values.get("pbft.outbox.frames")?.length, 3);
  assert(values.get("pbft.store.commit.duration")![0]! > 0);
  for (const one of telemetry) one.close();
  await cluster.close();
  await provider.shutdown();
});

Deno.test("without an observer that follows requests, events do not name them", async () => {
  const staged = async (wantsRequests: boolean) => {
    const events: ReplicaEvent[] = [];
    const observer = { wantsRequests, onEvent: (event: ReplicaEvent) => void events.push(event) };
    const cluster = await Cluster.open({ node: (id) => id === 1 ? { observers: [observer] } : {} });
    const done = cluster.node(1).vouch([{ name: "ada", timestamp: 1, operation: utf8("INCR n") }]);
    await cluster.timer.advance(500);
    await done;
    await cluster.close();
    return events.filter((event) => event.kind === "stage").map((event) => "batch" in event);
  };
  assertEquals(await staged(false), [false, false, false, false]);
  assertEquals(await staged(true), [true, true, true, true]);
});

Deno.test("no other entry point loads anything of OpenTelemetry, and its own needs the API alone", async () => {
  const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as {
    readonly exports: Readonly<Record<string, string>>;
  };
  /** What the module imports by value, and at once. */
  const loaded = async (path: string) => {
    const command = new Deno.Command(Deno.execPath(), { args: ["info", "--json", path], cwd: root, stdin: "null" });
    const { modules } = JSON.parse(new TextDecoder().decode((await command.output()).stdout)) as {
      readonly modules: readonly {
        readonly specifier: string;
        readonly dependencies?: readonly {
          readonly isDynamic?: boolean;
          readonly code?: { readonly specifier?: string };
        }[];
      }[];
    };
    const byName = new Map(modules.map((module) => [module.specifier, module]));
    const seen = new Set<string>();
    const visit = (specifier: string) => {
      if (seen.has(specifier)) return;
      seen.add(specifier);
      for (const { isDynamic, code } of byName.get(specifier)?.dependencies ?? []) {
        if (!isDynamic && code?.specifier) visit(code.specifier);
      }
    };
    visit(new URL(path, root).href);
    return [...seen].filter((specifier) => /opentelemetry|src\/telemetry/.test(specifier));
  };
  const paths = Object.values(exports).filter((path) => !path.includes("telemetry"));
  const others = await Promise.all(paths.map(async (path) => [path, await loaded(path)] as const));
  assertEquals(others.filter(([, found]) => found.length > 0), []);
  const own = (await loaded(exports["./telemetry"]!)).filter((specifier) => !specifier.includes("src/telemetry"));
  assertEquals(own.map((specifier) => specifier.replace(/^npm:\/?/, "")), ["@opentelemetry/api@1.9.0"]);
});
