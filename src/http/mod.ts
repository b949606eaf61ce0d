/**
 * HTTP for replicas: the routes of a replica as a Hono app, and the transports between replicas.
 * @module
 */
export { addressFromHeader, type AddressOf, connectionAddress } from "./middleware/address.ts";
export { type Admission, admit, clientLimit, type ClientLimitOptions } from "./middleware/admission.ts";
export { authenticate, type AuthenticateOptions } from "./middleware/submitter.ts";
export { CLIENT_ROUTES, createApp, type ReplicaApp } from "./app.ts";
export type { AppOptions } from "./app_options.ts";
export type { Sender } from "./bodies/sender.ts";
export type { Caller } from "./middleware/callers.ts";
export { DeliveryError, FetchTransport, type FetchTransportOptions } from "./peers/fetch_transport.ts";
export type { HostedNode } from "./hosted_node.ts";
export { openApiDocument } from "./openapi/document.ts";
export type {
  AppType,
  JsonRoute,
  OpenNumber,
  PeerJson,
  ProblemJson,
  ReqAnswer,
  ReqBody,
  StatusJson,
} from "./openapi/types.ts";
export type { EpochsHost } from "./routes/epochs.ts";
export type { ClosedEvidence } from "../node/closed/evidence.ts";
export { isIpAddress } from "./middleware/ip_address.ts";
export { MEMBER_HEADER, Membership, type MembershipOptions, type Proof, type Purpose } from "./peers/membership.ts";
export { problem, type ProblemDetails, type ProblemKind, PROBLEMS } from "./problem.ts";
export type {
  ClientVariables,
  Middleware,
  MiddlewareContext,
  Submitter,
  SubmitterContext,
} from "./middleware/context.ts";
export { MIN_TOKEN_CHARACTERS, type Readers, READERS_ROUTES } from "./middleware/readers.ts";
export { addressLimit, type RateLimit, rateLimit, type RateLimitOptions } from "./middleware/rate_limit.ts";
export type { PeerSocket } from "./peers/peer_socket.ts";
export type { Upgrade } from "./peers/peer_sockets.ts";
export { SocketTransport, type SocketTransportOptions } from "./peers/socket_transport.ts";
export { RELAY_HEADER, type Relayer } from "./peers/relay.ts";
