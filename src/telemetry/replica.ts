/**
 * Traces and metrics of a replica.
 * @module
 */
import { type Meter, metrics, trace, type Tracer } from "@opentelemetry/api";
import type { ReplicaEvent } from "../core/events.ts";
import type { Digest } from "../core/messages/ids.ts";
import type { Observer, Rejection } from "../node/ports.ts";
import type { NodeStatus } from "../node/status.ts";
import { SCOPE } from "./names.ts";
import { ReplicaMetrics } from "./replica_metrics.ts";
import { ReplicaTraces } from "./replica_traces.ts";
import { checkedRatio } from "./request_context.ts";

/** Options of {@linkcode ReplicaTelemetry}. */
export interface ReplicaTelemetryOptions {
  /** The replica's name: the attribute `pbft.replica` of all that it records. */
  readonly name: string;
  /**
   * The share of requests that are traced, 0 to 1, best the same at all members and clients: which ones follows from their digests, so all
   * choose the same. Default 1.
   */
  readonly sampleRatio?: number;
  /** The most requests that are followed at once. With more, the oldest are given up. Default 1,024. */
  readonly maxOpen?: number;
  /** Makes the spans. Default: that of the program's SDK. */
  readonly tracer?: Tracer;
  /** Makes the metrics. Default: that of the program's SDK. */
  readonly meter?: Meter;
}

/**
 * An observer of a replica that records traces and metrics. Give it to `serve` in `observers`.
 *
 * @example
 * ```ts ignore
 * import { serve } from "@pbft/edge/deno";
 * import { ReplicaTelemetry } from "@pbft/edge/telemetry";
 * const telemetry = new ReplicaTelemetry({ name: "Apple", sampleRatio: 0.01 });
 * const replica = await serve({ cluster, self: "Apple", privateKey, store: "apple.db", observers: [telemetry] });
 * telemetry.measure(() => replica.node.status());
 * await replica.closed;
 * telemetry.close();
 * ```
 */
export class ReplicaTelemetry implements Observer {
  /** It follows single requests. */
  readonly wantsRequests = true;
  readonly #traces: ReplicaTraces;
  readonly #metrics: ReplicaMetrics;

  /** Makes one that follows nothing yet. @throws {RangeError} if `sampleRatio` or `maxOpen` is out of range. */
  constructor(options: ReplicaTelemetryOptions) {
    const { name, maxOpen = 1_024, tracer = trace.getTracer(SCOPE), meter = metrics.getMeter(SCOPE) } = options;
    if (!(maxOpen >= 1)) throw new RangeError(`maxOpen: expected a number of at least 1, got ${maxOpen}`);
    this.#traces = new ReplicaTraces({ name, tracer, maxOpen, ratio: checkedRatio(options.sampleRatio) });
    this.#metrics = new ReplicaMetrics(name, meter);
  }

  /** Measures queues and numbers too, whenever the SDK asks: `status` reads the replica's status. */
  measure(status: () => NodeStatus): void {
    this.#metrics.measure(status);
  }

  /** An event of the protocol. */
  onEvent(event: ReplicaEvent): void {
    this.#metrics.onEvent(event);
    switch (event.kind) {
      case "request-received":
        return this.#traces.onReceived(event.digest);
      case "stage":
        return this.#traces.onStage(event);
      case "view-change":
        return this.#traces.onViewChange(event);
      case "new-view":
        return this.#traces.onNewView(event);
      case "state-transfer":
        if (event.phase === "finished") this.#traces.onSkipped(event.sequence);
    }
  }

  /** This replica replied to a request. */
  onReplied(request: Digest): void {
    this.#traces.onReplied(request);
  }

  /** Operations of unsigned clients. */
  onVouch(operations: number): (request: Digest | null) => void {
    return this.#traces.onVouch(operations);
  }

  /** A frame was rejected. */
  onRejected(rejection: Rejection): void {
    this.#metrics.onRejected(rejection);
  }

  /** A commit to the store. */
  onCommit(durationMs: number): void {
    this.#metrics.onCommit(durationMs);
  }

  /** Ends the spans that are open, and measures no more. */
  close(): void {
    this.#traces.close();
    this.#metrics.close();
  }
}
