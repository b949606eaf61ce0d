/**
 * Links: the proof that one epoch ended with a certain checkpoint, and which configuration follows. Whoever trusts an
 * epoch can check the link after it, and needs to trust nobody who passes it on.
 *
 * A link holds the certificate of the checkpoint that closed the epoch (a quorum of checkpoint messages, signed in that
 * epoch), and three blobs of the checkpoint's state: the root page, the page that lists the chunk of the pending
 * configuration, and this chunk. The certificate binds the root page, and each blob the next one by its digest. The
 * chunk holds the configuration and the approvals of a quorum of members.
 * @module
 */
import type { Digest, SequenceNumber } from "../../core/messages/ids.ts";
import type { Plain } from "../../core/io.ts";
import type { Checkpoint, Signed } from "../../core/messages/messages.ts";
import { isStableCertificate } from "../../core/messages/certificates.ts";
import { CONFIGURATION_CHUNK, pendingOf } from "../../core/epochs/pending.ts";
import { entriesOf, readChunk, readPage, readRoot } from "../../core/tree/state_tree.ts";
import { DecodeError, inside } from "../codec/decode_error.ts";
import { pack, unpack } from "../codec/plain.ts";
import { decodeFrame, encodeFrame } from "../messages/frame.ts";
import { PROTOCOL } from "../messages/domain.ts";
import { wireLimits } from "../messages/limits.ts";
import { decodeConfiguration } from "./configuration.ts";
import { approvalChecks, checkNext, type Epoch, type SignatureCheck, wrongSignature } from "./epoch.ts";
import { approvalsOf } from "./operation.ts";

/** The end of one epoch and the beginning of the next. */
export interface Link {
  /** Frames of a quorum of equal checkpoint messages of the epoch that ended. */
  readonly certificate: readonly Uint8Array[];
  /** The root page, the page that lists the chunk, and the chunk. */
  readonly proof: readonly [root: Uint8Array, page: Uint8Array, chunk: Uint8Array];
}

/** The cryptography that following a chain needs: that of replicas, or Web Crypto. */
export interface ChainCrypto {
  /** SHA-256. */
  readonly hash: (bytes: Uint8Array) => Digest | Promise<Digest>;
  /** Whether a signature is valid. */
  readonly isSigned: (check: SignatureCheck) => boolean | Promise<boolean>;
}

/** A link that does not prove what it claims. */
export class LinkError extends Error {
  /** @ignore */
  override name = "LinkError";
}

const TITLE = `${PROTOCOL} link`;
/** The most messages in a certificate. */
const MAX_CERTIFICATE = 1_024;

/** The canonical bytes of a link. */
export function encodeLink({ certificate, proof }: Link): Uint8Array {
  return pack([TITLE, certificate, proof]);
}

/** The inverse of {@linkcode encodeLink}. @throws {DecodeError} if `bytes` are not exactly one link. */
export function decodeLink(bytes: Uint8Array): Link {
  const [title, certificate, proof] = listOf(unpack(bytes), "link", 3);
  if (title !== TITLE) throw new DecodeError("link.title", TITLE, typeof title === "string" ? title : "another value");
  const frames = listOf(certificate, "link.certificate").map((frame, i) => bytesOf(frame, `link.certificate[${i}]`));
  if (frames.length > MAX_CERTIFICATE) {
    throw new DecodeError("link.certificate", `at most ${MAX_CERTIFICATE} messages`, `${frames.length}`);
  }
  const [root, page, chunk] = listOf(proof, "link.proof", 3).map((blob, i) => bytesOf(blob, `link.proof[${i}]`));
  return { certificate: frames, proof: [root!, page!, chunk!] };
}

function listOf(plain: Plain | undefined, field: string, length?: number): readonly Plain[] {
  if (Array.isArray(plain) && (length === undefined || plain.length === length)) return plain;
  throw new DecodeError(field, length === undefined ? "a list" : `a list of ${length}`, "another value");
}

function bytesOf(plain: Plain, field: string): Uint8Array {
  if (plain instanceof Uint8Array) return plain;
  throw new DecodeError(field, "a byte string", "another value");
}

/**
 * Follows one link: checks all of it against the epoch that it ends, and returns the next epoch.
 * @throws {LinkError} if the link does not prove that the next epoch follows on `epoch`.
 */
