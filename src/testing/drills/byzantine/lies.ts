/**
 * View-changes and new-views that are wrong in one way each (PBFT §4.4): nobody may take any of them for right.
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
import type { Scene } from "../scene.ts";

/** Prepared certificates that prove nothing, for a number and a view. */
function brokenCertificates({ cast, copy, next, anyDigest }: Pick<Scene, "cast" | "copy" | "next"> & {
  readonly anyDigest: () => ReturnType<Scene["anyDigest"]>;
}, view: number): readonly PreparedCertificate[] {
  const place = { view: view - 1, sequence: next, digest: anyDigest() };
  const right = cast.certificate(place);
  const { prePrepare, prepares } = right;
  const [first, ...rest] = prepares;
  const by = first!.message.replica;
  const primary = cast.primaryOf(place.view);
  const voters = [primary, ...prepares.map(({ message }) => message.replica)];
  const impostor = [...copy.others, copy.self].find((id) => !voters.includes(id))!;
  return [
    { prePrepare, prepares: rest },
    { prePrepare, prepares: [...rest, rest[0] ?? first!, ...(rest.length === 0 ? [first!] : [])] },
    { prePrepare, prepares: [...rest, cast.prepare(place, primary)] },
    { prePrepare, prepares: [...rest, cast.prepare({ ...place, digest: anyDigest() }, by)] },
    {
      prePrepare,
      prepares: [...rest, cast.prepare({ ...place, view: Math.max(0, view - 2) + (view < 2 ? 1 : 0) }, by)],
    },
    { prePrepare, prepares: [...rest, cast.prepare({ ...place, sequence: next + 1 }, by)] },
    { prePrepare: cast.prePrepare(place, impostor), prepares },
    cast.certificate({ ...place, view }),
    cast.certificate({ ...place, sequence: copy.status.lowWatermark + copy.window + 1 }),
  ];
}

/** Certificates of stable checkpoints that prove nothing. */
export function brokenStables(scene: Scene, sequence: number): readonly ViewChange["stable"][] {
  const { cast, world: { genesis } } = scene;
  const digest = scene.anyDigest();
  const of = (at: number) =>
    Array.from({ length: cast.quorum }, (_, id) => cast.checkpoint(at, digest, id as ReplicaId));
  const right = of(sequence);
  return [
    right.slice(1),
    right.slice(0, scene.copy.f + 1),
    right.map(() => right[0]!),
    [...right.slice(1), cast.checkpoint(sequence, scene.anyDigest(), 0 as ReplicaId)],
    [...right.slice(1), cast.checkpoint(sequence + genesis.checkpointInterval, digest, 0 as ReplicaId)],
    of(sequence + 1),
  ];
}

/** What does not let a replica leave for a view: too few suspicions, or not about that, or far from each other. */
export function brokenProofs(
  { cast, copy, world: { genesis } }: Scene,
  view: number,
): readonly ViewChange["suspicions"][] {
  const executed = copy.stable[0]?.message.sequence ?? 0 as SequenceNumber;
  const say = (count: number, said: Partial<Suspicion> = {}, of = view) =>
    copy.others.slice(0, count).map((id) => cast.suspicion(of, id, { executed, ...said }));
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

/** View-changes of a replica that prove nothing. `prepared`: what is right in them. */
export function brokenViewChanges(
  scene: Scene,
  view: number,
  by: ReplicaId,
  prepared: readonly PreparedCertificate[],
): readonly Verified<Signed<ViewChange>>[] {
  const { cast, copy, next, world: { genesis: { checkpointInterval } } } = scene;
  const { stable } = copy;
  const boundary = copy.status.lowWatermark + checkpointInterval;
  return [
    ...brokenCertificates({ cast, copy, next, anyDigest: () => scene.anyDigest() }, view).map((broken) =>
      cast.viewChange(view, by, stable, [...prepared, broken])
    ),
    ...brokenStables(scene, boundary).map((broken) => cast.viewChange(view, by, broken, [])),
    ...brokenProofs(scene, view).map((suspicions) =>
      cast.sign({ ...cast.viewChange(view, by, stable, prepared).message, suspicions })
    ),
  ];
}

/** New-views that do not follow from their view-changes. */
export function brokenNewViews(
  scene: Scene,
  view: number,
  viewChanges: readonly Verified<Signed<ViewChange>>[],
): readonly NewView[] {
  const { cast, random } = scene;
  const right = cast.newView(view, viewChanges);
  const [first, ...rest] = viewChanges;
  const primary = right.replica;
  const other = (primary + 1 + random.int(0, cast.n - 2)) % cast.n as ReplicaId;
  const { prePrepares } = right;
  const last = prePrepares.length - 1;
  const at = random.int(0, Math.max(0, last));
  const place = prePrepares[at]?.message;
  const end = prePrepares[last]?.message;
  const changed = (digest = scene.anyDigest()): NewView[] =>
    place && place.digest !== digest
      ? [{ ...right, prePrepares: prePrepares.with(at, cast.prePrepare({ ...place, digest })) }]
      : [];
  const brokenView = { ...first!.message, view: view + cast.n as View };
  const broken = brokenViewChanges(scene, view, first!.message.replica, first!.message.prepared);
  return [
    cast.newView(view, rest),
    cast.newView(view, [...rest, rest[0]!]),
    cast.newView(view, viewChanges, other),
    cast.newView(view, [cast.sign(brokenView), ...rest]),
    ...changed(),
    ...changed(cast.empty.digest),
    ...(end
      ? [
        { ...right, prePrepares: prePrepares.slice(0, -1) },
        { ...right, prePrepares: prePrepares.slice(1) },
        { ...right, prePrepares: prePrepares.with(last, cast.prePrepare({ ...end, view: view - 1 }, primary)) },
        { ...right, prePrepares: prePrepares.with(last, cast.prePrepare(end, other)) },
        { ...right, prePrepares: [...prePrepares, cast.prePrepare({ ...end, sequence: end.sequence + 1 })] },
        ...(last > 0 ? [{ ...right, prePrepares: [...prePrepares].reverse() }] : []),
      ]
      : []),
    ...random.shuffled(broken).slice(0, 4).map((lie) => cast.newView(view, [lie, ...rest])),
  ];
}
