/**
 * The paper's rules for quorums, certificates and new views (PBFT §4.2 to §4.4), written independently of the core, so
 * that a mistake would have to be made twice to go unnoticed.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import type {
  Checkpoint,
  Commit,
  NewView,
  Prepare,
  PreparedCertificate,
  Signed,
  Suspicion,
  ViewChange,
} from "../../core/messages/messages.ts";

/** The sizes that certificates are checked against. */
export interface Measures {
  readonly n: number;
  readonly checkpointInterval: number;
  readonly logWindow: number;
  readonly nullDigest: Digest;
  /** The number after which the epoch starts. The empty certificate stands for it. */
  readonly start: number;
}

/** f: how many replicas may be faulty. */
export function faultyAmong(n: number): number {
  return Math.floor((n - 1) / 3);
}

/** The smallest size at which any two sets share a correct replica. */
export function quorumOf(n: number): number {
  let size = 1;
  while (2 * size - n <= faultyAmong(n)) size++;
  return size;
}

/** The flaw of a prepared certificate; `null`: none. */
export function flawOfPrepared({ prePrepare, prepares }: PreparedCertificate, { n }: Measures): string | null {
  const { replica: primary, view, sequence, digest } = prePrepare.message;
  const what = `the prepared certificate of ${sequence} in view ${view}`;
  if (primary !== view % n) return `${what} has a pre-prepare of replica ${primary}, who is not the primary`;
  const backups = new Set<number>();
  for (const { message: p } of prepares as readonly Signed<Prepare>[]) {
    if (p.view !== view || p.sequence !== sequence || p.digest !== digest) {
      return `${what} has a prepare for something else`;
    }
    if (p.replica !== primary) backups.add(p.replica);
  }
  return tooFew(what, "prepares of distinct backups", backups.size, quorumOf(n) - 1);
}

/** The flaw of the commits that decided a number; `null`: none. */
export function flawOfDecision(commits: readonly Signed<Commit>[], { n }: Measures): string | null {
  const first = commits[0]?.message;
  if (!first) return "a decision without commits";
  const what = `the decision of ${first.sequence} in view ${first.view}`;
  for (const { message: c } of commits) {
    if (c.view !== first.view || c.sequence !== first.sequence || c.digest !== first.digest) {
      return `${what} has a commit for something else`;
    }
  }
  return tooFew(what, "commits of distinct replicas", distinct(commits), quorumOf(n));
}

/** The flaw of the certificate of a stable checkpoint; `null`: none. The empty one of the start is right. */
export function flawOfStable(
  certificate: readonly Signed<Checkpoint>[],
  { n, checkpointInterval, start }: Measures,
): string | null {
  const first = certificate[0]?.message;
  if (!first) return null;
  const what = `the certificate of the stable checkpoint at ${first.sequence}`;
  if (first.sequence <= start) return `${what} is not of this epoch, which starts after ${start}`;
  if (first.sequence % checkpointInterval !== 0) return `${what} is for no multiple of ${checkpointInterval}`;
  for (const { message: c } of certificate) {
    if (c.sequence !== first.sequence || c.digest !== first.digest) return `${what} has a checkpoint of another state`;
  }
  return tooFew(what, "checkpoints of distinct replicas", distinct(certificate), quorumOf(n));
}

/** The flaw of a view-change; `null`: none. */
export function flawOfViewChange(
  { view, replica, stable, prepared, suspicions }: ViewChange,
  measures: Measures,
): string | null {
  const flaw = flawOfLeave(suspicions, view, measures) ?? flawOfStable(stable, measures);
  if (flaw !== null) return flaw;
  const low = stable[0]?.message.sequence ?? measures.start;
  const what = `the view-change of replica ${replica} for ${view}`;
  for (const certificate of prepared) {
    const { sequence, view: preparedIn } = certificate.prePrepare.message;
    if (sequence <= low || sequence > low + measures.logWindow) {
      return `${what} names ${sequence}, its checkpoint is at ${low}`;
    }
    if (preparedIn >= view) return `${what} names what prepared in view ${preparedIn}`;
    const bad = flawOfPrepared(certificate, measures);
    if (bad !== null) return bad;
  }
  return null;
}

