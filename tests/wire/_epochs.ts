/** A chain of epochs with real keys and real state trees, for tests. */
import { DEFAULT_LIMITS, type Genesis } from "../../src/core/config.ts";
import { CONFIGURATION_CHUNK, plainOf } from "../../src/core/epochs/pending.ts";
import type { Digest, Millis, ReplicaId, SequenceNumber } from "../../src/core/messages/ids.ts";
import type { Checkpoint, Signed } from "../../src/core/messages/messages.ts";
import { quorum } from "../../src/core/messages/quorum.ts";
import { StateTree } from "../../src/core/tree/state_tree.ts";
import { clusterId, createSigner, createVerifier, importKeyPair, sha256 } from "../../src/crypto/mod.ts";
import {
  approve,
  type ChainCrypto,
  type Change,
  decodeConfigure,
  encodeLink,
  type Epoch,
  firstEpoch,
  makeLink,
  operationOf,
  plainApprovals,
  type Proposal,
  propose,
  type SignatureCheck,
} from "../../src/wire/epochs/mod.ts";
import { encodeMessage, pack } from "../../src/wire/mod.ts";

export const isSigned = ({ publicKey, context, epoch, kind, bytes, signature }: SignatureCheck) =>
  createVerifier(context, epoch).verify(publicKey, kind, bytes, signature);
export const crypto: ChainCrypto = { hash: sha256, isSigned };

/** The key of a name: always the same. */
export const keyOf = (name: string) => importKeyPair(sha256(new TextEncoder().encode(name)));

export const memberOf = (name: string, key = name) => ({ name, publicKey: keyOf(key).publicKey });
export const urlOf = (name: string) => `http://${name.toLowerCase()}.example`;

/** Epoch 0 of these members. */
export function epochWith(names: readonly string[], changes: Partial<Genesis> = {}): Epoch {
  const genesis: Genesis = {
    name: "test",
    replicas: names.map((name) => memberOf(name)),
    checkpointInterval: 8,
    logWindow: 16,
    stateMachine: "key-value/1",
    limits: DEFAULT_LIMITS,
    ...changes,
  };
  return firstEpoch({ genesis, urls: urlsOf(names) }, clusterId(genesis));
}

export const urlsOf = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, urlOf(name)]));

/** A proposal with approvals of these members. `keys`: the seeds' names, if they are not the members' names. */
export async function approved(
  epoch: Epoch,
  change: Change,
  names: readonly string[],
  keys: (name: string) => string = (name) => name,
): Promise<Proposal> {
  let proposal = propose(epoch, change);
  for (const name of names) {
    const signer = createSigner(keyOf(keys(name)).privateKey, epoch.cluster, epoch.number + 1);
    proposal = await approve(epoch, proposal, { signer, hash: sha256 });
  }
  return proposal;
}

export const namesOf = ({ genesis }: Epoch) => genesis.replicas.map(({ name }) => name);
export const quorumOf = (epoch: Epoch) => namesOf(epoch).slice(0, quorum(epoch.genesis.replicas.length));

export interface LinkOptions {
  /** Who signs the checkpoint; by default a quorum. */
  readonly signers?: readonly number[];
  readonly closesAt?: number;
  readonly sequence?: number;
  /** Signs for another epoch or context. */
  readonly context?: Digest;
  readonly epoch?: number;
  readonly chunkEpoch?: number;
  readonly hasFailed?: boolean;
  readonly keys?: (name: string) => string;
}

/** An encoded link after `epoch` for an operation; `options` make it wrong. */
export async function linkOf(epoch: Epoch, operation: Uint8Array, options: LinkOptions = {}): Promise<Uint8Array> {
  const { sequence = (epoch.start?.sequence ?? 0) + 64, keys = (name) => name } = options;
  const { configuration, approvals } = decodeConfigure(operation);
  const tree = new StateTree({ hash: sha256, pack });
  const blobs = new Map<Digest, Uint8Array>();
  const pending = {
    epoch: options.chunkEpoch ?? epoch.number + 1,
    closesAt: (options.closesAt ?? sequence) as SequenceNumber,
    configuration,
    approvals: plainApprovals(approvals),
    hasFailed: options.hasFailed ?? false,
  };
  const chunks = Array.from({ length: 400 }, (_, i) => [`m${i}`, pack(["x".repeat(40), i])] as const);
  const sealed = tree.seal([...chunks, [CONFIGURATION_CHUNK, pack(plainOf(pending))]], {
    sequence: sequence as SequenceNumber,
    history: "0".repeat(64) as Digest,
    agreedTime: 1 as Millis,
  });
  for (const [digest, bytes] of sealed.blobs) blobs.set(digest, bytes);
  const signers = options.signers ?? quorumOf(epoch).map((_, i) => i);
  const certificate = signers.map((replica): Signed<Checkpoint> => {
    const message: Checkpoint = {
      kind: "checkpoint",
      replica: replica as ReplicaId,
      sequence: sequence as SequenceNumber,
      digest: sealed.root,
    };
    const bytes = encodeMessage(message);
    const { name } = epoch.genesis.replicas[replica]!;
    const signer = createSigner(
      keyOf(keys(name)).privateKey,
      options.context ?? epoch.context,
      options.epoch ?? epoch.number,
    );
    return { message, bytes, signature: signer.sign("checkpoint", bytes) };
  });
  return encodeLink(await makeLink(certificate, (digest) => Promise.resolve(blobs.get(digest)!)));
}

/** The operation of a change that a quorum approves of. */
export async function operationFor(epoch: Epoch, change: Change): Promise<Uint8Array> {
  return operationOf(epoch, await approved(epoch, change, quorumOf(epoch)));
}
