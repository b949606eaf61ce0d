/**
 * Disks lost twice, or one while another replica recovers; and a Byzantine replica that claims to have lost its disk.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { maxFaulty } from "../../core/messages/quorum.ts";
import type { Fault, Plan } from "../plan/plan.ts";
import type { Random } from "../random.ts";
import { idsOf, quietPlan } from "./quiet.ts";

/** All f lose their disks, some more than once; or one of them lies about it. */
export function lostDisks(plan: Plan, random: Random): Plan {
  const f = maxFaulty(plan.replicas);
  const ids = idsOf(plan);
  // The primary has most to lose.
  const whose = random.chance(0.4) ? ids.slice(0, f) : random.shuffled(ids).slice(0, f);
  const liar = f > 1 && random.chance(0.4) ? whose.pop() : undefined;
  const faults = whose.flatMap((replica) => losses(plan, random, replica));
  if (liar !== undefined) {
    faults.push({ kind: "coalition", members: [liar], schemes: ["false-losses"], seed: random.seed() });
  }
  const others = random.chance(0.6) ? [] : plan.faults.filter(({ kind }) => {
    return kind === "crash" || kind === "loss" || kind === "slow-network" || kind === "duplication";
  });
  return { ...quietPlan(plan, [...faults, ...others]), isCalm: false };
}

function losses(plan: Plan, random: Random, replica: ReplicaId): Fault[] {
  const faults: Fault[] = [];
  let atMs = random.between(1_000, 0.5 * plan.durationMs);
  for (let left = random.int(1, 3); left > 0; left--) {
    const forMs = random.between(20, 2_000);
    faults.push({ kind: "lost-disk", replica, atMs, forMs });
    // Before it has recovered, while it recovers, or long after.
    atMs += forMs + random.pick([50, 300, 1_000, 5_000, 15_000]) * random.between(0.5, 1.5);
  }
  return faults.filter((fault) => "atMs" in fault && fault.atMs < 0.95 * plan.durationMs);
}

/** Disks are replaced by older copies of them, and nobody tells the replicas; or such a disk and a lost one, or a liar. */
export function oldDisks(plan: Plan, random: Random): Plan {
  const [whose, other] = random.shuffled(idsOf(plan));
  const faults: Fault[] = [];
  let atMs = random.between(1_000, 0.4 * plan.durationMs);
  for (let left = random.int(1, 3); left > 0 && atMs < 0.8 * plan.durationMs; left--) {
    const forMs = random.pick([20, 300, 3_000, 15_000]) * random.between(0.5, 1.5);
    faults.push({ kind: "old-disk", replica: whose!, atMs, forMs });
    atMs += forMs + random.pick([50, 1_000, 15_000]) * random.between(0.5, 1.5);
  }
  if (maxFaulty(plan.replicas) > 1 && random.chance(0.7)) {
    if (random.chance(0.5)) faults.push(...losses(plan, random, other!));
    else faults.push({ kind: "coalition", members: [other!], schemes: ["false-losses"], seed: random.seed() });
  }
  // A replica that keeps its inputs is started for each message, and does not ask what it has sent.
  return { ...quietPlan(plan, faults), persistInputs: false, isCalm: false };
}
