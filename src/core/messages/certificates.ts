/**
 * Certificates: a quorum of messages that agree. Pure functions of the messages; signatures were checked at the gate.
 * @module
 */
import type { SequenceNumber } from "./ids.ts";
import type { PreparedCertificate, Signed, Verified, ViewChange } from "./messages.ts";
import type { Genesis } from "../config.ts";
import { primaryOf, quorum } from "./quorum.ts";
import type { Checkpoint } from "./agreement.ts";

/** A quorum of equal checkpoint messages. */
export type StableCertificate = readonly Verified<Signed<Checkpoint>>[];

/** The number of a stable certificate; 0 for the empty one of the start. */
export function stableSequence(certificate: readonly Signed<Checkpoint>[]): SequenceNumber {
  return certificate[0]?.message.sequence ?? 0 as SequenceNumber;
}

/** The empty certificate of the start, or a quorum of equal checkpoint messages of distinct replicas. */
export function isStableCertificate(certificate: ViewChange["stable"], genesis: Genesis): boolean {
  const first = certificate[0]?.message;
  if (!first) return true;
  return certificate.length >= quorum(genesis.replicas.length) && first.sequence > 0 &&
    first.sequence % genesis.checkpointInterval === 0 &&
    certificate.every(({ message: m }) => m.sequence === first.sequence && m.digest === first.digest) &&
    areDistinct(certificate.map(({ message }) => message.replica));
}

/** A pre-prepare of its view's primary, and a quorum less one of prepares of distinct backups that match it. */
export function isPreparedCertificate({ prePrepare, prepares }: PreparedCertificate, genesis: Genesis): boolean {
  const n = genesis.replicas.length;
  const { replica: primary, view, sequence, digest } = prePrepare.message;
  return primary === primaryOf(view, n) && prepares.length >= quorum(n) - 1 &&
    prepares.every(({ message: p }) =>
      p.view === view && p.sequence === sequence && p.digest === digest && p.replica !== primary
    ) &&
    areDistinct(prepares.map(({ message }) => message.replica));
}

/** Whether no value is there twice. */
export function areDistinct(values: readonly number[]): boolean {
  return new Set(values).size === values.length;
}
