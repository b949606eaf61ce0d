/** examples/monitoring: its rules and panels ask for metrics that a replica has, and Prometheus's own tool accepts them. */
import { assert, assertEquals, assertGreater } from "@std/assert";
// deno-lint-ignore no-import-prefix -- for this test only
import { parse } from "npm:yaml@2.9.1";
import { createApp } from "../../src/http/mod.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { ManualTimer } from "../client/manual_timer.ts";
import { Cluster } from "../node/_cluster.ts";
import { root, textOf } from "../tools/files.ts";

const folder = "examples/monitoring";

/** The names of metrics that a replica shows after it has worked for a while. */
async function shown(): Promise<ReadonlySet<string>> {
  const cluster = await Cluster.open();
  const app = createApp(cluster.node(0), { timer: new ManualTimer(), memory: () => ({ rss: 1 }) });
  const written = cluster.node(0).vouch([{ name: "ada", timestamp: 1, operation: utf8("INCR n") }]);
  await cluster.timer.advance(2_000);
  await written;
  const text = await (await app.request("/metrics")).text();
  await cluster.close();
  return new Set([...text.matchAll(/^# TYPE (\w+) (\w+)/gm)].flatMap(([, name, type]) => {
    return type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name!];
  }));
}

function metricsIn(expressions: readonly string[]): readonly string[] {
  return [
    ...new Set(expressions.flatMap((expression) => [...expression.matchAll(/\bpbft_\w+/g)].map(([name]) => name))),
  ];
}

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly annotations?: { readonly procedure?: string };
}

const { groups: [group] } = parse(textOf(`${folder}/alerts.yml`)!) as {
  readonly groups: readonly [{ readonly rules: readonly Rule[] }];
};
const dashboard = JSON.parse(textOf(`${folder}/dashboard.json`)!) as {
  readonly panels: readonly {
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets: readonly { readonly expr: string }[];
  }[];
};

Deno.test("alerts and panels ask for metrics that a replica has", async () => {
  const known = await shown();
  const expressions = [
    ...group.rules.map(({ expr }) => expr),
    ...dashboard.panels.flatMap((panel) => panel.targets.map(({ expr }) => expr)),
  ];
  const asked = metricsIn(expressions);
  assertGreater(asked.length, 20);
  assertEquals(asked.filter((name) => !known.has(name)), []);
  const recorded = new Set(group.rules.flatMap(({ record }) => record ?? []));
  const used = new Set(
    expressions.flatMap((expression) => [...expression.matchAll(/\bpbft:\w+/g)].map(([name]) => name)),
  );
  assertEquals([...used].filter((name) => !recorded.has(name)), []);
});

Deno.test("each alert names a part of docs/operate.md that is there, and stands in the README", () => {
  const operate = textOf("docs/operate.md")!;
  const readme = textOf(`${folder}/README.md`)!;
  const alerts = group.rules.filter(({ alert }) => alert !== undefined);
  assertGreater(alerts.length, 10);
  for (const { alert, annotations } of alerts) {
    assert(operate.includes(`# ${annotations?.procedure}\n`), `${alert}: ${annotations?.procedure}`);
    assert(readme.includes(`\`${alert}\``), alert);
  }
});

Deno.test("no two panels of the dashboard overlap", () => {
  const cells = new Set<string>();
  for (const { title, gridPos: { x, y, w, h } } of dashboard.panels) {
    assert(x + w <= 24, title);
    for (let i = x; i < x + w; i++) {
      for (let j = y; j < y + h; j++) {
        assert(!cells.has(`${i},${j}`), title);
        cells.add(`${i},${j}`);
      }
    }
  }
});

interface Collector {
  readonly receivers: Readonly<
    Record<string, { readonly protocols: Readonly<Record<string, { readonly endpoint: string }>> }>
  >;
  readonly processors: Readonly<Record<string, unknown>>;
  readonly exporters: Readonly<Record<string, { readonly endpoint: string }>>;
  readonly service: {
    readonly pipelines: Readonly<Record<string, Readonly<Record<"receivers" | "processors" | "exporters", string[]>>>>;
  };
}

Deno.test("the collector's pipelines use what it defines, and their ends meet those of Jaeger and Prometheus", () => {
  const collector = parse(textOf(`${folder}/collector.yml`)!) as Collector;
  const { services } = parse(textOf(`${folder}/compose.yml`)!) as {
    readonly services: Readonly<
      Record<string, { readonly profiles?: readonly string[]; readonly command?: readonly string[] }>
    >;
  };
  assertEquals(Object.keys(collector.service.pipelines), ["traces", "metrics"]);
  for (const kind of ["receivers", "processors", "exporters"] as const) {
    const used = new Set(Object.values(collector.service.pipelines).flatMap((pipeline) => pipeline[kind]));
    assertEquals([...used].sort(), Object.keys(collector[kind]).sort(), kind);
  }
  // The port to which an SDK sends if it is told nothing.
  assertEquals(collector.receivers.otlp!.protocols.http!.endpoint, "127.0.0.1:4318");
  const { endpoint } = collector.exporters["otlp/jaeger"]!;
  assert(services.jaeger!.command!.includes(`--set=receivers.otlp.protocols.grpc.endpoint=${endpoint}`));
  assert(textOf(`${folder}/prometheus.yml`)!.includes(`["${collector.exporters.prometheus!.endpoint}"]`));
  const withProfile = Object.entries(services).filter(([, { profiles }]) => profiles?.includes("traces"));
  assertEquals(withProfile.map(([name]) => name), ["otel-collector", "jaeger"]);
});

Deno.test("docs/telemetry.md has every span and every metric", () => {
  const sources = ["client", "open_request", "replica_metrics", "replica_traces"].map((name) =>
    textOf(`src/telemetry/${name}.ts`)!
  );
  const names = new Set(sources.flatMap((text) => [...text.matchAll(/"(pbft\.[a-z_.]+)"/g)].map(([, name]) => name!)));
  const page = textOf("docs/telemetry.md")!;
  assertGreater(names.size, 20);
  const missing = [...names].filter((name) => !page.includes(`\`${name}\``));
  assertEquals(
    missing.filter((name) => !["pbft.batch.operations", "pbft.replicas", "pbft.primary"].includes(name)),
    [],
  );
});

/** Whether Prometheus's tool is on this machine. `.ci/run` installs it where it can. */
function hasPromtool(): boolean {
  try {
    return new Deno.Command("promtool", { args: ["--version"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

const noTool = !hasPromtool();
if (noTool) {
  console.log("promtool is not on this machine: it comes with Prometheus. The test of the alerts is left out.");
}

Deno.test({
  name: "promtool accepts the configuration and the alerts, and their tests pass",
  ignore: noTool,
  async fn() {
    for (
      const args of [["check", "config", "prometheus.yml"], ["check", "rules", "alerts.yml"], [
        "test",
        "rules",
        "alerts_test.yml",
      ]]
    ) {
      const command = new Deno.Command("promtool", { args, cwd: new URL(`${folder}/`, root), stdin: "null" });
      const { code, stdout, stderr } = await command.output();
      assertEquals(code, 0, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
    }
  },
});
