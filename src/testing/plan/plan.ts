/**
 * What a run will be, as data: drawn from a seed, or made by hand, or made smaller after a failure.
 * @module
 */
import type { Limits, Settings } from "../../core/config.ts";
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { MessageKind } from "../../core/messages/messages.ts";
import type { NodeLimits } from "../../node/limits.ts";
import type { DiskHabits } from "../hosts/disk.ts";
import type { NetworkHabits } from "../world/network.ts";
import type { ClientHabits } from "../clients/habits.ts";

/** When something begins, and for how long it lasts; virtual ms. */
export interface Span {
  /** When it begins. */
  readonly atMs: number;
  /** How long it lasts. */
  readonly forMs: number;
}

/** How a faulty replica misbehaves. */
export type Behaviour =
  | "mute" // says nothing, or nothing of some kinds
  | "selective" // says nothing to some
  | "delaying" // says everything late
  | "replaying" // says old things again, others' too
  | "corrupting" // flips bits
  | "equivocating" // as primary, gives one number to two batches, and votes for each where it said so
  | "mutating" // changes what it says: views, numbers, digests, certificates; signed anew or not
  | "forging" // says things in others' names: signatures of other kinds, of other clusters, of nobody; also within certificates
  | "inventing" // says what no correct replica would: huge views, false checkpoints, floods of fetches
  | "starving" // does not take the requests of some clients
  | "lying-to-clients"; // answers with other results

/** What a coalition is up to. */
export type SchemeName =
  | "split-proposals" // its primaries give one number to two batches, and all members vote for each where it was told
  | "two-new-views" // its primaries begin a view in two ways, each of which follows from a quorum
  | "private-certificates" // what prepares with their votes only they know, and show in later view-changes
  | "late-votes" // they commit once a correct replica has, and tell few
  | "false-losses" // they claim that their disks are lost, with another bound for each
  | "restructuring" // lists doubled, permuted, emptied, padded; numbers at their edges
  | "withheld-bodies" // a batch's content is nowhere to be had
  | "chosen-quorum" // their votes make a quorum at a few
  | "stalling-primary" // they propose just before they are suspected
  | "silence" // some hear nothing from any of them
  | "deposing"; // they leave as soon as one correct replica does

/** How a hostile client misbehaves. */
export type HostileBehaviour =
  | "two-operations" // one timestamp, two operations, to different replicas
  | "far-timestamps"
  | "flooding"
  | "split-timestamps" // one timestamp to some replicas, and to others the next, with which it acknowledges the first
  | "given-up" // requests that one replica has, and that the client then acknowledges to all
  | "largest-requests" // as large as they may be, again and again
  | "garbage"; // bytes that are no request, and requests that it signs in others' names

/** What may happen to a part of what replicas send each other. */
export type NetworkFault =
  | "loss"
  | "duplication"
  | "reordering"
  | "late-posts" // they come minutes later
  | "cut-posts" // they break off in the middle of a frame
  | "slow-answers" // they are taken, and the answer takes up to a minute
  | "swallowed-posts"; // nobody takes them, and nobody says so

/** Something that goes wrong. */
export type Fault =
  | ({ readonly kind: "crash"; readonly replica: ReplicaId } & Span)
  /** All but `side` don't hear `side`; nor it them, unless it is one-way. */
  | ({ readonly kind: "partition"; readonly side: readonly ReplicaId[]; readonly isOneWay: boolean } & Span)
  | ({ readonly kind: NetworkFault; readonly part: number } & Span)
  /** Messages of these kinds don't get to these replicas. */
  | ({ readonly kind: "lost-kinds"; readonly kinds: readonly MessageKind[]; readonly to: readonly ReplicaId[] } & Span)
  | ({ readonly kind: "slow-network"; readonly ms: number } & Span)
  /** A host that is not there, or behind a barrier, is found out to be so after this long only. */
  | ({ readonly kind: "slow-refusals"; readonly ms: number } & Span)
  /** What these send to those is taken on its way, and neither heard nor refused. */
  | (
    & { readonly kind: "swallowing-links"; readonly from: readonly ReplicaId[]; readonly to: readonly ReplicaId[] }
    & Span
  )
  /** What a replica once said of this kind somebody says again to another one, so often a second. */
  | ({
    readonly kind: "replays";
    readonly what: MessageKind;
    readonly of: ReplicaId;
    readonly to: ReplicaId;
    readonly perSecond: number;
  } & Span)
  /** A second instance of a correct replica on the same store; each gets some of what comes. */
  | ({ readonly kind: "isolates"; readonly replica: ReplicaId } & Span)
  | { readonly kind: "clock-jump"; readonly replica: ReplicaId; readonly atMs: number; readonly ms: number }
  /** Its clock stands still; alarms ring. */
  | ({ readonly kind: "frozen-clock"; readonly replica: ReplicaId } & Span)
  | ({ readonly kind: "coarse-alarms"; readonly replica: ReplicaId; readonly ms: number } & Span)
  | ({ readonly kind: "disk-failures"; readonly replica: ReplicaId; readonly part: number } & Span)
  | ({ readonly kind: "slow-disk"; readonly replica: ReplicaId; readonly ms: number } & Span)
  /** Restarts with an empty store, and knows it. One of the f. */
  | ({ readonly kind: "lost-disk"; readonly replica: ReplicaId } & Span)
  /** One of the f. */
  | {
    readonly kind: "byzantine";
    readonly replica: ReplicaId;
    readonly behaviours: readonly Behaviour[];
    readonly seed: number;
  }
  /** Liars who share their keys, what they hear, and a plan. All of the f, or some. */
  | {
    readonly kind: "coalition";
    readonly members: readonly ReplicaId[];
    readonly schemes: readonly SchemeName[];
    readonly seed: number;
  }
  /** Two correct instances under one identity, each with a store of its own. One of the f. */
  | { readonly kind: "twins"; readonly replica: ReplicaId; readonly seed: number }
  | { readonly kind: "hostile-client"; readonly behaviour: HostileBehaviour; readonly seed: number };

