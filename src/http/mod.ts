/**
 * A replica on the web: its routes as a Hono app, and the transport between replicas.
 * @module
 */
export { addressFromHeader, type AddressOf, connectionAddress } from "./address.ts";
export { type Admission, admit, clientLimit, type ClientLimitOptions } from "./admission.ts";
export { type Applicant, authenticate, type AuthenticateOptions } from "./applicant.ts";
export { type AppOptions, CLIENT_ROUTES, createApp, type ReplicaApp } from "./app.ts";
export type { Sender } from "./body.ts";
export type { Caller } from "./callers.ts";
export { DeliveryError, FetchTransport, type FetchTransportOptions } from "./fetch_transport.ts";
export type { HostedNode } from "./hosted_node.ts";
export { isIpAddress } from "./ip_address.ts";
export { MEMBER_HEADER, Membership, type MembershipOptions, type Proof, type Purpose } from "./membership.ts";
export { problem, type ProblemDetails, type ProblemKind, PROBLEMS } from "./problem.ts";
export type { ApplicantContext, ClientVariables, Middleware, MiddlewareContext } from "./middleware.ts";
export { MIN_TOKEN_CHARACTERS, type Readers, READERS_ROUTES } from "./readers.ts";
export { addressLimit, type RateLimit, rateLimit, type RateLimitOptions } from "./rate_limit.ts";
export { type PeerSocket } from "./peer_socket.ts";
export type { Upgrade } from "./peer_sockets.ts";
export { SocketTransport, type SocketTransportOptions } from "./socket_transport.ts";
export { RELAY_HEADER, type Relayer } from "./relay.ts";
