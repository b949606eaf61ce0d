/**
 * Kinds of trouble. Each makes one thing go wrong at length, on top of the plan that a seed draws. They can be chosen
 * one by one, for thousands of runs of each.
 * @module
 */
import type { Demand, Plan } from "../plan/plan.ts";
import { Random } from "../random.ts";
import { catchingUp, restarts } from "./absences.ts";
import { clients } from "./clients.ts";
import { coalitions } from "./coalitions.ts";
import { alone, idleNames, tinyLimits } from "./limits.ts";
import { links } from "./links.ts";
import { lostDisks, oldDisks } from "./lost_disks.ts";
import { replays } from "./replays.ts";
import { slowDisks } from "./slow_disks.ts";
import { longTime, wrongClocks } from "./time.ts";

/** Adds a kind to a plan. */
export type Lay = (plan: Plan, random: Random) => Plan;

/** Kinds of runs that the page can't show. Whoever draws brings them. */
export type Brought = Readonly<Record<"epochs" | "http", Lay>>;

/** The properties of a kind. */
interface Entry {
  /** Left out: it is brought. */
  readonly lay?: Lay;
  /** The part of the default runs that has it. */
  readonly share: number;
  /** Numbers of replicas if none was chosen, each as likely as it is listed; left out: any. */
  readonly replicas?: readonly number[];
}

/** Demands more of the plan as it is. */
function demanding(demand: Demand): Lay {
  return (plan) => ({ ...plan, demands: [...plan.demands ?? [], demand] });
}

/** A kind of trouble. */
export type Kind =
  | "coalitions" // up to f Byzantine replicas with a common plan
  | "clients" // clients that send different requests to different replicas
  | "slow-disks" // slow for the whole of the run
  | "lost-disks" // lost twice, or one while another recovers
  | "links" // half open, one way, slow to refuse
  | "replays" // old messages sent again at a high rate
  | "long-time" // an hour and more
  | "wrong-clocks" // all wrong, each by its own amount
  | "tiny-limits" // small buffers, windows, batches, results
  | "idle-names" // of unsigned clients, forgotten soon
  | "catching-up" // away for many batches, and back with a bare quorum
  | "together" // no replica is alone in a higher view for long
  | "room" // room is given back
  | "alone" // one replica
  | "epochs" // the members, their keys and their rules change
  | "restarts" // short and many, with a state of many chunks that are loaded by need
  | "old-disks" // replaced by older copies, unknown to the replica
  | "http"; // callers with the client library, and programs that post to gateways, over HTTP

const ENTRIES: {
  readonly [K in Kind]: K extends keyof Brought ? Omit<Entry, "lay"> : Required<Pick<Entry, "lay">> & Entry;
} = {
  "coalitions": { lay: coalitions, share: 0.06, replicas: [4, 4, 4, 4, 5, 6, 7, 7] },
  "clients": { lay: clients, share: 0.06 },
  "slow-disks": { lay: slowDisks, share: 0 },
  "lost-disks": { lay: lostDisks, share: 0.04, replicas: [4, 4, 5, 7, 7] },
  "links": { lay: links, share: 0.06 },
  "replays": { lay: replays, share: 0.04 },
  "long-time": { lay: longTime, share: 0, replicas: [4] },
  "wrong-clocks": { lay: wrongClocks, share: 0.04 },
  "tiny-limits": { lay: tinyLimits, share: 0 },
  "idle-names": { lay: idleNames, share: 0 },
  "catching-up": { lay: catchingUp, share: 0, replicas: [4, 4, 4, 7] },
  "together": { lay: demanding("together"), share: 0.1 },
  "room": { lay: demanding("room"), share: 0.06 },
  "alone": { lay: alone, share: 0 },
  "epochs": { share: 0.04 },
  "http": { share: 0.04, replicas: [4] },
  "old-disks": { lay: oldDisks, share: 0, replicas: [4, 4, 5, 7, 7] },
  "restarts": { lay: restarts, share: 0.02, replicas: [4] },
};

/** Their names. */
export const KINDS: readonly Kind[] = Object.keys(ENTRIES) as Kind[];

/** The kinds of a default run: at most one, as the demands of one may be impossible under another. */
export function kindsOf(seed: number): readonly Kind[] {
  let left = new Random(seed ^ 0x6b696e64).next();
  const kind = KINDS.find((kind) => (left -= ENTRIES[kind].share) < 0);
  return kind ? [kind] : [];
}

/** How many replicas suit these kinds; `undefined`: any number. */
export function replicasFor(kinds: readonly Kind[], seed: number): number | undefined {
  const some = kinds.flatMap((kind) => {
    const { replicas } = ENTRIES[kind];
    return replicas ? [replicas] : [];
  });
  return some.length === 0 ? undefined : new Random(seed ^ 0x6d616e79).pick(some[0]!);
}

/** The plan with these kinds added. The draws of a kind depend on the seed only. */
export function withKinds(plan: Plan, kinds: readonly Kind[], brought: Brought): Plan {
  return kinds.reduce<Plan>((laid, kind) => {
    const lay = kind === "epochs" || kind === "http" ? brought[kind] : ENTRIES[kind].lay;
    return lay(laid, new Random(plan.seed ^ (0x10001 * (1 + KINDS.indexOf(kind)))));
  }, plan);
}
