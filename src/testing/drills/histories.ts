/**
 * Drills of what comes in no order (PBFT §4.4): messages may be late, early, or there twice, also those of correct replicas.
 * @module
 */
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { Input } from "../../core/io.ts";
import type { Batch, PreparedCertificate, Verified } from "../../core/messages/messages.ts";
import type { Place } from "./cast.ts";
import { ofKind } from "./copy.ts";
import type { Scene } from "./scene.ts";

/** Most numbers that the views are about. */
const MOST_NUMBERS = 3;

/**
 * Three views, one after another. In the first one, one replica has batches prepared. The second one carries them over, and decides nothing;
 * or it has not heard of them, others take their numbers, and some are decided. The third has heard of what prepared in the second alone,
 * and decides all. The messages of all that come in any order, some twice, and one replica also says the opposite: it executes what was
 * decided, whatever it hears first.
 */
export function hearsInAnyOrder(scene: Scene): void {
  const { copy, cast, random } = scene;
  scene.needs(scene.quieten() && scene.room > 0 && !copy.kept.has("view-change"));
  const { next } = scene;
  const views: number[] = [];
  for (let after = scene.latestView; views.length < 3; after = views.at(-1)!) {
    views.push(scene.viewAfter((primary) => primary !== copy.self, after + random.int(1, 2)));
  }
  const numbers = Array.from({ length: Math.min(MOST_NUMBERS, scene.room) }, (_, i) => next + i);
  const [lost, kept] = [numbers.map(() => scene.batch()), numbers.map(() => scene.batch())];
  const placesIn = (view: number, batches: readonly Verified<Batch>[]): readonly Place[] =>
    batches.map(({ digest }, i) => ({ view, sequence: numbers[i]!, digest }));
  const [first, second, third] = [placesIn(views[0]!, lost), placesIn(views[1]!, kept), placesIn(views[2]!, kept)];
  const isCarried = random.chance(0.5);
  const decided = isCarried ? 0 : random.int(0, numbers.length);
  const prepared = [first, second].map((places) => places.map((place) => cast.certificate(place)));
  const end = begun(scene, views[2]!, () => isCarried ? [] : prepared[1]!);
  const decisions = third.map((place, i) => {
    return cast.decision(scene.commits(i < decided && random.chance(0.5) ? second[i]! : place), copy.others[0]!);
  });
  const inputs: readonly Input[] = [
    ...begun(scene, views[0]!),
    ...first.flatMap((place, i) => ordered(scene, place, lost[i]!, copy.others.slice(0, 1))),
    ...begun(scene, views[1]!, (replica) => isCarried && replica === copy.others[0] ? prepared[0]! : []),
    ...isCarried ? [] : second.flatMap((place, i) => {
      return ordered(scene, place, kept[i]!, copy.others.slice(0, i < decided ? copy.quorum : copy.f));
    }),
    ...end,
    ...third.flatMap((place, i) => ordered(scene, place, kept[i]!, copy.others)),
    ...decisions,
    ...[...lost, ...kept].map((batch) => scene.body(batch)),
  ];
  const again = inputs.filter(() => random.chance(0.2));
  const liar = random.pick(copy.others);
  const lies = [...first, ...second, ...third].filter(() => random.chance(0.3)).flatMap((place) => {
    return denied(scene, place, liar);
  });
  for (const input of random.shuffled([...inputs, ...again, ...lies])) {
    if (random.chance(0.05)) copy.wait(random.between(0, 2) * copy.timeoutMs);
    copy.take(input);
  }
  for (const input of [...end, ...decisions, ...kept.map((batch) => scene.body(batch))]) copy.take(input);
  const { lastExecuted, view } = copy.status;
  if (lastExecuted < numbers.at(-1)!) {
    const wanted = wantedBodies(scene);
    const lie = lies.find((input) => input.kind === "commit" && wanted.has(input.commit.message.digest));
    scene.demand(
      "agreement",
      lie === undefined,
      () => `takes for decided what replica ${liar} alone has said commit to`,
    );
  }
  scene.demand("liveness", lastExecuted >= numbers.at(-1)!, () => {
    return `has all that was said in views ${views.join(", ")}, is in ${view}, and has executed up to ${lastExecuted}`;
  });
  for (const [i, { digest }] of kept.entries()) {
    const other = copy.decided.get(numbers[i]!)?.digest ?? digest;
    scene.demand("agreement", other === digest, () => `executes at ${numbers[i]} what no quorum has decided`);
  }
}

/** How a view begins: view-changes of all others, and the new-view that follows from a quorum of them. */
function begun(
  scene: Scene,
  view: number,
  prepared?: (replica: ReplicaId) => readonly PreparedCertificate[],
): readonly Input[] {
  const viewChanges = scene.viewChanges(view, prepared);
  const newView = scene.cast.sign(scene.cast.newView(view, viewChanges.slice(0, scene.copy.quorum)));
  return [
    ...viewChanges.map((viewChange) => ({ kind: "view-change", viewChange }) as const),
    { kind: "new-view", newView },
  ];
}

/** What is said in a view about a number: all others prepare it, and some say commit. */
function ordered(
  { cast, copy }: Scene,
  place: Place,
  batch: Verified<Batch>,
  committing: readonly ReplicaId[],
): readonly Input[] {
  const backups = copy.others.filter((id) => id !== cast.primaryOf(place.view));
  return [
    { kind: "pre-prepare", prePrepare: cast.prePrepare(place), batch },
    ...backups.map((id) => ({ kind: "prepare", prepare: cast.prepare(place, id) }) as const),
    ...committing.map((id) => ({ kind: "commit", commit: cast.commit(place, id) }) as const),
  ];
}

/** What it asks for if it is left alone: a lie is never asked for, unless it is taken for decided, as its bodies come with it. */
function wantedBodies({ copy }: Scene): ReadonlySet<Digest> {
  const heard = copy.during(() => copy.wait(copy.timeoutMs));
  return new Set(ofKind(heard, "fetch").flatMap(({ signed }) => signed.message.digests));
}

/** What somebody says in a view about a number in spite of what it says to others. */
function denied(scene: Scene, place: Place, by: ReplicaId): readonly Input[] {
  const { cast } = scene;
  const batch = scene.batch();
  const other = { ...place, digest: batch.digest };
  return [
    by === cast.primaryOf(place.view)
      ? { kind: "pre-prepare", prePrepare: cast.prePrepare(other), batch }
      : { kind: "prepare", prepare: cast.prepare(other, by) },
    { kind: "commit", commit: cast.commit(other, by) },
  ];
}
