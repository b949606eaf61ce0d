/**
 * Kinds of trouble: each is one thing that can go wrong at length, laid over the plan that a seed draws anyway. They can be chosen one
 * by one, so that thousands of runs of each can be had.
 * @module
 */
import type { Plan } from "../plan.ts";
import { Random } from "../random.ts";
import { coalitions } from "./coalitions.ts";

/** Lays it over a plan. */
type Lay = (plan: Plan, random: Random) => Plan;

/** What there is of a kind. */
interface Entry {
  readonly lay: Lay;
  /** The part of the default runs that has it. */
  readonly share: number;
  /** Numbers of replicas, each as likely as it stands here, where nobody chose one; left out: any. */
  readonly replicas?: readonly number[];
}

const ENTRIES = {
  /** Up to f liars with a common plan. */
  "coalitions": { lay: coalitions, share: 0, replicas: [4, 4, 4, 4, 5, 6, 7, 7] },
} as const satisfies { readonly [name: string]: Entry };

/** A kind of trouble. */
export type Kind = keyof typeof ENTRIES;

/** Their names. */
export const KINDS: readonly Kind[] = Object.keys(ENTRIES) as Kind[];

/** The kinds of a default run. */
export function kindsOf(seed: number): readonly Kind[] {
  const random = new Random(seed ^ 0x6b696e64);
  return KINDS.filter((kind) => random.chance(ENTRIES[kind].share));
}

/** How many replicas suit these kinds; `undefined`: any number does. */
export function replicasFor(kinds: readonly Kind[], seed: number): number | undefined {
  const some = kinds.flatMap((kind) => {
    const { replicas }: Entry = ENTRIES[kind];
    return replicas ? [replicas] : [];
  });
  return some.length === 0 ? undefined : new Random(seed ^ 0x6d616e79).pick(some[0]!);
}

/** The plan with these kinds laid over it. What a kind draws depends on the seed and on nothing else. */
export function withKinds(plan: Plan, kinds: readonly Kind[]): Plan {
  return kinds.reduce<Plan>((laid, kind) => {
    return ENTRIES[kind].lay(laid, new Random(plan.seed ^ (0x10001 * (1 + KINDS.indexOf(kind)))));
  }, plan);
}
