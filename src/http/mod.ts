/**
 * A replica on the web: its routes as a Hono app, and the transport between replicas.
 * @module
 */
export { type AppOptions, createApp, type ReplicaApp } from "./app.ts";
export { DeliveryError, FetchTransport, type FetchTransportOptions } from "./fetch_transport.ts";
export type { HostedNode } from "./hosted_node.ts";
export { problem, type ProblemDetails, type ProblemKind, PROBLEMS } from "./problem.ts";
