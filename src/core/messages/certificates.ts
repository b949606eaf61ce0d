/**
 * Certificates: quorums of messages that agree. These are pure functions of the messages; the gate has checked the
 * signatures.
 * @module
 */
import { type SequenceNumber, sequenceNumber } from "./ids.ts";
import type { PreparedCertificate, Signed, Verified, ViewChange } from "./messages.ts";
import type { Genesis, Terms } from "../config.ts";
import { primaryOf, quorum } from "./quorum.ts";
import type { Checkpoint } from "./agreement.ts";

/** A quorum of equal checkpoint messages. */
export type StableCertificate = readonly Verified<Signed<Checkpoint>>[];

/** The sequence number of a stable certificate; 0 for the empty one of the initial state. */
export function stableSequence(certificate: readonly Signed<Checkpoint>[]): SequenceNumber {
  return certificate[0]?.message.sequence ?? sequenceNumber(0);
}

/** The checkpoint of a certificate; of an empty one the checkpoint at which the epoch starts. `null` in epoch 0. */
export function checkpointOf(
  certificate: readonly Signed<Checkpoint>[],
  { start }: Pick<Terms, "start">,
): Pick<Checkpoint, "sequence" | "digest"> | null {
  return certificate[0]?.message ?? (start ? { sequence: start.sequence, digest: start.root } : null);
}

/** The low watermark that a certificate proves. An empty one stands for the start of the epoch. */
export function lowWatermarkOf(
  certificate: readonly Signed<Checkpoint>[],
  terms: Pick<Terms, "start">,
): SequenceNumber {
  return checkpointOf(certificate, terms)?.sequence ?? sequenceNumber(0);
}

/**
 * Whether this is a quorum of equal checkpoint messages of distinct replicas, or the empty certificate of the initial
 * state.
 */
export function isStableCertificate(certificate: ViewChange["stable"], genesis: Terms): boolean {
  const first = certificate[0]?.message;
  if (!first) return true;
  return certificate.length >= quorum(genesis.replicas.length) && first.sequence > (genesis.start?.sequence ?? 0) &&
    first.sequence % genesis.checkpointInterval === 0 &&
    certificate.every(({ message: m }) => m.sequence === first.sequence && m.digest === first.digest) &&
    areDistinct(certificate.map(({ message }) => message.replica));
}

/** Whether this is a pre-prepare of its view's primary with quorum - 1 matching prepares of distinct backups. */
export function isPreparedCertificate({ prePrepare, prepares }: PreparedCertificate, genesis: Genesis): boolean {
  const n = genesis.replicas.length;
  const { replica: primary, view, sequence, digest } = prePrepare.message;
  return primary === primaryOf(view, n) && prepares.length >= quorum(n) - 1 &&
    prepares.every(({ message: p }) =>
      p.view === view && p.sequence === sequence && p.digest === digest && p.replica !== primary
    ) &&
    areDistinct(prepares.map(({ message }) => message.replica));
}

/** Whether no value occurs twice. */
export function areDistinct(values: readonly number[]): boolean {
  return new Set(values).size === values.length;
}
