/**
 * The client. It has operations executed by a cluster, and accepts only results that f + 1 replicas have signed.
 * For Deno, Node 20, Cloudflare Workers and browsers.
 * @module
 */
export { Client } from "./client.ts";
export type { CallSettings, WithSchema } from "./calls/settings.ts";
export type { ClientOptions } from "./options.ts";
export type { CallObserver, ClientObserver, RequestObserver, SentRequest } from "./observer.ts";
export type { Statement } from "../core/messages/evidence.ts";
export { verifyArchived } from "./proofs/archive.ts";
export type { ArchivedBatch } from "../node/ports.ts";
export { verifyChange } from "./proofs/change.ts";
export { verifyEvidence } from "./proofs/evidence.ts";
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
export { decodeReceipt, encodeReceipt, verifyReceipt } from "./proofs/receipt.ts";
export type { ExecutedBatch, Misconduct, ProvenChange, ProvenResult, Receipt } from "./proofs/proven.ts";
export { type ClusterFile, parseClusterFile, parseClusterText } from "../wire/cluster_file.ts";
export type { EvidenceItem } from "../wire/evidence.ts";
export { RejectedError } from "./typed/rejected_error.ts";
export {
  type CallArguments,
  createClient,
  type OperationCall,
  type ProvenCall,
  type QueryCall,
  type TypedClient,
} from "./typed/typed_client.ts";
export type { BatchEvent, ChangeEvent, MissedEvent, Watch, WatchedKeys, WatchSettings } from "./watch/events.ts";
export type { WatchVote } from "./watch/source.ts";
export type { CollectionNames, EntryEvent, FieldOf, KeyIn } from "./typed/watch.ts";
