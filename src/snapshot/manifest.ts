/**
 * The manifest of a snapshot: which state it holds, and the proof that the cluster agreed on it. In a later epoch the
 * proof begins with the chain of epochs.
 * @module
 */
import type { Genesis } from "../core/config.ts";
import type { Digest, SequenceNumber } from "../core/messages/ids.ts";
import { isStableCertificate } from "../core/messages/certificates.ts";
import type { Checkpoint, Signed } from "../core/messages/messages.ts";
import { clusterId, createVerifier } from "../crypto/mod.ts";
import { termsOf } from "../node/epochs/cryptography.ts";
import type { Epoch } from "../wire/epochs/mod.ts";
import { decodeFrame, fromBase64, parseGenesis, toBase64, wireLimits } from "../wire/mod.ts";
import { SnapshotError } from "./snapshot_error.ts";
import { checkAgreement, checkWithin, epochsOf, type Trust } from "./trust.ts";

/** The format of a manifest of epoch 0, which earlier versions read too. */
const FIRST_FORMAT = 1;
/** The format of one with a chain of epochs. A newer one is refused. */
const FORMAT = 2;

/** A certified state: the certificate of a stable checkpoint, in the epoch that gave it. */
export interface SnapshotHead {
  /** The genesis of the cluster. */
  readonly genesis: Genesis;
  /** The links from there to the epoch of the checkpoint. Left out in epoch 0. */
  readonly chain?: readonly Uint8Array[];
  /**
   * The frames of a quorum of checkpoint messages. Empty before the first stable checkpoint of the epoch: then it is the
   * state at the start of the epoch.
   */
  readonly certificate: readonly Uint8Array[];
}

/** What a snapshot's manifest proves. */
export interface ProvenHead {
  /** The genesis of the cluster. */
  readonly genesis: Genesis;
  /** The id of the cluster. */
  readonly cluster: Digest;
  /** The epoch of the checkpoint. Its members have signed it, or the members of the one before if the epoch starts with it. */
  readonly epoch: Epoch;
  /** All epochs that the snapshot and the caller know. */
  readonly epochs: readonly Epoch[];
  /** The links that lead to the last of them. */
  readonly chain: readonly Uint8Array[];
  /** The number of the last batch that the state contains. */
  readonly sequence: SequenceNumber;
  /** The digest of the state's root page. */
  readonly root: Digest;
  /** The checkpoint messages; none if the last link, or the origin in the genesis, proves the state. */
  readonly certificate: readonly Signed<Checkpoint>[];
}

/** The manifest as JSON. */
export function encodeManifest({ genesis, chain = [], certificate }: SnapshotHead): Uint8Array {
  const json = {
    format: chain.length === 0 ? FIRST_FORMAT : FORMAT,
    genesis,
    ...(chain.length > 0 && { chain: chain.map(toBase64) }),
    certificate: certificate.map(toBase64),
  };
  return new TextEncoder().encode(JSON.stringify(json, null, 2) + "\n");
}

/**
 * The inverse of {@linkcode encodeManifest}. Nothing is proven yet. `key`: where it was found, for the error.
 * @throws {SnapshotError} that names the field.
 */
export function decodeManifest(bytes: Uint8Array, key?: string): SnapshotHead {
  if (key === undefined) return headIn(bytes);
  try {
    return headIn(bytes);
  } catch (error) {
    throw new SnapshotError(`${key}: ${(error as Error).message}`);
  }
}

function headIn(bytes: Uint8Array): SnapshotHead {
  const json = attempt("manifest", () => JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  const { format, genesis, chain, certificate } = (json ?? {}) as Record<string, unknown>;
  if (format !== FIRST_FORMAT && format !== FORMAT) {
    throw new SnapshotError(
      `format: expected ${FIRST_FORMAT} or ${FORMAT}, got ${
        JSON.stringify(format)
      }: a newer version may have written it`,
    );
  }
  return {
    genesis: attempt("genesis", () => parseGenesis(genesis)),
    ...(format === FORMAT && { chain: listOf(chain, "chain") }),
    certificate: listOf(certificate, "certificate"),
  };
}

function listOf(value: unknown, field: string): readonly Uint8Array[] {
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) {
    return value.map((item, i) => attempt(`${field}[${i}]`, () => fromBase64(item)));
  }
  throw new SnapshotError(`${field}: expected a list of texts in base64`);
}

/**
 * Checks the chain of epochs, that it agrees with what the caller knows, and that a quorum of the members of its last
 * epoch have signed the checkpoint.
 * @throws {SnapshotError} with the reason, if nothing is proven.
 */
export async function proveHead(
  { genesis, chain = [], certificate: frames }: SnapshotHead,
  trust: Trust = {},
): Promise<ProvenHead> {
  const cluster = clusterId(genesis);
  if (trust.genesis && clusterId(trust.genesis) !== cluster) {
    throw new SnapshotError(
      `genesis: expected that of cluster ${clusterId(trust.genesis)}, got that of cluster ${cluster}`,
    );
  }
  const shown = await epochsOf(genesis, chain);
  const known = await epochsOf(genesis, trust.chain ?? [], "the chain that is trusted");
  checkAgreement(known, shown);
  const epoch = shown.at(-1)!;
  const certificate = frames.map((frame, i) => checkpointIn(frame, `certificate[${i}]`, epoch));
  const stable = certificate[0]?.message;
  const state = stable ? { sequence: stable.sequence, root: stable.digest } : epoch.start;
  if (!state || !isStableCertificate(certificate as never, termsOf(epoch))) {
    throw new SnapshotError(
      "certificate: expected checkpoint messages of a quorum of members for one state, each member once",
    );
  }
  checkWithin(known, epoch, state);
  const [epochs, links] = known.length > shown.length ? [known, trust.chain!] : [shown, chain];
  return { genesis, cluster, epoch, epochs, chain: links, ...state, certificate };
}

/** A checkpoint message that a member of this epoch has signed. */
function checkpointIn(frame: Uint8Array, at: string, { genesis, context, number }: Epoch): Signed<Checkpoint> {
  const { signed } = attempt(at, () => decodeFrame(frame, wireLimits(genesis)));
  const { message, bytes, signature } = signed;
  if (message.kind !== "checkpoint") {
    throw new SnapshotError(`${at}: expected a checkpoint message, got a ${message.kind}`);
  }
  const member = genesis.replicas[message.replica];
  if (!member) throw new SnapshotError(`${at}: replica ${message.replica} is not a member`);
  if (createVerifier(context, number).verify(member.publicKey, "checkpoint", bytes, signature)) {
    return signed as Signed<Checkpoint>;
  }
  throw new SnapshotError(`${at}: expected ${member.name}'s signature, got one that is not valid`);
}

function attempt<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    // A JSON error shows some of the text, line ends included.
    throw new SnapshotError(
      `${what}: ${(error instanceof Error ? error.message : String(error)).replace(/\s+/g, " ")}`,
    );
  }
}