/** The flaw of the proof that a replica may leave, if neither f + 1 replicas suspect nor a quorum agrees; `null`: none. */
export function flawOfLeave(
  suspicions: readonly Signed<Suspicion>[],
  view: number,
  { n, checkpointInterval }: Measures,
): string | null {
  const what = `the proof that view ${view} may be left for`;
  const executed = suspicions.map(({ message }) => message.executed);
  for (const { message } of suspicions) {
    if (message.view !== view) return `${what} has a suspicion for ${message.view}`;
    if (message.standing === "withdrawn") return `${what} has a suspicion that was withdrawn`;
  }
  if (executed.some((one) => executed.some((other) => one > other + checkpointInterval))) {
    return `${what} has suspicions from ${Math.min(...executed)} and from ${Math.max(...executed)}`;
  }
  const blaming = suspicions.filter(({ message }) => message.standing === "suspects");
  if (distinct(suspicions) === suspicions.length && distinct(blaming) > faultyAmong(n)) return null;
  return tooFew(what, "words of distinct replicas", distinct(suspicions), quorumOf(n));
}

/** The flaw of V in a new-view; `null`: none. */
export function flawOfSenders({ view, replica, viewChanges }: NewView, measures: Measures): string | null {
  const what = `the new-view of ${view}`;
  if (replica !== view % measures.n) return `${what} is replica ${replica}'s, who is not the primary`;
  for (const { message } of viewChanges) {
    if (message.view !== view) return `${what} has a view-change for ${message.view}`;
    const flaw = flawOfViewChange(message, measures);
    if (flaw !== null) return flaw;
  }
  return tooFew(what, "view-changes of distinct replicas", distinct(viewChanges), quorumOf(measures.n));
}

/** The flaw of O in a new-view, computed from V number by number as in §4.4; `null`: none. */
export function flawOfSuccession(
  { view, replica, viewChanges, prePrepares }: NewView,
  measures: Measures,
): string | null {
  const stables = viewChanges.map(({ message }) => message.stable[0]?.message.sequence ?? measures.start);
  const low = Math.max(measures.start, ...stables);
  const all = viewChanges.flatMap(({ message }) => message.prepared.map(({ prePrepare }) => prePrepare.message));
  const high = Math.max(low, ...all.map(({ sequence }) => sequence));
  if (prePrepares.length !== high - low) {
    return `the new-view of ${view} orders ${prePrepares.length} numbers, V has those from ${low + 1} to ${high}`;
  }
  for (const [i, { message }] of prePrepares.entries()) {
    const sequence = low + 1 + i;
    const own = all.filter((prepared) => prepared.sequence === sequence);
    const latest = Math.max(...own.map((prepared) => prepared.view));
    const allowed = own.length === 0
      ? [measures.nullDigest]
      : own.filter((prepared) => prepared.view === latest).map(({ digest }) => digest);
    const isRight = message.replica === replica && message.view === view && message.sequence === sequence;
    if (isRight && allowed.includes(message.digest)) continue;
    return `the new-view of ${view} orders ${message.digest.slice(0, 8)} at ${message.sequence}, by V ` +
      `${allowed.map((digest) => digest.slice(0, 8)).join(" or ")} is at ${sequence}`;
  }
  return null;
}

function distinct(signed: readonly { readonly message: { readonly replica: number } }[]): number {
  return new Set(signed.map(({ message }) => message.replica)).size;
}

function tooFew(what: string, of: string, got: number, needed: number): string | null {
  return got >= needed ? null : `${what} has ${got} ${of}, a quorum needs ${needed}`;
}
