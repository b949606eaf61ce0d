/**
 * A drill of bounded memory: one of the others sends more than any protocol needs.
 * @module
 */
import { limitsOf, MOST_EVIDENCE, overfull } from "../../checks/buffers.ts";
import type { DrillContext } from "../context.ts";

/** The part of these drills in which clients ask more than can be answered, which takes long. */
const ASKED = 0.1;

/**
 * A Byzantine replica names ever other numbers and views, and clients send ever new requests. Memory is bounded, and
 * other messages count.
 */
export function bearsAFlood(context: DrillContext): void {
  const { copy, peers, random, world: { genesis } } = context;
  // With another replica's view-change, which its host has kept, the liar would not be alone.
  context.needs(
    !copy.kept.has("view-change") && !copy.kept.has("suspicion") && context.quieten() && context.room > 0 &&
      context.becomeBackup(),
  );
  const { highWatermark: high, view, primary } = copy.status;
  const { next: sequence } = context;
  const liar = random.pick(copy.others.filter((id) => id !== primary));
  const places = Array.from({ length: limitsOf(genesis).checkpoints + 2 }, (_, i) => i + 1);
  const heard = copy.during(() => {
    for (const i of random.chance(0.5) ? places : places.reverse()) {
      const place = { view: view + i, sequence, digest: context.anyDigest() };
      const far = high - high % genesis.checkpointInterval + i * genesis.checkpointInterval;
      for (const digest of [place.digest, peers.empty.digest, context.anyDigest()]) {
        copy.take({ kind: "checkpoint", checkpoint: peers.checkpoint(far, digest, liar) });
      }
      copy.take({ kind: "suspicion", suspicion: peers.suspicion(view + i, liar, { number: i }) });
      context.leaveFor([peers.viewChangeAlone(view + i, liar, copy.stable)]);
      copy.take({ kind: "prepare", prepare: peers.prepare(place, liar) });
      copy.take({ kind: "commit", commit: peers.commit(place, liar) });
    }
  });
  const proofs = heard.records.filter(({ kind }) => kind === "contradiction").length;
  context.demand("bounds", proofs <= MOST_EVIDENCE.ofOne, () => `stores ${proofs} proofs that replica ${liar} lies`);
  context.demand("view-changes", copy.status.view === view, () => `follows replica ${liar} alone`);
  if (copy.status.view !== view) return;
  const batch = context.batch();
  const place = { view, sequence, digest: batch.digest };
  context.propose(place, batch);
  const honest = copy.others.filter((id) => id !== liar);
  for (const id of honest) if (id !== primary) copy.take({ kind: "prepare", prepare: peers.prepare(place, id) });
  if (random.chance(ASKED)) askWithoutEnd(context);
  for (const id of honest) copy.take({ kind: "commit", commit: peers.commit(place, id) });
  context.demand("liveness", copy.status.lastExecuted === sequence, () => {
    return `does not execute ${sequence}, for which all vote but replica ${liar}, which has voted for others in later views`;
  });
}

/** A batch has prepared and is not decided, so that no query can be answered. */
function askWithoutEnd(context: DrillContext): void {
  const { copy, peers, world: { genesis } } = context;
  const query = peers.query();
  for (let i = limitsOf(genesis).queries; i >= 0; i--) copy.take({ kind: "query", query });
  const full = overfull(copy.buffers, genesis, copy.status, context.world.settings);
  context.demand("bounds", full === null, () => full!);
}
