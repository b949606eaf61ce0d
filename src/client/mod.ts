/**
 * The client. It has operations executed by a cluster, and accepts only results that f + 1 replicas have signed.
 * For Deno, Node 20 and browsers.
 * @module
 */
export { Client } from "./client.ts";
export type { CallSettings, WithSchema } from "./calls/settings.ts";
export type { ClientOptions } from "./options.ts";
export type { CallObserver, ClientObserver, RequestObserver, SentRequest } from "./observer.ts";
export type { Statement } from "../core/messages/evidence.ts";
export { type ExecutedBatch, verifyArchived } from "./proofs/archive.ts";
export type { ArchivedBatch } from "../node/ports.ts";
export { type Misconduct, verifyEvidence } from "./proofs/evidence.ts";
export {
  ClientClosedError,
  ClientError,
  type Effect,
  EvidenceError,
  OperationRejectedError,
  QueryRejectedError,
  QueueFullError,
  RefusedError,
  RequestDeniedError,
  SessionExpiredError,
  TimeoutError,
} from "./errors.ts";
export type { Operation } from "./calls/operation.ts";
export { Outcome } from "./calls/outcome.ts";
export { ProofError } from "./proofs/proof_error.ts";
export { decodeReceipt, encodeReceipt, type ProvenResult, type Receipt, verifyReceipt } from "./proofs/receipt.ts";
export { type ClusterFile, type EvidenceItem, parseClusterFile, parseClusterText } from "../wire/mod.ts";
export { RejectedError } from "./typed/rejected_error.ts";
export {
  type CallArguments,
  createClient,
  type OperationCall,
  type ProvenCall,
  type QueryCall,
  type TypedClient,
} from "./typed/typed_client.ts";
export type { BatchEvent, ChangeEvent, MissedEvent, WatchedKeys, WatchSettings } from "./watch/events.ts";
export type { Watch } from "./watch/watch.ts";
export type { WatchVote } from "./watch/source.ts";
export type { CollectionNames, EntryEvent, FieldOf, KeyIn } from "./typed/watch.ts";
