/**
 * Traces and metrics of a client.
 * @module
 */
import { context, type Meter, metrics, SpanKind, SpanStatusCode, trace, type Tracer } from "@opentelemetry/api";
import type { CallObserver, ClientObserver, RequestObserver, SentRequest } from "../client/observer.ts";
import { SCOPE } from "./names.ts";
import { checkedRatio, contextOf, isSampled, requestSpanContext } from "./request_context.ts";
import type { RequestIdGenerator } from "./request_ids.ts";

/** Options of {@linkcode clientTelemetry}. */
export interface ClientTelemetryOptions {
  /** The share of requests that are traced, 0 to 1, best the same as the replicas'. Default 1. */
  readonly sampleRatio?: number;
  /** The id generator that the SDK was given, if it was: then the client's span is the root of the request's trace. */
  readonly ids?: RequestIdGenerator;
  /** Makes the spans. Default: that of the program's SDK. */
  readonly tracer?: Tracer;
  /** Makes the metrics. Default: that of the program's SDK. */
  readonly meter?: Meter;
}

/**
 * Follows the calls of a client, as its option `observer`.
 *
 * - `pbft.call` and `pbft.query` are in the caller's trace: from the call to its result. They are linked to the request that carried the call.
 * - `pbft.request` is the root of the request's trace, in which the replicas' spans are: from the signature to f + 1 equal replies. Calls
 *   that are made at the same time share a request.
 * - `pbft.client.duration` measures the calls.
 *
 * @throws {RangeError} if `sampleRatio` is not between 0 and 1.
 * @example
 * ```ts
 * import { Client, type ClusterFile } from "@pbft/edge/client";
 * import { clientTelemetry } from "@pbft/edge/telemetry";
 * const createTracedClient = (cluster: ClusterFile) => new Client({ cluster, observer: clientTelemetry() });
 * ```
 */
export function clientTelemetry(options: ClientTelemetryOptions = {}): ClientObserver {
  const { ids, tracer = trace.getTracer(SCOPE), meter = metrics.getMeter(SCOPE) } = options;
  const ratio = checkedRatio(options.sampleRatio);
  const durations = meter.createHistogram("pbft.client.duration", {
    description: "Time from a call to its result.",
    unit: "s",
  });
  return {
    onCall(kind): CallObserver {
      const span = tracer.startSpan(
        kind === "query" ? "pbft.query" : "pbft.call",
        { kind: SpanKind.CLIENT },
        context.active(),
      );
      const start = performance.now();
      return {
        onSent(request) {
          if (isSampled(request, ratio)) span.addLink({ context: requestSpanContext(request) });
        },
        onEnd(error) {
          const outcome = error === undefined ? "ok" : nameOf(error);
          durations.record((performance.now() - start) / 1000, { "pbft.call": kind, "pbft.outcome": outcome });
          if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) });
          span.end();
        },
      };
    },
    onRequest({ digest, operations }: SentRequest): RequestObserver | undefined {
      if (!isSampled(digest, ratio)) return undefined;
      const attributes = { "pbft.request": digest, "pbft.operations": operations };
      const settings = { kind: SpanKind.CLIENT, attributes };
      const span = ids
        ? ids.with(
          requestSpanContext(digest),
          () => tracer.startSpan("pbft.request", { ...settings, root: true }, context.active()),
        )
        : tracer.startSpan("pbft.request", settings, contextOf(digest));
      return {
        onAnswered({ sequence, replicas }) {
          span.setAttributes({ "pbft.sequence": sequence, "pbft.replicas": [...replicas] });
          span.end();
        },
        onFailed(reason) {
          span.setStatus({ code: SpanStatusCode.ERROR, message: String(reason) });
          span.end();
        },
      };
    },
  };
}

/** The name of an error: few are possible, so it can be an attribute of a metric. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "aborted";
}