export async function followLink(epoch: Epoch, { certificate, proof }: Link, by: ChainCrypto): Promise<Epoch> {
  try {
    const checkpoint = await checkStable(epoch, certificate, by);
    const next = await provenNext(epoch, checkpoint, proof, by);
    return next;
  } catch (error) {
    if (error instanceof LinkError) throw error;
    // Whatever hostile bytes make the readers throw, they prove nothing.
    throw new LinkError(`the link after epoch ${epoch.number}: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * Checks frames of a quorum of equal checkpoint messages of this epoch, above its start: a quorum of its members has the
 * state at that number.
 * @throws {LinkError}, or {@linkcode DecodeError}, if they are no such certificate.
 */
export async function checkStable(
  { genesis, context, number, start }: Epoch,
  frames: readonly Uint8Array[],
  { isSigned }: ChainCrypto,
): Promise<Checkpoint> {
  const limits = wireLimits(genesis);
  const signed = frames.map((frame) => decodeFrame(frame, limits).signed);
  const first = signed[0]?.message;
  if (first?.kind !== "checkpoint") throw new LinkError("certificate: expected checkpoint messages, got none");
  if (!signed.every(({ message }) => message.kind === "checkpoint" && message.replica < genesis.replicas.length)) {
    throw new LinkError("certificate: expected checkpoint messages of members, got others");
  }
  if (!isStableCertificate(signed as Signed<Checkpoint>[], genesis)) {
    throw new LinkError("certificate: expected equal checkpoint messages of a quorum of members, got others");
  }
  if (first.sequence <= (start?.sequence ?? 0)) {
    throw new LinkError(`certificate: expected a number above ${start?.sequence}, got ${first.sequence}`);
  }
  for (const { message, bytes, signature } of signed as Signed<Checkpoint>[]) {
    const { publicKey } = genesis.replicas[message.replica]!;
    const check: SignatureCheck = { publicKey, context, epoch: number, kind: "checkpoint", bytes, signature };
    if (!await isSigned(check)) throw wrongSignature(check);
  }
  return first;
}

async function provenNext(
  epoch: Epoch,
  { sequence, digest }: Checkpoint,
  [rootBytes, pageBytes, chunkBytes]: Link["proof"],
  { hash, isSigned }: ChainCrypto,
): Promise<Epoch> {
  await expectDigest("root", digest, hash(rootBytes));
  const root = readRoot(unpack(rootBytes));
  if (root.sequence !== sequence) throw new LinkError(`root: expected number ${sequence}, got ${root.sequence}`);
  const pageDigest = await hash(pageBytes);
  if (!root.pages.some(([, page]) => page === pageDigest)) {
    throw new LinkError("page: expected one of the root's pages");
  }
  const listed = entriesOf(readPage(unpack(pageBytes))).find(([id]) => id === CONFIGURATION_CHUNK)?.[1];
  if (listed === undefined) throw new LinkError("page: expected one that lists a pending configuration");
  await expectDigest("chunk", listed, hash(chunkBytes));
  const [id, content] = readChunk(unpack(chunkBytes));
  if (id !== CONFIGURATION_CHUNK) throw new LinkError("chunk: expected that of the pending configuration");
  const pending = pendingOf(unpack(content));
  if (pending.closesAt !== sequence) {
    throw new LinkError(`chunk: expected an epoch that closes at ${sequence}, got ${pending.closesAt}`);
  }
  const next = decodeConfiguration(pending.configuration);
  checkNext(epoch, next);
  if (pending.epoch !== next.epoch) throw new LinkError(`chunk: expected epoch ${next.epoch}, got ${pending.epoch}`);
  const context = await hash(pending.configuration);
  for (const check of approvalChecks(epoch, context, approvalsOf(pending.approvals))) {
    if (!await isSigned(check)) throw wrongSignature(check);
  }
  const { cluster } = epoch;
  const start = { sequence: sequence as SequenceNumber, root: digest };
  // If the migration has failed, a quorum has signed that, and the former version stays in force.
  const genesis = pending.hasFailed ? { ...next.genesis, stateMachine: epoch.genesis.stateMachine } : next.genesis;
  return { cluster, number: next.epoch, context, genesis, urls: next.urls, start };
}

async function expectDigest(what: string, expected: Digest, got: Digest | Promise<Digest>): Promise<void> {
  const found = await got;
  if (found !== expected) throw new LinkError(`${what}: expected bytes with digest ${expected}, got ${found}`);
}

/**
 * Makes the link after `epoch` of its closing certificate and of blobs of its state. `read` gives a blob by its digest.
 * @throws {LinkError} if the state has no pending configuration.
 */
export async function makeLink(
  certificate: readonly Signed<Checkpoint>[],
  read: (digest: Digest) => Promise<Uint8Array>,
): Promise<Link> {
  const rootBytes = await read(certificate[0]!.message.digest);
  for (const page of pagesWith(readRoot(unpack(rootBytes)).pages)) {
    const pageBytes = await read(page);
    const chunk = entriesOf(readPage(unpack(pageBytes))).find(([id]) => id === CONFIGURATION_CHUNK)?.[1];
    if (chunk === undefined) continue;
    const frames = certificate.map((checkpoint) => encodeFrame(checkpoint));
    return { certificate: frames, proof: [rootBytes, pageBytes, await read(chunk)] };
  }
  throw new LinkError("the state of the closing checkpoint has no pending configuration");
}

/** The pages that may list the chunk, the likeliest first. */
function pagesWith(pages: readonly (readonly [id: string, digest: Digest])[]): readonly Digest[] {
  const last = pages.findLastIndex(([id]) => id <= CONFIGURATION_CHUNK);
  return pages.slice(0, Math.max(last, 0) + 1).reverse().map(([, digest]) => digest);
}

/** Rethrows with the place of the link in a chain. */
export function insideChain(index: number, error: unknown): unknown {
  return error instanceof LinkError
    ? new LinkError(`links[${index}]: ${error.message}`)
    : inside(`links[${index}]`, error);
}
