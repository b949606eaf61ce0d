/**
 * The runs that every mutant is tried on, in this order, until one kills it. The list is the same for all: nothing is chosen
 * to suit a mutant.
 * @module
 */
import { STORE_KINDS, type StoreKind } from "../../src/cli/simulation/real_stores.ts";
import type { Kind, Profile } from "../../src/testing/mod.ts";

/** One run of the simulator. */
export interface Trial {
  readonly profile: Profile;
  /** Kinds of trouble; left out: those of the seed. */
  readonly kinds?: readonly Kind[];
  readonly seed: number;
  /** Drawn from the seed if left out. */
  readonly replicas?: number;
  /** Where the disks are kept; left out: as `simulated`. */
  readonly store?: StoreKind;
}

/** One seed is tried in each of these ways: what is quick and what shows most first; with five replicas a quorum is not 2 f + 1. */
const ROUND: readonly Omit<Trial, "seed">[] = [
  { profile: "default", replicas: 4 },
  { profile: "byzantine", replicas: 4 },
  { profile: "default", replicas: 5 },
  { profile: "crashes", replicas: 4 },
  { profile: "network", replicas: 4 },
  { profile: "edge", replicas: 4 },
  { profile: "default" },
  { profile: "byzantine" },
  { profile: "calm" },
  // The kinds that the protocol stands.
  { profile: "default", replicas: 4, kinds: ["tiny-limits"] },
  { profile: "default", replicas: 4, kinds: ["coalitions"] },
  { profile: "default", replicas: 4, kinds: ["lost-disks"] },
  { profile: "default", kinds: ["alone", "room"] },
  { profile: "default", replicas: 4, kinds: ["replays"] },
  { profile: "default", replicas: 4, kinds: ["epochs"] },
  { profile: "crashes", replicas: 4, kinds: ["epochs"] },
  { profile: "byzantine", replicas: 4, kinds: ["http"] },
];

/** So many runs, from this seed on. */
export function schedule(firstSeed: number, runs: number): readonly Trial[] {
  return Array.from({ length: runs }, (_, i) => ({
    ...ROUND[i % ROUND.length]!,
    seed: firstSeed + Math.floor(i / ROUND.length),
    // Five kinds, seventeen ways: each meets each.
    store: STORE_KINDS[i % STORE_KINDS.length]!,
  }));
}

/** So many of these runs: those in which all these kinds are chosen. */
export function scheduleWith(kinds: readonly string[], firstSeed: number, runs: number): readonly Trial[] {
  const ways = ROUND.filter((way) => kinds.every((kind) => way.kinds?.some((chosen) => chosen === kind)));
  if (ways.length === 0) return [];
  const rounds = Math.ceil(runs / ways.length);
  return schedule(firstSeed, rounds * ROUND.length)
    .filter((trial) => kinds.every((kind) => trial.kinds?.some((chosen) => chosen === kind)))
    .slice(0, runs);
}

/** A trial for people, as `deno task simulate` takes it. */
export function wordsOf({ profile, seed, replicas, store, kinds }: Trial): string {
  return `${profile}${replicas ? `/${replicas}` : ""} seed ${seed}${
    store && store !== "simulated" ? ` on ${store}` : ""
  }${kinds ? ` with ${kinds.join(", ")}` : ""}`;
}
