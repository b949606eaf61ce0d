/**
 * The manifest of a snapshot: which state it holds, and the proof that the cluster agreed on it.
 * @module
 */
import type { Genesis } from "../core/config.ts";
import type { Digest, SequenceNumber } from "../core/messages/ids.ts";
import { isStableCertificate } from "../core/messages/certificates.ts";
import type { Checkpoint, Signed } from "../core/messages/messages.ts";
import { clusterId, createVerifier } from "../crypto/mod.ts";
import { decodeFrame, fromBase64, parseGenesis, toBase64, wireLimits } from "../wire/mod.ts";
import { SnapshotError } from "./snapshot_error.ts";

/** The format of manifests. A newer one is refused. */
const FORMAT = 1;

/** A certified state: the certificate of a stable checkpoint, in the cluster that gave it. */
export interface SnapshotHead {
  /** The genesis of the cluster. */
  readonly genesis: Genesis;
  /** The frames of a quorum of checkpoint messages. */
  readonly certificate: readonly Uint8Array[];
}

/** What the certificate of a snapshot proves. */
export interface ProvenHead {
  /** The genesis of the cluster. */
  readonly genesis: Genesis;
  /** The id of the cluster. */
  readonly cluster: Digest;
  /** The number of the last batch that the state contains. */
  readonly sequence: SequenceNumber;
  /** The digest of the state's root page. */
  readonly root: Digest;
  /** The checkpoint messages. */
  readonly certificate: readonly Signed<Checkpoint>[];
}

/** The manifest as JSON. */
export function encodeManifest({ genesis, certificate }: SnapshotHead): Uint8Array {
  const json = { format: FORMAT, genesis, certificate: certificate.map((frame) => toBase64(frame)) };
  return new TextEncoder().encode(JSON.stringify(json, null, 2) + "\n");
}

/**
 * The inverse of {@linkcode encodeManifest}. Nothing is proven yet.
 * @throws {SnapshotError} that names the field.
 */
export function decodeManifest(bytes: Uint8Array): SnapshotHead {
  const json = attempt("manifest", () => JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  const { format, genesis, certificate } = (json ?? {}) as Record<string, unknown>;
  if (typeof format !== "number" || format > FORMAT) {
    throw new SnapshotError(
      `format: expected ${FORMAT}, got ${JSON.stringify(format)}: a newer version may have written it`,
    );
  }
  if (!Array.isArray(certificate) || !certificate.every((frame) => typeof frame === "string")) {
    throw new SnapshotError("certificate: expected a list of frames in base64");
  }
  return {
    genesis: attempt("genesis", () => parseGenesis(genesis)),
    certificate: certificate.map((frame, i) => attempt(`certificate[${i}]`, () => fromBase64(frame))),
  };
}

/**
 * Checks that a quorum of the genesis's members have signed the checkpoint. `trusted`: the genesis that the caller
 * knows; without it the caller must compare the cluster's id by other means, because anybody can make a genesis.
 * @throws {SnapshotError} with the reason, if nothing is proven.
 */
export function proveHead({ genesis, certificate: frames }: SnapshotHead, trusted?: Genesis): ProvenHead {
  const cluster = clusterId(genesis);
  if (trusted && clusterId(trusted) !== cluster) {
    throw new SnapshotError(`genesis: expected that of cluster ${clusterId(trusted)}, got that of cluster ${cluster}`);
  }
  const verifier = createVerifier(cluster);
  const certificate = frames.map((frame, i) => {
    const { signed } = attempt(`certificate[${i}]`, () => decodeFrame(frame, wireLimits(genesis)));
    const { message, bytes, signature } = signed;
    if (message.kind !== "checkpoint") {
      throw new SnapshotError(`certificate[${i}]: expected a checkpoint message, got a ${message.kind}`);
    }
    const member = genesis.replicas[message.replica];
    if (!member) throw new SnapshotError(`certificate[${i}]: replica ${message.replica} is not a member`);
    if (!verifier.verify(member.publicKey, "checkpoint", bytes, signature)) {
      throw new SnapshotError(`certificate[${i}]: expected ${member.name}'s signature, got one that is not valid`);
    }
    return signed as Signed<Checkpoint>;
  });
  const first = certificate[0];
  if (!first || !isStableCertificate(certificate as never, genesis)) {
    throw new SnapshotError(
      "certificate: expected checkpoint messages of a quorum of members for one state, each member once",
    );
  }
  return { genesis, cluster, sequence: first.message.sequence, root: first.message.digest, certificate };
}

function attempt<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new SnapshotError(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
