/**
 * Mutations: real messages, changed in one place.
 * @module
 */
import type { Digest, SequenceNumber, View } from "../../core/messages/ids.ts";
import type {
  Blobs,
  Checkpoint,
  Commit,
  Decision,
  Fetch,
  Message,
  NewView,
  Prepare,
  PreparedCertificate,
  PrePrepare,
  Reply,
  Signed,
  StableCheckpoint,
  Status,
  Suspicion,
  ViewChange,
} from "../../core/messages/messages.ts";
import type { Random } from "../random.ts";

/** Changes one thing in a message of its sender's own. */
type Mutator<M> = (message: M, random: Random) => Message;
type Mutators<M> = { readonly [name: string]: Mutator<M> };
type Vote = PrePrepare | Prepare | Commit;

const HUGE = 1_000_000;

/** All mutators, by kind of message and by name. */
export const MUTATORS = {
  "pre-prepare": voteMutators<PrePrepare>({ "as a prepare": (message) => ({ ...message, kind: "prepare" }) }),
  "prepare": voteMutators<Prepare>({
    "as a commit": (message) => ({ ...message, kind: "commit" }),
    "as a pre-prepare": (message) => ({ ...message, kind: "pre-prepare" }),
  }),
  "commit": voteMutators<Commit>({ "as a prepare": (message) => ({ ...message, kind: "prepare" }) }),
  "checkpoint": {
    "another digest": (message) => ({ ...message, digest: otherDigest(message.digest) }),
    "a later number": (message, random) => ({
      ...message,
      sequence: message.sequence + random.pick([1, 4, 16, 64, HUGE]) as SequenceNumber,
    }),
  } satisfies Mutators<Checkpoint>,
  "stable-checkpoint": {
    "one too few": (message, random) => ({ ...message, checkpoints: without(message.checkpoints, random) }),
    "one for all": (message) => ({ ...message, checkpoints: message.checkpoints.map(() => message.checkpoints[0]!) }),
    "none": (message) => ({ ...message, checkpoints: [] }),
  } satisfies Mutators<StableCheckpoint>,
  "suspicion": {
    "another view": (message, random) => ({ ...message, view: near(message.view, random) as View }),
    "executed elsewhere": (message, random) => ({
      ...message,
      executed: near(message.executed, random) as SequenceNumber,
    }),
    "another number": (message, random) => ({ ...message, number: near(message.number, random) }),
    "another standing": (message, random) => ({
      ...message,
      standing: random.pick(["suspects", "agrees", "withdrawn"]),
    }),
  } satisfies Mutators<Suspicion>,
  "view-change": {
    "another view": (message, random) => ({ ...message, view: near(message.view, random) as View }),
    "nothing prepared": (message) => ({ ...message, prepared: [] }),
    "a number left out": (message, random) => ({ ...message, prepared: without(message.prepared, random) }),
    "a number doubled": (message, random) => ({ ...message, prepared: doubled(message.prepared, random) }),
    "changed certificates": (message, random) => ({
      ...message,
      prepared: message.prepared.map((certificate) => mutateCertificate(certificate, random)),
    }),
    "nothing stable": (message) => ({ ...message, stable: [] }),
    "stable by too few": (message, random) => ({ ...message, stable: without(message.stable, random) }),
    "stable by one": (message) => ({ ...message, stable: message.stable.map(() => message.stable[0]!) }),
    "nothing at all": (message) => ({ ...message, stable: [], prepared: [] }),
    "no reason to leave": (message) => ({ ...message, suspicions: [] }),
    "one suspicion for all": (message) => ({
      ...message,
      suspicions: message.suspicions.map(() => message.suspicions[0]!),
    }),
    "a suspicion left out": (message, random) => ({ ...message, suspicions: without(message.suspicions, random) }),
  } satisfies Mutators<ViewChange>,
  "new-view": {
    "another view": (message, random) => ({ ...message, view: near(message.view, random) as View }),
    "a view-change left out": (message, random) => ({ ...message, viewChanges: without(message.viewChanges, random) }),
    "one view-change for all": (message) => ({
      ...message,
      viewChanges: message.viewChanges.map(() => message.viewChanges[0]!),
    }),
    "a view-change doubled": (message, random) => ({ ...message, viewChanges: doubled(message.viewChanges, random) }),
    "no view-changes": (message) => ({ ...message, viewChanges: [] }),
    "no pre-prepares": (message) => ({ ...message, prePrepares: [] }),
    "a pre-prepare left out": (message, random) => ({ ...message, prePrepares: without(message.prePrepares, random) }),
    "a pre-prepare doubled": (message, random) => ({ ...message, prePrepares: doubled(message.prePrepares, random) }),
    "pre-prepares backwards": (message) => ({ ...message, prePrepares: [...message.prePrepares].reverse() }),
  } satisfies Mutators<NewView>,
  "status": {
    "another view": (message, random) => ({ ...message, view: near(message.view, random) as View }),
    "executed elsewhere": (message, random) => ({
      ...message,
      executed: near(message.executed, random) as SequenceNumber,
    }),
    "stable elsewhere": (message, random) => ({ ...message, stable: near(message.stable, random) as SequenceNumber }),
    "as if new": (message) => ({
      ...message,
      stable: 0 as SequenceNumber,
      executed: 0 as SequenceNumber,
      stages: [],
    }),
    "other stages": (message, random) => ({
      ...message,
      stages: message.stages.map(() => random.pick(["idle", "prepared", "committed"] as const)),
    }),
    "as if its disk were lost": (message, random) => ({
      ...message,
      votesAbove: message.executed + random.pick([1, 8, HUGE]) as SequenceNumber,
    }),
  } satisfies Mutators<Status>,
  "decision": {
    "a commit left out": (message, random) => ({ ...message, commits: without(message.commits, random) }),
    "one commit for all": (message) => ({ ...message, commits: message.commits.map(() => message.commits[0]!) }),
    "a commit doubled": (message, random) => ({ ...message, commits: doubled(message.commits, random) }),
    "no commits": (message) => ({ ...message, commits: [] }),
  } satisfies Mutators<Decision>,
  "blobs": {
    "none": (message) => ({ ...message, blobs: [] }),
    "other bytes": (message, random) => ({
      ...message,
      blobs: message.blobs.map((blob) => {
        const changed = blob.slice();
        if (changed.length > 0) changed[random.int(0, changed.length - 1)]! ^= 1;
        return changed;
      }),
    }),
  } satisfies Mutators<Blobs>,
  "fetch": {
    "other digests": (message) => ({ ...message, digests: message.digests.map(otherDigest) }),
  } satisfies Mutators<Fetch>,
  "reply": {
    "other results": (message, random) => mutateReply(message, random),
  } satisfies Mutators<Reply>,
} as const;

