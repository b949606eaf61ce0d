/**
 * A run as data: drawn from a seed, written by hand, or reduced after a failure.
 * @module
 */
import type { Limits, Settings } from "../../core/config.ts";
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { MessageKind } from "../../core/messages/messages.ts";
import type { NodeLimits } from "../../node/limits.ts";
import type { DiskHabits } from "../hosts/disk.ts";
import type { NetworkHabits } from "../world/network.ts";
import type { Reconfigurations } from "./reconfigurations.ts";
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
  | "mute" // sends nothing, or nothing of some kinds
  | "selective" // sends nothing to some
  | "delaying" // sends everything late
  | "replaying" // sends old messages again, also those of others
  | "corrupting" // flips bits
  | "equivocating" // as primary, gives one number to two batches, and votes for each where it proposed it
  | "mutating" // changes its messages: views, numbers, digests, certificates; signed anew or not
  | "forging" // sends messages in others' names, with signatures of other kinds, of other clusters, or of nobody; also within certificates
  | "inventing" // sends what no correct replica would: huge views, false checkpoints, floods of fetches
  | "starving" // ignores the requests of some clients
  | "lying-to-clients"; // answers with other results

/** The plan of a coalition. */
export type SchemeName =
  | "split-proposals" // its primaries give one number to two batches, and all members vote for each where it was proposed
  | "two-new-views" // its primaries begin a view in two ways, each of which follows from a quorum
  | "private-certificates" // only they know what prepares with their votes, and they show it in later view-changes
  | "late-votes" // they commit after a correct replica has, and tell few
  | "false-losses" // they claim that their disks are lost, each with another bound to each receiver
  | "restructuring" // lists doubled, permuted, emptied, padded; numbers at their edges
  | "withheld-bodies" // the body of a batch is withheld
  | "chosen-quorum" // their votes complete a quorum at few replicas
  | "stalling-primary" // they propose just before they would be suspected
  | "silence" // some replicas hear nothing from any member
  | "deposing" // they leave as soon as one correct replica does
  | "returned-statuses" // whoever sends one gets it back; their own have the highest numbers
  | "handing-over"; // their primaries order nothing, and hand over to each other before they are suspected

/** How a hostile client misbehaves. */
export type HostileBehaviour =
  | "two-operations" // one timestamp with different operations for different replicas
  | "far-timestamps"
  | "flooding"
  | "split-timestamps" // one timestamp to some replicas; to others the next one, which acknowledges the first
  | "given-up" // requests that one replica has, and that the client then acknowledges to all
  | "largest-requests" // as large as allowed, again and again
  | "garbage"; // bytes that are no request, and requests signed in others' names

/** Faults that befall a part of the messages between replicas. */
export type NetworkFault =
  | "loss"
  | "duplication"
  | "reordering"
  | "late-posts" // they arrive minutes later
  | "cut-posts" // they break off in the middle of a frame
  | "slow-answers" // they are taken, and the answer takes up to a minute
  | "swallowed-posts"; // they get neither through nor refused

/** A fault. */
export type Fault =
  | ({ readonly kind: "crash"; readonly replica: ReplicaId } & Span)
  /** The others do not hear `side`. Unless the partition is one-way, `side` does not hear them either. */
  | ({ readonly kind: "partition"; readonly side: readonly ReplicaId[]; readonly isOneWay: boolean } & Span)
  | ({ readonly kind: NetworkFault; readonly part: number } & Span)
  /** Messages of these kinds to these replicas are lost. */
  | ({ readonly kind: "lost-kinds"; readonly kinds: readonly MessageKind[]; readonly to: readonly ReplicaId[] } & Span)
  | ({ readonly kind: "slow-network"; readonly ms: number } & Span)
  /** A connection to a host that is absent, or behind a barrier, is refused only after this time. */
  | ({ readonly kind: "slow-refusals"; readonly ms: number } & Span)
  /** Messages from `from` to `to` get neither through nor refused. */
  | (
    & { readonly kind: "swallowing-links"; readonly from: readonly ReplicaId[]; readonly to: readonly ReplicaId[] }
    & Span
  )
  /** Old messages of this kind, of one replica, are sent to another one again, at this rate. */
  | ({
    readonly kind: "replays";
    readonly what: MessageKind;
    readonly of: ReplicaId;
    readonly to: ReplicaId;
    readonly perSecond: number;
  } & Span)
  /** A second instance of a correct replica on the same store. Each message goes to one of the two. */
  | ({ readonly kind: "isolates"; readonly replica: ReplicaId } & Span)
  | { readonly kind: "clock-jump"; readonly replica: ReplicaId; readonly atMs: number; readonly ms: number }
  /** Its clock stands still. Alarms fire. */
  | ({ readonly kind: "frozen-clock"; readonly replica: ReplicaId } & Span)
  | ({ readonly kind: "coarse-alarms"; readonly replica: ReplicaId; readonly ms: number } & Span)
  | ({ readonly kind: "disk-failures"; readonly replica: ReplicaId; readonly part: number } & Span)
  | ({ readonly kind: "slow-disk"; readonly replica: ReplicaId; readonly ms: number } & Span)
  /** It restarts with an empty store, and knows it. Counts among the f. */
  | ({ readonly kind: "lost-disk"; readonly replica: ReplicaId } & Span)
  /** Its disk is copied. At the end it restarts on the copy, and does not know. Counts among the f. Not with real stores. */
  | ({ readonly kind: "old-disk"; readonly replica: ReplicaId } & Span)
  /** Counts among the f. */
  | {
    readonly kind: "byzantine";
    readonly replica: ReplicaId;
    readonly behaviours: readonly Behaviour[];
    readonly seed: number;
  }
  /** Byzantine replicas that share their keys, all that they hear, and a plan. All of the f, or some. */
  | {
    readonly kind: "coalition";
    readonly members: readonly ReplicaId[];
    readonly schemes: readonly SchemeName[];
    readonly seed: number;
  }
  /** Two correct instances under one identity, each with a store of its own. Counts among the f. */
  | { readonly kind: "twins"; readonly replica: ReplicaId; readonly seed: number }
  | { readonly kind: "hostile-client"; readonly behaviour: HostileBehaviour; readonly seed: number };

