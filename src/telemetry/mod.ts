/**
 * OpenTelemetry for replicas and clients: a trace of each request over all replicas, and metrics. It uses the API package
 * `@opentelemetry/api` only; the SDK that the program sets up exports the traces. Without an SDK nothing is recorded.
 *
 * This is an entry point of its own: programs that do not import it load nothing of OpenTelemetry.
 * @module
 */
export { clientTelemetry, type ClientTelemetryOptions } from "./client.ts";
export { ReplicaTelemetry, type ReplicaTelemetryOptions } from "./replica.ts";
export { RequestIdGenerator } from "./request_ids.ts";
export { requestSpanContext } from "./request_context.ts";
