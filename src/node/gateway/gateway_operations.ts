/**
 * Checks of operations of unsigned clients.
 * @module
 */
import type { Refusal, Result, VouchedOperation } from "../../core/messages/messages.ts";
import { fromUtf8, MAX_NAME_BYTES, utf8 } from "../../wire/mod.ts";
import type { Rejection } from "../ports.ts";

const EXPIRED: Refusal = "expired";
/** Maximum overhead of an operation beside its name and its bytes, bytes. */
const OPERATION_OVERHEAD_BYTES = 32;

/** Whether an operation was refused because its gateway request had expired. */
export function isExpired({ status, value }: Result): boolean {
  return status === "refused" && fromUtf8(value) === EXPIRED;
}

/** @throws {TypeError} or {@linkcode RangeError} if the operation at `index` is invalid. */
export function checkOperation({ name, timestamp, operation }: VouchedOperation, index: number): void {
  const at = `operations[${index}]`;
  const nameBytes = utf8(name).length;
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
export function operationBytes({ name, operation }: VouchedOperation): number {
  return utf8(name).length + operation.length + OPERATION_OVERHEAD_BYTES;
}

/** Makes a rejection of a gateway. */
export function rejected(reason: Rejection["reason"], detail: string): Rejection {
  return { reason, kind: "gateway-request", detail };
}
