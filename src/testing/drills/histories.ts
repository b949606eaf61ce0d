/**
 * Drills of messages in any order (PBFT §4.4): late, early or twice, also from correct replicas.
 * @module
 */
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { Input } from "../../core/io.ts";
import type { Batch, PreparedCertificate, Verified } from "../../core/messages/messages.ts";
import type { Place } from "./peers.ts";
import { ofKind } from "./copy.ts";
import type { DrillContext } from "./context.ts";

/** Most numbers that the views are about. */
const MOST_NUMBERS = 3;

/**
 * Three views, one after another. In the first, one replica has batches prepared. The second carries them over and
 * decides nothing; or it has not heard of them, gives their numbers to others, and decides some. The third knows only
 * what prepared in the second, and decides all. The messages of all replicas arrive in any order, some twice, and one
 * replica also says the opposite. Whatever arrives first, the replica executes the decided batches.
 */
export function hearsInAnyOrder(context: DrillContext): void {
  const { copy, peers, random } = context;
  context.needs(context.quieten() && context.room > 0 && !copy.kept.has("view-change"));
  const { next } = context;
  const views: number[] = [];
  for (let after = context.latestView; views.length < 3; after = views.at(-1)!) {
    views.push(context.viewAfter((primary) => primary !== copy.self, after + random.int(1, 2)));
  }
  const numbers = Array.from({ length: Math.min(MOST_NUMBERS, context.room) }, (_, i) => next + i);
  const [lost, kept] = [numbers.map(() => context.batch()), numbers.map(() => context.batch())];
  const placesIn = (view: number, batches: readonly Verified<Batch>[]): readonly Place[] =>
    batches.map(({ digest }, i) => ({ view, sequence: numbers[i]!, digest }));
  const [first, second, third] = [placesIn(views[0]!, lost), placesIn(views[1]!, kept), placesIn(views[2]!, kept)];
  const isCarried = random.chance(0.5);
  const decided = isCarried ? 0 : random.int(0, numbers.length);
  const prepared = [first, second].map((places) => places.map((place) => peers.certificate(place)));
  const end = begun(context, views[2]!, () => isCarried ? [] : prepared[1]!);
  const decisions = third.map((place, i) => {
    return peers.decision(context.commits(i < decided && random.chance(0.5) ? second[i]! : place), copy.others[0]!);
  });
  const inputs: readonly Input[] = [
    ...begun(context, views[0]!),
    ...first.flatMap((place, i) => ordered(context, place, lost[i]!, copy.others.slice(0, 1))),
    ...begun(context, views[1]!, (replica) => isCarried && replica === copy.others[0] ? prepared[0]! : []),
    ...isCarried ? [] : second.flatMap((place, i) => {
      return ordered(context, place, kept[i]!, copy.others.slice(0, i < decided ? copy.quorum : copy.f));
    }),
    ...end,
    ...third.flatMap((place, i) => ordered(context, place, kept[i]!, copy.others)),
    ...decisions,
    ...[...lost, ...kept].map((batch) => context.body(batch)),
  ];
  const again = inputs.filter(() => random.chance(0.2));
  const liar = random.pick(copy.others);
  const lies = [...first, ...second, ...third].filter(() => random.chance(0.3)).flatMap((place) => {
    return denied(context, place, liar);
  });
  for (const input of random.shuffled([...inputs, ...again, ...lies])) {
    if (random.chance(0.05)) copy.wait(random.between(0, 2) * copy.timeoutMs);
    copy.take(input);
  }
  for (const input of [...end, ...decisions, ...kept.map((batch) => context.body(batch))]) copy.take(input);
  const { lastExecuted, view } = copy.status;
  if (lastExecuted < numbers.at(-1)!) {
    const wanted = wantedBodies(context);
    const lie = lies.find((input) => input.kind === "commit" && wanted.has(input.commit.message.digest));
    context.demand(
      "agreement",
      lie === undefined,
      () => `takes for decided what replica ${liar} alone has said commit to`,
    );
  }
  context.demand("liveness", lastExecuted >= numbers.at(-1)!, () => {
    return `has all that was said in views ${views.join(", ")}, is in ${view}, and has executed up to ${lastExecuted}`;
  });
  for (const [i, { digest }] of kept.entries()) {
    const other = copy.decided.get(numbers[i]!)?.digest ?? digest;
    context.demand("agreement", other === digest, () => `executes at ${numbers[i]} what no quorum has decided`);
  }
}

/** The start of a view: view-changes of all others, and the new-view that follows from a quorum of them. */
function begun(
  context: DrillContext,
  view: number,
  prepared?: (replica: ReplicaId) => readonly PreparedCertificate[],
): readonly Input[] {
  const viewChanges = context.viewChanges(view, prepared);
  const newView = context.peers.sign(context.peers.newView(view, viewChanges.slice(0, context.copy.quorum)));
  return [
    ...viewChanges.map((viewChange) => ({ kind: "view-change", viewChange }) as const),
    { kind: "new-view", newView },
  ];
}

/** The messages of a view about a number: all others prepare it, and some commit. */
function ordered(
  { peers, copy }: DrillContext,
  place: Place,
  batch: Verified<Batch>,
  committing: readonly ReplicaId[],
): readonly Input[] {
  const backups = copy.others.filter((id) => id !== peers.primaryOf(place.view));
  return [
    { kind: "pre-prepare", prePrepare: peers.prePrepare(place), batch },
    ...backups.map((id) => ({ kind: "prepare", prepare: peers.prepare(place, id) }) as const),
    ...committing.map((id) => ({ kind: "commit", commit: peers.commit(place, id) }) as const),
  ];
}

/**
 * What it fetches if it is left alone. It never fetches a lie, except for one that it takes for decided, as its bodies
 * come with it.
 */
function wantedBodies({ copy }: DrillContext): ReadonlySet<Digest> {
  const heard = copy.during(() => copy.wait(copy.timeoutMs));
  return new Set(ofKind(heard, "fetch").flatMap(({ signed }) => signed.message.digests));
}

/** What a liar sends in a view about a number, beside what it sends to others. */
function denied(context: DrillContext, place: Place, by: ReplicaId): readonly Input[] {
  const { peers } = context;
  const batch = context.batch();
  const other = { ...place, digest: batch.digest };
  return [
    by === peers.primaryOf(place.view)
      ? { kind: "pre-prepare", prePrepare: peers.prePrepare(other), batch }
      : { kind: "prepare", prepare: peers.prepare(other, by) },
    { kind: "commit", commit: peers.commit(other, by) },
  ];
}
