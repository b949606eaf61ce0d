/**
 * What replicas say to each other and to their hosts: numbers, messages, certificates and their exact bytes; events, refusals and troubles.
 * For tools that read messages, observers, and hosts of one's own.
 * @module
 */

// Numbers, names and quorums.
export * from "../core/messages/ids.ts";
export * from "../core/messages/quorum.ts";
export { MIN_NAME_IDLE_MS } from "../core/config.ts";
export { clusterId } from "../crypto/mod.ts";

// Messages, and what they are made of.
export type * from "../core/messages/messages.ts";
export type { Contradiction, Statement } from "../core/messages/evidence.ts";

// Their bytes.
export {
  type BatchContent,
  type Bundle,
  type BundleOptions,
  decodeBatch,
  decodeBundle,
  DecodeError,
  decodeEvidence,
  decodeFrame,
  encodeBatch,
  encodeBundle,
  encodeEvidence,
  encodeFrame,
  encodeGenesis,
  encodeMessage,
  type EvidenceItem,
  type Frame,
  parseGenesis,
  PROTOCOL,
  type ReplyPath,
  signedDomain,
  type SignedKind,
  WIRE_VERSION,
  type WireLimits,
  wireLimits,
} from "../wire/mod.ts";

// What a replica tells its host.
export type { DiscardReason, LeaveReason, ReplicaEvent, SuspicionReason } from "../core/events.ts";
export { InvariantError, type InvariantKind } from "../core/invariant.ts";
export type { ReplicaStatus } from "../core/io.ts";
export type {
  Connections,
  Cryptography,
  InputFault,
  Lane,
  LinkStatus,
  Rejection,
  RejectionReason,
  RunningDelivery,
  Signer,
  Verifier,
  WaitingFrames,
} from "../node/ports.ts";
export type { GatewayAnswer } from "../node/gateway/gateway_operations.ts";
export type { SubmitOptions } from "../node/gateway/submit.ts";
export type { FrameSource } from "../node/in/intake.ts";
export type { Entered } from "../wire/epochs/mod.ts";
export type { EpochEntry } from "../node/epochs/epoch_start.ts";
export type { NodeUsage } from "../node/in/usage.ts";
export type { NodeLimits } from "../node/limits.ts";
export type { OutboxStatus } from "../node/status.ts";
export type { Epoch } from "../wire/epochs/mod.ts";
export type { HostEvent } from "../node/host_event.ts";
export type { ChangedBatch, ChangeLog } from "../node/watching/change_log.ts";
export type { Scrubbed } from "../node/repair/scrub.ts";
export type { MessageListener, MessageSummary, PayloadItem, Seen } from "../node/watching/seen.ts";
