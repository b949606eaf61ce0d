/** A cluster in this process whose replicas and client record their spans with OpenTelemetry's SDK, in memory. */
// deno-lint-ignore-file no-import-prefix -- for these tests only
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "npm:@opentelemetry/sdk-trace-base@2.12.1";
import { Client, type ClientOptions } from "../../src/client/mod.ts";
import { createApp } from "../../src/http/mod.ts";
import { clientTelemetry, ReplicaTelemetry, RequestIdGenerator } from "../../src/telemetry/mod.ts";
import { Cluster, NAMES } from "../node/_cluster.ts";

export type { ReadableSpan };

/** What a test may choose. */
export interface TracedOptions {
  readonly sampleRatio?: number;
  readonly maxOpen?: number;
  /** Whether the client's SDK has the generator of ids. Default: yes. */
  readonly hasIds?: boolean;
}

export class TracedCluster implements AsyncDisposable {
  readonly #providers: BasicTracerProvider[] = [];
  #client: Client | null = null;

  private constructor(
    readonly cluster: Cluster,
    readonly options: TracedOptions,
    readonly exporter: InMemorySpanExporter,
    readonly telemetry: readonly ReplicaTelemetry[],
  ) {}

  static async open(options: TracedOptions = {}): Promise<TracedCluster> {
    const { hasIds: _, ...settings } = options;
    const exporter = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const tracer = provider.getTracer("test");
    const telemetry = NAMES.map((name) => new ReplicaTelemetry({ name, tracer, ...settings }));
    const cluster = await Cluster.open({ node: (id) => ({ observers: [telemetry[id]!] }) });
    const traced = new TracedCluster(cluster, options, exporter, telemetry);
    traced.#providers.push(provider);
    return traced;
  }

  /** A client of the cluster, on its clock. */
  client(options: Partial<ClientOptions> = {}): Client {
    const { cluster: { genesis, timer, network }, options: { sampleRatio, hasIds = true } } = this;
    const ids = new RequestIdGenerator();
    const provider = new BasicTracerProvider({
      spanProcessors: [new SimpleSpanProcessor(this.exporter)],
      ...(hasIds && { idGenerator: ids }),
    });
    this.#providers.push(provider);
    const observer = clientTelemetry({
      tracer: provider.getTracer("test"),
      ...(hasIds && { ids }),
      ...(sampleRatio !== undefined && { sampleRatio }),
    });
    const urls = Object.fromEntries(NAMES.map((name) => [name, `http://${name.toLowerCase()}.example`]));
    const apps = NAMES.map((_, id) => createApp(this.cluster.node(id), { timer, urls }));
    const fetch = async (input: RequestInfo | URL, init?: RequestInit) => {
      const url = String(input);
      const id = NAMES.findIndex((name) => url.startsWith(urls[name]!));
      if (network.down.has(id as never)) throw new TypeError("connection refused");
      return await apps[id]!.request(url, init);
    };
    return this.#client = new Client({ cluster: { genesis, urls }, timer, fetch, observer, ...options });
  }

  /** Lets time pass until `work` is done. */
  async until<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    void work.then(() => isDone = true, () => isDone = true);
    for (let i = 0; i < 200 && !isDone; i++) await this.cluster.timer.advance(50);
    return await work;
  }

  get spans(): readonly ReadableSpan[] {
    return this.exporter.getFinishedSpans();
  }

  /** The finished spans of this name. */
  named(name: string): readonly ReadableSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client?.close();
    for (const one of this.telemetry) one.close();
    await this.cluster.close();
    // The exporter sets a timer for each span.
    await Promise.all(this.#providers.map((provider) => provider.forceFlush()));
  }
}

/** The spans of each replica in a trace, by name, each as the names of its stages in the order in which they ended. */
export function stagesIn(spans: readonly ReadableSpan[], traceId: string): Record<string, string[]> {
  const inTrace = spans.filter((span) => span.spanContext().traceId === traceId);
  const orders = inTrace.filter(({ name }) => name === "pbft.order");
  return Object.fromEntries(orders.map((order) => {
    const { spanId } = order.spanContext();
    const stages = inTrace.filter(({ parentSpanContext }) => parentSpanContext?.spanId === spanId);
    return [String(order.attributes["pbft.replica"]), stages.map(({ name }) => name.replace("pbft.", ""))];
  }));
}
