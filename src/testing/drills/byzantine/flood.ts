/**
 * A drill of bounded memory: one of the others says more than anybody has to say.
 * @module
 */
import { limitsOf, MOST_EVIDENCE, overfull } from "../../checks/buffers.ts";
import type { Scene } from "../scene.ts";

/** The part of these drills in which clients ask more than can be answered; it takes long. */
const ASKED = 0.1;

/** One liar speaks of ever other numbers and views, and clients ask without end. What is kept of it is bounded, and the rest is heard. */
export function bearsAFlood(scene: Scene): void {
  const { copy, cast, random, world: { genesis } } = scene;
  // With a view-change that the host has kept of another one the liar would not be alone.
  scene.needs(
    !copy.kept.has("view-change") && !copy.kept.has("suspicion") && scene.quieten() && scene.room > 0 &&
      scene.becomeBackup(),
  );
  const { highWatermark: high, view, primary } = copy.status;
  const { next: sequence } = scene;
  const liar = random.pick(copy.others.filter((id) => id !== primary));
  const places = Array.from({ length: limitsOf(genesis).checkpoints + 2 }, (_, i) => i + 1);
  const heard = copy.during(() => {
    for (const i of random.chance(0.5) ? places : places.reverse()) {
      const place = { view: view + i, sequence, digest: scene.anyDigest() };
      const far = high - high % genesis.checkpointInterval + i * genesis.checkpointInterval;
      for (const digest of [place.digest, cast.empty.digest, scene.anyDigest()]) {
        copy.take({ kind: "checkpoint", checkpoint: cast.checkpoint(far, digest, liar) });
      }
      copy.take({ kind: "suspicion", suspicion: cast.suspicion(view + i, liar, { number: i }) });
      scene.leaveFor([cast.viewChangeAlone(view + i, liar, copy.stable)]);
      copy.take({ kind: "prepare", prepare: cast.prepare(place, liar) });
      copy.take({ kind: "commit", commit: cast.commit(place, liar) });
    }
  });
  const proofs = heard.records.filter(({ kind }) => kind === "contradiction").length;
  scene.demand("bounds", proofs <= MOST_EVIDENCE.ofOne, () => `stores ${proofs} proofs that replica ${liar} lies`);
  scene.demand("view-changes", copy.status.view === view, () => `follows replica ${liar} alone`);
  if (copy.status.view !== view) return;
  const batch = scene.batch();
  const place = { view, sequence, digest: batch.digest };
  scene.propose(place, batch);
  const honest = copy.others.filter((id) => id !== liar);
  for (const id of honest) if (id !== primary) copy.take({ kind: "prepare", prepare: cast.prepare(place, id) });
  if (random.chance(ASKED)) askWithoutEnd(scene);
  for (const id of honest) copy.take({ kind: "commit", commit: cast.commit(place, id) });
  scene.demand("liveness", copy.status.lastExecuted === sequence, () => {
    return `does not execute ${sequence}, for which all vote but replica ${liar}, which has voted for others in later views`;
  });
}

/** Something has prepared and is not decided, so that no query can be answered. */
function askWithoutEnd(scene: Scene): void {
  const { copy, cast, world: { genesis } } = scene;
  const query = cast.query();
  for (let i = limitsOf(genesis).queries; i >= 0; i--) copy.take({ kind: "query", query });
  const full = overfull(copy.buffers, genesis, copy.status, scene.world.settings);
  scene.demand("bounds", full === null, () => full!);
}