/** What must hold in some runs. */
export type Demand =
  | "together" // no correct replica is left alone in a higher view
  | "progress-of-time" // agreed time goes on as time does
  | "no-early-expiry" // a gateway's request is not refused as expired before its time
  | "quick-catch-up" // who is behind when a quorum is healed catches up within a few round trips
  | "room" // what was taken is given back
  | "no-stop"; // no input makes a replica read its store anew

/** The whole of a run. The same plan gives the same run. */
export interface Plan {
  /** For all that the plan leaves to chance. */
  readonly seed: number;
  /** How many. */
  readonly replicas: number;
  /** How long the faults last, virtual ms; then a quorum is healed. */
  readonly durationMs: number;
  /** Clients with keys. */
  readonly signedClients: readonly ClientHabits[];
  /** Clients without. */
  readonly unsignedClients: readonly ClientHabits[];
  /** The network where no fault changes it. */
  readonly network: NetworkHabits;
  /** The disks where no fault changes them. */
  readonly disk: DiskHabits;
  /** How far the clocks are ahead of true time, by replica, ms. */
  readonly skewsMs: readonly number[];
  /** K. */
  readonly checkpointInterval: number;
  /** L. */
  readonly logWindow: number;
  /** Most requests in one batch. */
  readonly maxBatchRequests: number;
  /** Of each replica, where they differ from the defaults. */
  readonly settings: Partial<Settings>;
  /** What goes wrong. */
  readonly faults: readonly Fault[];
  /** Replicas are run as on hosts that may stop them between any two messages. */
  readonly persistInputs: boolean;
  /** Correct replicas on hosts that run them only while something comes, one request after another. They keep their inputs. */
  readonly coldReplicas: readonly ReplicaId[];
  /** Their hosts wake them this often, ms. */
  readonly wakeMs: number;
  /** All are correct and up and delays are short: there must be no view change. */
  readonly isCalm: boolean;
  /** What all replicas apply alike, where it differs from the defaults. */
  readonly limits?: Partial<Limits>;
  /** What each node holds, where it differs from the defaults. */
  readonly nodeLimits?: Partial<NodeLimits>;
  /** Clocks stay as wrong as they are when a quorum is healed. */
  readonly keepsClocks?: boolean;
  /** What must hold beyond what must hold in every run. */
  readonly demands?: readonly Demand[];
  /** Views beyond this one have no reason. */
  readonly mostViews?: number;
}

/** The replicas that a plan makes faulty. */
export function faultyReplicas({ faults }: Pick<Plan, "faults">): readonly ReplicaId[] {
  const faulty = faults.flatMap((fault) =>
    fault.kind === "coalition"
      ? fault.members
      : fault.kind === "byzantine" || fault.kind === "twins" || fault.kind === "lost-disk"
      ? [fault.replica]
      : []
  );
  return [...new Set(faulty)].sort((a, b) => a - b);
}

/** Those of them that may say anything. One that has lost its disk is honest, and says so. */
export function lyingReplicas({ faults }: Pick<Plan, "faults">): readonly ReplicaId[] {
  return faultyReplicas({ faults: faults.filter(({ kind }) => kind !== "lost-disk") });
}

/** How many operations the clients of a plan ask for. */
export function operationsOf({ signedClients, unsignedClients }: Plan): number {
  return [...signedClients, ...unsignedClients].reduce((sum, { operations }) => sum + operations, 0);
}

/** After healing, all requests are answered and all healed replicas have caught up within this, virtual ms: where nobody sleeps. */
const LIVENESS_MS = 240_000;

/** The time in which a healed cluster must be done. Where replicas sleep until somebody asks or a timer ticks, each request may have to wait for a tick. */
export function livenessMs(plan: Plan): number {
  return LIVENESS_MS + (plan.coldReplicas.length > 0 ? operationsOf(plan) * plan.wakeMs : 0);
}
