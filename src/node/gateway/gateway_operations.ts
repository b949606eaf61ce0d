/**
 * Operations of unsigned clients: their checks and their outcome.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Digest, ReplicaId, View } from "../../core/messages/ids.ts";
import type { GatewayOperation, Refusal, Reply, Result } from "../../core/messages/messages.ts";
import { fromUtf8, MAX_BODY_BYTES, MAX_NAME_BYTES, utf8 } from "../../wire/mod.ts";
import type { Rejection } from "../ports.ts";

const EXPIRED: Refusal = "expired";
/** Maximum overhead of an operation beside its name and its bytes, bytes. */
const OPERATION_OVERHEAD_BYTES = 32;
/** Maximum overhead of a reply per result, bytes. */
const RESULT_OVERHEAD_BYTES = 32;

/** The most operations in one request: the reply must fit into one frame, even with the longest results. */
export function maxOperationsOf({ limits }: Genesis): number {
  const fitting = Math.floor(MAX_BODY_BYTES / (limits.maxResultBytes + RESULT_OVERHEAD_BYTES)) - 1;
  return Math.max(1, Math.min(limits.maxRequestOperations, fitting));
}

/** The outcome of operations, once f + 1 replicas agree on it. */
export interface GatewayAnswer {
  /** The digest of the request that carried the operations. */
  readonly request: Digest;
  /** The highest view in the replies. It is not part of the agreement. */
  readonly view: View;
  /** One result per operation, in order. */
  readonly results: readonly Result[];
  /** The replicas that agree, ascending. */
  readonly voters: readonly ReplicaId[];
  /**
   * The names of the gateway and of those replicas. They are those of the epoch in which the operations were answered, which may be
   * later than the one in which they were asked: a caller who waits is answered by the node that follows.
   */
  readonly names: { readonly gateway: string; readonly voters: readonly string[] };
}

/** The answer of a gateway, made of equal replies of f + 1 replicas. */
export function answerOf(
  { request, results }: Reply,
  agreeing: readonly Reply[],
  { self, genesis: { replicas } }: { readonly self: ReplicaId; readonly genesis: Genesis },
): GatewayAnswer {
  const view = Math.max(...agreeing.map((agreed) => agreed.view)) as View;
  const voters = agreeing.map(({ replica }) => replica).sort((a, b) => a - b);
  const names = { gateway: replicas[self]!.name, voters: voters.map((id) => replicas[id]!.name) };
  return { request, view, results, voters, names };
}

/** Operations that stay together. */
export interface GatewayCall {
  readonly operations: readonly GatewayOperation[];
  /** The size of all of them. */
  readonly bytes: number;
}

/** The number of operations in all. */
export function operationsOf(calls: readonly GatewayCall[]): number {
  return calls.reduce((sum, { operations }) => sum + operations.length, 0);
}

/** How many of the first calls fit together. */
export function countFitting(
  calls: readonly GatewayCall[],
  { maxOperations, maxBytes }: { readonly maxOperations: number; readonly maxBytes: number },
): number {
  let [operations, bytes] = [0, 0];
  const over = calls.findIndex((call) => {
    operations += call.operations.length;
    bytes += call.bytes;
    return operations > maxOperations || bytes > maxBytes;
  });
  return over === -1 ? calls.length : over;
}

/** Whether an operation was refused because its gateway request had expired. */
export function isExpired({ status, value }: Result): boolean {
  return status === "refused" && fromUtf8(value) === EXPIRED;
}

/** @throws {TypeError} or {@linkcode RangeError} if the operation at `index` is invalid. */
export function checkOperation({ name, timestamp, operation }: GatewayOperation, index: number): void {
  const at = `operations[${index}]`;
  const nameBytes = utf8Length(name);
  if (nameBytes < 1 || nameBytes > MAX_NAME_BYTES) {
    throw new RangeError(`${at}.name: expected 1 to ${MAX_NAME_BYTES} bytes of UTF-8, got ${nameBytes}`);
  }
  if (!Number.isSafeInteger(timestamp) || timestamp < 0) {
    throw new RangeError(`${at}.timestamp: expected an integer from 0 to 2^53 - 1, got ${timestamp}`);
  }
  if (!(operation instanceof Uint8Array)) {
    throw new TypeError(`${at}.operation: expected a Uint8Array, got ${typeof operation}`);
  }
}

/** Size of an operation in a request, bytes. */
export function operationBytes({ name, operation }: GatewayOperation): number {
  return utf8Length(name) + operation.length + OPERATION_OVERHEAD_BYTES;
}

/** The length of a text in UTF-8, bytes. @throws {TypeError} if it has a lone surrogate. */
function utf8Length(text: string): number {
  // Most names are ASCII. Encoding a text takes a microsecond, and looking at its characters none.
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return utf8(text).length;
  return text.length;
}

/** Makes a rejection of a gateway. */
export function rejected(reason: Rejection["reason"], detail: string): Rejection {
  return { reason, kind: "gateway-request", detail };
}
