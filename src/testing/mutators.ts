/**
 * Small-scope lies: real messages, changed in one place.
 * @module
 */
import type { Digest, SequenceNumber, View } from "../core/ids.ts";
import type {
  Blobs,
  Decision,
  Message,
  NewView,
  PreparedCertificate,
  Reply,
  Signed,
  Status,
  ViewChange,
  VouchedRequest,
} from "../core/messages.ts";
import type { Random } from "./random.ts";

const HUGE = 1_000_000;

/** Changes one thing about a message of one's own; `null` if there is nothing to change. */
export function mutate(message: Message, random: Random): Message | null {
  switch (message.kind) {
    case "pre-prepare":
    case "prepare":
    case "commit":
      return random.pick<() => Message>([
        () => ({ ...message, view: near(message.view, random) as View }),
        () => ({ ...message, sequence: near(message.sequence, random) as SequenceNumber }),
        () => ({ ...message, digest: otherDigest(message.digest) }),
      ])();
    case "checkpoint":
      return random.chance(0.5)
        ? { ...message, digest: otherDigest(message.digest) }
        : { ...message, sequence: message.sequence + random.pick([1, 64, HUGE]) as SequenceNumber };
    case "view-change":
      return mutateViewChange(message, random);
    case "new-view":
      return mutateNewView(message, random);
    case "status":
      return mutateStatus(message, random);
    case "blobs":
      return mutateBlobs(message, random);
    case "fetch":
      return { ...message, digests: message.digests.map(otherDigest) };
    case "reply":
      return mutateReply(message, random);
    case "vouched-request":
      return mutateVouched(message, random);
    case "decision":
      return mutateDecision(message, random);
    default:
      return null;
  }
}

/** Another digest, the same for the same. */
export function otherDigest(digest: Digest): Digest {
  return (digest.slice(0, -1) + (digest.endsWith("f") ? "e" : "f")) as Digest;
}

/** Other results for the same request. */
export function mutateReply(reply: Reply, random: Random): Reply {
  const results = reply.results.map((result) => {
    return random.chance(0.5)
      ? { ...result, value: result.value.map((byte) => byte ^ 1) }
      : { ...result, sequence: near(result.sequence, random) as SequenceNumber };
  });
  return { ...reply, results };
}

function near(number: number, random: Random): number {
  return Math.max(0, number + random.pick([-1, 1, 1, 2, HUGE]));
}

function mutateViewChange(message: ViewChange, random: Random): ViewChange {
  const { view, stable, prepared } = message;
  return random.pick<() => ViewChange>([
    () => ({ ...message, view: near(view, random) as View }),
    () => ({ ...message, prepared: [] }),
    () => ({ ...message, prepared: without(prepared, random) }),
    () => ({ ...message, prepared: doubled(prepared, random) }),
    () => ({ ...message, prepared: prepared.map((certificate) => mutateCertificate(certificate, random)) }),
    () => ({ ...message, stable: [] }),
    () => ({ ...message, stable: without(stable, random) }),
    () => ({ ...message, stable: stable.map(() => stable[0]!) }),
    () => ({ ...message, stable: [], prepared: [] }),
  ])();
}

function mutateCertificate(certificate: PreparedCertificate, random: Random): PreparedCertificate {
  const { prepares } = certificate;
  return random.pick<() => PreparedCertificate>([
    () => ({ ...certificate, prepares: without(prepares, random) }),
    () => ({ ...certificate, prepares: prepares.map(() => prepares[0]!) }),
    () => ({ ...certificate, prepares: [] }),
    () => certificate,
  ])();
}

function mutateNewView(message: NewView, random: Random): NewView {
  const { viewChanges, prePrepares, view } = message;
  return random.pick<() => NewView>([
    () => ({ ...message, view: near(view, random) as View }),
    () => ({ ...message, viewChanges: without(viewChanges, random) }),
    () => ({ ...message, viewChanges: viewChanges.map(() => viewChanges[0]!) }),
    () => ({ ...message, viewChanges: doubled(viewChanges, random) }),
    () => ({ ...message, viewChanges: [] }),
    () => ({ ...message, prePrepares: [] }),
    () => ({ ...message, prePrepares: without(prePrepares, random) }),
    () => ({ ...message, prePrepares: doubled(prePrepares, random) }),
    () => ({ ...message, prePrepares: [...prePrepares].reverse() }),
  ])();
}

function mutateDecision(message: Decision, random: Random): Decision {
  const { commits } = message;
  return random.pick<() => Decision>([
    () => ({ ...message, commits: without(commits, random) }),
    () => ({ ...message, commits: commits.map(() => commits[0]!) }),
    () => ({ ...message, commits: doubled(commits, random) }),
    () => ({ ...message, commits: [] }),
  ])();
}

function mutateStatus(message: Status, random: Random): Status {
  return random.pick<() => Status>([
    () => ({ ...message, view: near(message.view, random) as View }),
    () => ({ ...message, executed: near(message.executed, random) as SequenceNumber }),
    () => ({ ...message, stable: near(message.stable, random) as SequenceNumber }),
    () => ({ ...message, stable: 0 as SequenceNumber, executed: 0 as SequenceNumber, stages: [] }),
    () => ({ ...message, stages: message.stages.map(() => random.pick(["idle", "prepared", "committed"] as const)) }),
  ])();
}

function mutateBlobs(message: Blobs, random: Random): Blobs {
  if (random.chance(0.3)) return { ...message, blobs: [] };
  const blobs = message.blobs.map((blob) => {
    const changed = blob.slice();
    if (changed.length > 0) changed[random.int(0, changed.length - 1)]! ^= 1;
    return changed;
  });
  return { ...message, blobs };
}

function mutateVouched(message: VouchedRequest, random: Random): VouchedRequest {
  const operations = message.operations.map((operation) => ({ ...operation, name: `liar ${random.int(0, 9)}` }));
  return { ...message, operations };
}

function without<T>(list: readonly T[], random: Random): readonly T[] {
  const gone = random.int(0, Math.max(0, list.length - 1));
  return list.filter((_, i) => i !== gone);
}

function doubled<T>(list: readonly T[], random: Random): readonly T[] {
  return list.length === 0 ? list : [...list, random.pick(list)];
}

/** A signed message with another message in its place and the old signature: nobody's word. */
export function withOldSignature<M extends Message>(signed: Signed, message: M, bytes: Uint8Array): Signed<M> {
  return { message, bytes, signature: signed.signature };
}
