/**
 * The `configure` operation: the next configuration with the approvals of a quorum of members. It is ordered like any
 * operation. It is text, so that it can also be sent as the operation of `POST /req`.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import type { Plain } from "../../core/io.ts";
import { fromBase64, toBase64 } from "../codec/base64.ts";
import { DecodeError } from "../codec/decode_error.ts";
import { pack, unpack } from "../codec/plain.ts";
import { fromUtf8, utf8 } from "../codec/utf8.ts";
import { SIGNATURE_BYTES } from "../messages/signed.ts";
import { type Configuration, decodeConfiguration, MAX_CONFIGURATION_BYTES } from "./configuration.ts";
import {
  type Approval,
  approvalChecks,
  checkNext,
  ConfigureError,
  type Epoch,
  type SignatureCheck,
  wrongSignature,
} from "./epoch.ts";

/** The first bytes of every `configure` operation. No state machine is given an operation that begins so. */
export const CONFIGURE_PREFIX = "pbft/1 configure ";
const PREFIX = utf8(CONFIGURE_PREFIX);
/** The most approvals: no genesis can have more members. */
const MAX_APPROVALS = 1_024;
/** The largest operation, bytes. */
const MAX_BYTES = PREFIX.length + 2 * (MAX_CONFIGURATION_BYTES + MAX_APPROVALS * (SIGNATURE_BYTES + 8));

/** A configuration and who approves of it. */
export interface Approved {
  /** The canonical bytes of the configuration. */
  readonly configuration: Uint8Array;
  /** Those who approve, by ascending member. */
  readonly approvals: readonly Approval[];
}

/** Whether an operation is a `configure`, valid or not. */
export function isConfigure(operation: Uint8Array): boolean {
  return operation.length >= PREFIX.length && PREFIX.every((byte, i) => operation[i] === byte);
}

/** The operation that proposes this. */
export function encodeConfigure({ configuration, approvals }: Approved): Uint8Array {
  return utf8(CONFIGURE_PREFIX + toBase64(pack([configuration, plainApprovals(approvals)])));
}

/** Approvals as a plain value, by ascending member. */
export function plainApprovals(approvals: readonly Approval[]): Plain {
  return [...approvals].sort((a, b) => a.member - b.member).map(({ member, signature }) => [member, signature]);
}

/** The inverse of {@linkcode plainApprovals}. @throws {DecodeError} if the value is another one. */
export function approvalsOf(plain: Plain | undefined): readonly Approval[] {
  if (!Array.isArray(plain) || plain.length > MAX_APPROVALS) {
    throw new DecodeError("approvals", `a list of at most ${MAX_APPROVALS}`, "another value");
  }
  return (plain as readonly Plain[]).map((item, i) => {
    const [member, signature] = Array.isArray(item) && item.length === 2 ? item as readonly Plain[] : [];
    if (typeof member === "number" && signature instanceof Uint8Array) return { member, signature };
    throw new DecodeError(`approvals[${i}]`, "a member's number and a signature", "another value");
  });
}

/** A valid `configure` operation. */
export interface Accepted extends Approved {
  /** The decoded configuration. */
  readonly next: Configuration;
  /** Its hash. */
  readonly hash: Digest;
}

/** The synchronous cryptography that the check needs. */
export interface ConfigureCrypto {
  readonly hash: (bytes: Uint8Array) => Digest;
  readonly isSigned: (check: SignatureCheck) => boolean;
}

/**
 * Checks a `configure` operation against the present epoch: its form, its place in the chain, and its signatures. The
 * result depends on nothing else.
 * @throws {ConfigureError} with the reason.
 */
export function checkConfigure(epoch: Epoch, operation: Uint8Array, { hash, isSigned }: ConfigureCrypto): Accepted {
  const { configuration, approvals } = malformedUnless(() => decodeConfigure(operation));
  const next = malformedUnless(() => decodeConfiguration(configuration));
  checkNext(epoch, next);
  const hashed = hash(configuration);
  for (const check of approvalChecks(epoch, hashed, approvals)) if (!isSigned(check)) throw wrongSignature(check);
  return { configuration, approvals, next, hash: hashed };
}

/** Calls `read`. Any error becomes a {@linkcode ConfigureError} with the reason `malformed`. */
export function malformedUnless<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ConfigureError) throw error;
    throw new ConfigureError("malformed", error instanceof Error ? error.message : "it can't be read");
  }
}

/** The inverse of {@linkcode encodeConfigure}. @throws {DecodeError} if the operation has another form. */
export function decodeConfigure(operation: Uint8Array): Approved {
  if (!isConfigure(operation)) throw new DecodeError("operation", `${CONFIGURE_PREFIX}…`, "another operation");
  if (operation.length > MAX_BYTES) {
    throw new DecodeError("operation", `at most ${MAX_BYTES} bytes`, `${operation.length} bytes`, { tooLarge: true });
  }
  const plain = unpack(fromBase64(fromUtf8(operation.subarray(PREFIX.length))));
  const [configuration, approvals] = Array.isArray(plain) && plain.length === 2 ? plain as readonly Plain[] : [];
  if (!(configuration instanceof Uint8Array)) {
    throw new DecodeError("operation", "a configuration and its approvals", "another value");
  }
  return { configuration, approvals: approvalsOf(approvals) };
}
