/**
 * Ids for the root span of a request's trace.
 * @module
 */
import type { SpanContext } from "@opentelemetry/api";

/**
 * An id generator for the client's SDK: with it the client's span is the root of the request's trace. Without it, as under Deno's own
 * OpenTelemetry, the client's span stands beside those of the replicas, and their common parent is missing in the trace.
 *
 * @example
 * ```ts ignore
 * const ids = new RequestIdGenerator();
 * const provider = new NodeTracerProvider({ idGenerator: ids, spanProcessors });
 * const client = new Client({ cluster, observer: clientTelemetry({ ids }) });
 * ```
 */
export class RequestIdGenerator {
  #next: Pick<SpanContext, "traceId" | "spanId"> | null = null;

  /** A trace id, 32 hex digits. Called by the SDK. */
  generateTraceId = (): string => this.#next?.traceId ?? randomHex(16);

  /** The id of a span, 16 hex digits. Called by the SDK. */
  generateSpanId = (): string => this.#next?.spanId ?? randomHex(8);

  /** Runs `start`, which starts one span, with the ids of this context. @internal */
  with<T>(context: SpanContext, start: () => T): T {
    this.#next = context;
    try {
      return start();
    } finally {
      this.#next = null;
    }
  }
}

/** Random bytes as hex digits. The last one is odd, because an id of zeros is not valid. */
function randomHex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  random[bytes - 1]! |= 1;
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
