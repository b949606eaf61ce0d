/**
 * View-changes and new-views that are wrong in one way each (PBFT §4.4). No replica may accept any of them.
 * @module
 */
import type { ReplicaId, SequenceNumber, View } from "../../../core/messages/ids.ts";
import type {
  NewView,
  PreparedCertificate,
  Signed,
  Suspicion,
  Verified,
  ViewChange,
} from "../../../core/messages/messages.ts";
import type { DrillContext } from "../context.ts";

/** Invalid prepared certificates, for a number and a view. */
function brokenCertificates({ peers, copy, next, anyDigest }: Pick<DrillContext, "peers" | "copy" | "next"> & {
  readonly anyDigest: () => ReturnType<DrillContext["anyDigest"]>;
}, view: number): readonly PreparedCertificate[] {
  const place = { view: view - 1, sequence: next, digest: anyDigest() };
  const right = peers.certificate(place);
  const { prePrepare, prepares } = right;
  const [first, ...rest] = prepares;
  const by = first!.message.replica;
  const primary = peers.primaryOf(place.view);
  const voters = [primary, ...prepares.map(({ message }) => message.replica)];
  const impostor = [...copy.others, copy.self].find((id) => !voters.includes(id))!;
  return [
    { prePrepare, prepares: rest },
    { prePrepare, prepares: [...rest, rest[0] ?? first!, ...(rest.length === 0 ? [first!] : [])] },
    { prePrepare, prepares: [...rest, peers.prepare(place, primary)] },
    { prePrepare, prepares: [...rest, peers.prepare({ ...place, digest: anyDigest() }, by)] },
    {
      prePrepare,
      prepares: [...rest, peers.prepare({ ...place, view: Math.max(0, view - 2) + (view < 2 ? 1 : 0) }, by)],
    },
    { prePrepare, prepares: [...rest, peers.prepare({ ...place, sequence: next + 1 }, by)] },
    { prePrepare: peers.prePrepare(place, impostor), prepares },
    peers.certificate({ ...place, view }),
    peers.certificate({ ...place, sequence: copy.status.lowWatermark + copy.window + 1 }),
  ];
}

/** Invalid certificates of stable checkpoints. */
export function brokenStables(context: DrillContext, sequence: number): readonly ViewChange["stable"][] {
  const { peers, world: { genesis } } = context;
  const digest = context.anyDigest();
  const of = (at: number) =>
    Array.from({ length: peers.quorum }, (_, id) => peers.checkpoint(at, digest, id as ReplicaId));
  const right = of(sequence);
  return [
    right.slice(1),
    right.slice(0, context.copy.f + 1),
    right.map(() => right[0]!),
    [...right.slice(1), peers.checkpoint(sequence, context.anyDigest(), 0 as ReplicaId)],
    [...right.slice(1), peers.checkpoint(sequence + genesis.checkpointInterval, digest, 0 as ReplicaId)],
    of(sequence + 1),
  ];
}

/** Proofs that do not allow a replica to leave for a view: too few suspicions, of another view, or far from each other. */
export function brokenProofs(
  { peers, copy, world: { genesis } }: DrillContext,
  view: number,
): readonly ViewChange["suspicions"][] {
  const executed = copy.stable[0]?.message.sequence ?? 0 as SequenceNumber;
  const say = (count: number, said: Partial<Suspicion> = {}, of = view) =>
    copy.others.slice(0, count).map((id) => peers.suspicion(of, id, { executed, ...said }));
  const few = say(copy.f);
  const far = executed + genesis.checkpointInterval + 1 as SequenceNumber;
  return [
    [],
    few,
    [...few, ...few.slice(0, 1), ...few.slice(0, 1)],
    [...few, ...say(copy.f + 1, { standing: "withdrawn" }).slice(-1)],
    say(copy.f + 1, { standing: "agrees" }),
    say(copy.f + 1, {}, view + 1),
    [...few, ...say(copy.f + 1, { executed: far }).slice(-1)],
  ];
}

/** Invalid view-changes of a replica. `prepared`: their valid certificates. */
export function brokenViewChanges(
  context: DrillContext,
  view: number,
  by: ReplicaId,
  prepared: readonly PreparedCertificate[],
): readonly Verified<Signed<ViewChange>>[] {
  const { peers, copy, next, world: { genesis: { checkpointInterval } } } = context;
  const { stable } = copy;
  const boundary = copy.status.lowWatermark + checkpointInterval;
  return [
    ...brokenCertificates({ peers, copy, next, anyDigest: () => context.anyDigest() }, view).map((broken) =>
      peers.viewChange(view, by, stable, [...prepared, broken])
    ),
    ...brokenStables(context, boundary).map((broken) => peers.viewChange(view, by, broken, [])),
    ...brokenProofs(context, view).map((suspicions) =>
      peers.sign({ ...peers.viewChange(view, by, stable, prepared).message, suspicions })
    ),
  ];
}

/** New-views that do not follow from their view-changes. */
export function brokenNewViews(
  context: DrillContext,
  view: number,
  viewChanges: readonly Verified<Signed<ViewChange>>[],
): readonly NewView[] {
  const { peers, random } = context;
  const right = peers.newView(view, viewChanges);
  const [first, ...rest] = viewChanges;
  const primary = right.replica;
  const other = (primary + 1 + random.int(0, peers.n - 2)) % peers.n as ReplicaId;
  const { prePrepares } = right;
  const last = prePrepares.length - 1;
  const at = random.int(0, Math.max(0, last));
  const place = prePrepares[at]?.message;
  const end = prePrepares[last]?.message;
  const changed = (digest = context.anyDigest()): NewView[] =>
    place && place.digest !== digest
      ? [{ ...right, prePrepares: prePrepares.with(at, peers.prePrepare({ ...place, digest })) }]
      : [];
  const brokenView = { ...first!.message, view: view + peers.n as View };
  const broken = brokenViewChanges(context, view, first!.message.replica, first!.message.prepared);
  return [
    peers.newView(view, rest),
    peers.newView(view, [...rest, rest[0]!]),
    peers.newView(view, viewChanges, other),
    peers.newView(view, [peers.sign(brokenView), ...rest]),
    ...changed(),
    ...changed(peers.empty.digest),
    ...(end
      ? [
        { ...right, prePrepares: prePrepares.slice(0, -1) },
        { ...right, prePrepares: prePrepares.slice(1) },
        { ...right, prePrepares: prePrepares.with(last, peers.prePrepare({ ...end, view: view - 1 }, primary)) },
        { ...right, prePrepares: prePrepares.with(last, peers.prePrepare(end, other)) },
        { ...right, prePrepares: [...prePrepares, peers.prePrepare({ ...end, sequence: end.sequence + 1 })] },
        ...(last > 0 ? [{ ...right, prePrepares: [...prePrepares].reverse() }] : []),
      ]
      : []),
    ...random.shuffled(broken).slice(0, 4).map((lie) => peers.newView(view, [lie, ...rest])),
  ];
}