/** Changes one thing in a message of its sender's own; `null`: there is nothing to change. `note` is told which mutator was used. */
export function mutate(message: Message, random: Random, note: (mutator: string) => void): Message | null {
  const mutators = (MUTATORS as { readonly [kind: string]: Mutators<never> })[message.kind];
  if (!mutators) return null;
  const [name, change] = random.pick(Object.entries(mutators));
  note(`${message.kind}: ${name}`);
  return change(message as never, random);
}

function voteMutators<M extends Vote>(more: Mutators<M>): Mutators<M> {
  return {
    "another view": (message, random) => ({ ...message, view: near(message.view, random) as View }),
    "another number": (message, random) => ({ ...message, sequence: near(message.sequence, random) as SequenceNumber }),
    "another digest": (message) => ({ ...message, digest: otherDigest(message.digest) }),
    ...more,
  };
}

/** Another digest, the same one for the same input. */
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

function mutateCertificate(certificate: PreparedCertificate, random: Random): PreparedCertificate {
  const { prepares } = certificate;
  return random.pick<() => PreparedCertificate>([
    () => ({ ...certificate, prepares: without(prepares, random) }),
    () => ({ ...certificate, prepares: prepares.map(() => prepares[0]!) }),
    () => ({ ...certificate, prepares: [] }),
    () => certificate,
  ])();
}

function without<T>(list: readonly T[], random: Random): readonly T[] {
  const gone = random.int(0, Math.max(0, list.length - 1));
  return list.filter((_, i) => i !== gone);
}

function doubled<T>(list: readonly T[], random: Random): readonly T[] {
  return list.length === 0 ? list : [...list, random.pick(list)];
}

/** A signed message with another message in its place and the old signature, so that the signature is wrong. */
export function withOldSignature<M extends Message>(signed: Signed, message: M, bytes: Uint8Array): Signed<M> {
  return { message, bytes, signature: signed.signature };
}