/** Invariants that hold in some runs only. */
export type Demand =
  | "together" // no correct replica is left alone in a higher view
  | "progress-of-time" // agreed time goes on as fast as real time
  | "no-early-expiry" // a gateway's request is not refused as expired before its time
  | "quick-catch-up" // a replica that is behind when a quorum is healed catches up within a few round trips
  | "room" // room is given back
  | "no-stop"; // no input makes a replica reload its store

/** A whole run. The same plan gives the same run. */
export interface Plan {
  /** The seed of everything that the plan leaves open. */
  readonly seed: number;
  /** How many replicas. */
  readonly replicas: number;
  /** How long the faults last, virtual ms; then a quorum is healed. */
  readonly durationMs: number;
  /** Clients with keys. */
  readonly signedClients: readonly ClientHabits[];
  /** Clients without keys. */
  readonly unsignedClients: readonly ClientHabits[];
  /** How many registers they use of the key-value store; 5 if left out. */
  readonly registers?: number;
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
  /** Settings of each replica, where they differ from the defaults. */
  readonly settings: Partial<Settings>;
  /** The faults. */
  readonly faults: readonly Fault[];
  /** Replicas keep their inputs, as on hosts that may stop them between any two messages. */
  readonly persistInputs: boolean;
  /** Correct replicas on hosts that run them only while they serve a request, one request after another. They keep their inputs. */
  readonly coldReplicas: readonly ReplicaId[];
  /** The interval at which these hosts wake them, ms. */
  readonly wakeMs: number;
  /** All replicas are correct and up and delays are short, so that there must be no view change. */
  readonly isCalm: boolean;
  /** Limits in the genesis, where they differ from the defaults. */
  readonly limits?: Partial<Limits>;
  /** Limits of each node, where they differ from the defaults. */
  readonly nodeLimits?: Partial<NodeLimits>;
  /** Clocks are not corrected when a quorum is healed. */
  readonly keepsClocks?: boolean;
  /** Invariants of this run beyond those of every run. */
  readonly demands?: readonly Demand[];
  /** Changes of the members and rules. Left out: epoch 0 is the only one. */
  readonly reconfigurations?: Reconfigurations;
  /** Callers over HTTP. Left out: there are none. */
  readonly http?: HttpPlan;
  /** There is no reason for views beyond this one. */
  readonly mostViews?: number;
}

/** The callers over HTTP: the client library, and programs that post to `/req`. */
export interface HttpPlan {
  /** The seed of their habits, of the limits of the replicas' HTTP interfaces, and of the fate of each request on its way. */
  readonly seed: number;
  /** So many of the signed clients, the first ones, are of the client library. */
  readonly clients: number;
  /** So many of the unsigned clients, the first ones, post to `/req`. */
  readonly guests: number;
  /** So many watch the state, or the batches. */
  readonly watchers: number;
  /** The part of the requests and answers that something happens to on the way, while there are faults. */
  readonly trouble: number;
}

/** The replicas that a plan makes faulty. */
export function faultyReplicas({ faults }: Pick<Plan, "faults">): readonly ReplicaId[] {
  return sorted(faults.flatMap((fault) => {
    return fault.kind === "lost-disk" || fault.kind === "old-disk" ? [fault.replica] : liarsIn(fault);
  }));
}

/** The faulty replicas that may send anything. A replica that has lost its disk, or has an old one, is honest. */
export function lyingReplicas({ faults }: Pick<Plan, "faults">): readonly ReplicaId[] {
  return sorted(faults.flatMap(liarsIn));
}

function liarsIn(fault: Fault): readonly ReplicaId[] {
  if (fault.kind === "coalition") return fault.members;
  return fault.kind === "byzantine" || fault.kind === "twins" ? [fault.replica] : [];
}

function sorted(ids: readonly ReplicaId[]): readonly ReplicaId[] {
  return [...new Set(ids)].sort((a, b) => a - b);
}

/** How many operations the clients of a plan ask for. */
export function operationsOf({ signedClients, unsignedClients }: Plan): number {
  return [...signedClients, ...unsignedClients].reduce((sum, { operations }) => sum + operations, 0);
}

/**
 * The time after healing within which all requests must be answered and all healed replicas must have caught up,
 * without cold hosts, virtual ms.
 */
const LIVENESS_MS = 240_000;

/** The time within which a healed cluster must be done, virtual ms. On cold hosts each request may have to wait for a tick. */
export function livenessMs(plan: Plan): number {
  return LIVENESS_MS + (plan.coldReplicas.length > 0 ? operationsOf(plan) * plan.wakeMs : 0);
}
