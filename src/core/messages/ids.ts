/**
 * The numbers and names of the protocol. They are branded, so that the compiler does not let one stand for another.
 * @module
 */

/** A `T` that the compiler keeps apart from other `T`s. The brand exists in the types only, not at run time. */
export type Brand<T, B extends string> = T & { readonly "~brand": B };

/** A view's number: 0, 1, 2, … Each view has one primary (PBFT §4). */
export type View = Brand<number, "View">;
/** A sequence number: 1, 2, 3, … in the order of batches; 0 stands for the initial state. */
export type SequenceNumber = Brand<number, "SequenceNumber">;
/** A replica's index in the genesis: 0 to n - 1. */
export type ReplicaId = Brand<number, "ReplicaId">;
/** Milliseconds since the Unix epoch. */
export type Millis = Brand<number, "Millis">;
/** A SHA-256 digest as 64 lower-case hexadecimal digits. */
export type Digest = Brand<string, "Digest">;
/** A signed client's identity: its Ed25519 public key as 64 lower-case hexadecimal digits. */
export type ClientId = Brand<string, "ClientId">;

function natural(value: number, name: string): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${name}: expected an integer from 0 to 2^53 - 1, got ${value}`);
  }
  return value;
}

function hex64(value: string, name: string): string {
  if (!/^[0-9a-f]{64}$/.test(value)) {
    throw new RangeError(`${name}: expected 64 lower-case hexadecimal digits, got ${JSON.stringify(value)}`);
  }
  return value;
}

/** Makes a {@linkcode View}. @throws {RangeError} if `value` is not a natural number. */
export function view(value: number): View {
  return natural(value, "view") as View;
}

/** Makes a {@linkcode SequenceNumber}. @throws {RangeError} if `value` is not a natural number. */
export function sequenceNumber(value: number): SequenceNumber {
  return natural(value, "sequence number") as SequenceNumber;
}

/** Makes a {@linkcode ReplicaId}. @throws {RangeError} if `value` is not a natural number. */
export function replicaId(value: number): ReplicaId {
  return natural(value, "replica id") as ReplicaId;
}

/** Makes {@linkcode Millis}. @throws {RangeError} if `value` is not a natural number. */
export function millis(value: number): Millis {
  return natural(value, "milliseconds") as Millis;
}

/** Makes a {@linkcode Digest}. @throws {RangeError} if `value` is not 64 lower-case hex digits. */
export function digest(value: string): Digest {
  return hex64(value, "digest") as Digest;
}

/** Makes a {@linkcode ClientId}. @throws {RangeError} if `value` is not 64 lower-case hex digits. */
export function clientId(value: string): ClientId {
  return hex64(value, "client id") as ClientId;
}
