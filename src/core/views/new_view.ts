/**
 * The new-view computation (PBFT §4.4): what follows from a quorum of view-changes. The new primary computes it, and
 * every backup computes it again to check the new-view. These are pure functions of the messages; the gate has checked
 * the signatures.
 * @module
 */
import type { Terms } from "../config.ts";
import { type Digest, type SequenceNumber, sequenceNumber } from "../messages/ids.ts";
import { isProofOfLeaving } from "./leaving.ts";
import type { NewView, PreparedCertificate, Signed, ViewChange } from "../messages/messages.ts";
import { primaryOf, quorum } from "../messages/quorum.ts";
import {
  areDistinct,
  isPreparedCertificate,
  isStableCertificate,
  lowWatermarkOf,
  stableSequence,
} from "../messages/certificates.ts";

/** The result of the computation. */
export interface NewViewBasis {
  /** The certificate of min-s, the highest stable checkpoint in the view-changes. */
  readonly stable: ViewChange["stable"];
  /** For each number from min-s + 1 to max-s: the digest prepared in the highest view; `null` for a null request. */
  readonly digests: readonly (readonly [sequence: SequenceNumber, digest: Digest | null])[];
}

/** Computes min-s, max-s and the digests of O from V. */
export function computeNewView(
  viewChanges: readonly Signed<ViewChange>[],
  terms: Pick<Terms, "start">,
): NewViewBasis {
  let stable: ViewChange["stable"] = [];
  for (const { message } of viewChanges) {
    if (stableSequence(message.stable) > stableSequence(stable)) stable = message.stable;
  }
  const low = lowWatermarkOf(stable, terms);
  const best = new Map<SequenceNumber, PreparedCertificate["prePrepare"]["message"]>();
  let high: SequenceNumber = low;
  for (const { message } of viewChanges) {
    for (const { prePrepare: { message: prepared } } of message.prepared) {
      if (prepared.sequence <= low) continue;
      if (prepared.sequence > high) high = prepared.sequence;
      const known = best.get(prepared.sequence);
      if (!known || prepared.view > known.view) best.set(prepared.sequence, prepared);
    }
  }
  const digests: [SequenceNumber, Digest | null][] = [];
  for (let n = low + 1; n <= high; n++) {
    const sequence = sequenceNumber(n);
    digests.push([sequence, best.get(sequence)?.digest ?? null]);
  }
  return { stable, digests };
}

/**
 * Whether a view-change proves its claims: that its sender may leave, its checkpoint by a quorum, and each prepared
 * number by a certificate.
 */
export function isValidViewChange({ view, stable, prepared, suspicions }: ViewChange, genesis: Terms): boolean {
  if (view === 0 || !isProofOfLeaving(suspicions, view, genesis) || !isStableCertificate(stable, genesis)) return false;
  const low = lowWatermarkOf(stable, genesis);
  let previous: number = low;
  for (const certificate of prepared) {
    const { sequence, view: preparedIn } = certificate.prePrepare.message;
    if (sequence <= previous || sequence > low + genesis.logWindow || preparedIn >= view) return false;
    if (!isPreparedCertificate(certificate, genesis)) return false;
    previous = sequence;
  }
  return true;
}

/**
 * Whether a new-view comes from its view's primary, carries valid view-changes of a quorum, and has the O that follows
 * from them.
 */
export function isValidNewView(
  { replica, view, viewChanges, prePrepares }: NewView,
  genesis: Terms,
  nullDigest: Digest,
): boolean {
  const n = genesis.replicas.length;
  if (view === 0 || replica !== primaryOf(view, n) || viewChanges.length < quorum(n)) return false;
  if (!areDistinct(viewChanges.map(({ message }) => message.replica))) return false;
  if (!viewChanges.every(({ message }) => message.view === view && isValidViewChange(message, genesis))) return false;
  const { digests } = computeNewView(viewChanges, genesis);
  return prePrepares.length === digests.length && prePrepares.every(({ message }, i) => {
    const [sequence, digest] = digests[i]!;
    return message.replica === replica && message.view === view && message.sequence === sequence &&
      message.digest === (digest ?? nullDigest);
  });
}
