/**
 * Everything that a run shares, as it is in one epoch, with the checker that watches it.
 * @module
 */
import type { MessageInput, Ready, ReplicaStatus } from "../../core/io.ts";
import type { Digest, Millis, ReplicaId } from "../../core/messages/ids.ts";
import type { StoredState, Timers } from "../../core/records.ts";
import type { StateMachines } from "../../core/epochs/versions.ts";
import type { Core } from "../../node/durable/task.ts";
import type { ClusterMember } from "../../node/epochs/cluster_member.ts";
import type { ClusterMemberOptions, MemberSource } from "../../node/epochs/member_options.ts";
import type { HostEvent } from "../../node/host_event.ts";
import type { ReplicaNode } from "../../node/node.ts";
import type { NodeInternals } from "../../node/options.ts";
import type { Approved, Epoch } from "../../wire/epochs/mod.ts";
import type { InvariantChecker } from "../invariants/invariant_checker.ts";
import type { Random } from "../random.ts";
import type { Disk } from "../hosts/disk.ts";
import type { MemberAnswers, Station } from "./network.ts";
import type { WorldBase } from "./world_base.ts";

/** A replica on a copy of which a drill is held. */
export interface Drilled {
  readonly replica: ReplicaId;
  readonly label: string;
  /** As its store has it. */
  readonly storedState: StoredState;
  readonly kept: readonly MessageInput[];
  readonly now: number;
  readonly random: Random;
  /** Makes a core that is not started yet, with a state machine of its own. */
  readonly createCore: (storedState: StoredState) => Core;
}

/** Holds a drill. */
export type Drill = (world: World, drilled: Drilled) => void;

/** A replica at a moment when all that it has done is durable. */
export interface Moment {
  readonly world: World;
  readonly replica: ReplicaId;
  readonly label: string;
  /** Its store contains what the replica in memory knows, and nothing else. */
  readonly disk: Disk;
  readonly persistInputs: boolean;
  /** The versions of the state machine that it has; `null`: there is one. */
  readonly versions: StateMachines | null;
  /** The status of the replica in memory. */
  readonly status: ReplicaStatus;
  /** The timers of the replica in memory. */
  readonly timers: Timers | undefined;
  /** How many bodies it keeps of batches that others replaced; `undefined`: it does not say. */
  readonly formerBodies: number | undefined;
  /** The time of its last step. */
  readonly now: Millis;
  /** For the drill that follows. */
  readonly random: Random;
}

/** Compares them. */
export type ReloadCheck = (moment: Moment) => Promise<void>;

/** Everything that a run shares, as it is in one epoch. The engine, the network and the executions are those of all epochs. */
export interface World extends WorldBase {
  readonly checker: InvariantChecker;
  /** The epochs of a run that may reconfigure; `null`: epoch 0 is the only one. */
  readonly epochs: EpochWorlds | null;
  /** Holds drills on copies of replicas; `null`: none are held. */
  readonly drill: Drill | null;
  /** Compares replicas with what their stores have; `null`: none are compared. */
  readonly checkReload: ReloadCheck | null;
}

/** The worlds of all epochs. */
export interface EpochWorlds {
  /** The world of the last epoch that anybody has entered. */
  readonly last: World;
  /** The worlds so far, by epoch. */
  readonly all: readonly World[];
  /** A correct host, or a client, has followed the chain to this epoch. Reports an epoch that the members did not agree on. */
  entered(who: string, epoch: Epoch): World;
  /** All links so far, as those who look after the hosts know them. */
  links(): readonly Uint8Array[];
  /** The parts of a host that is a member over its epochs. */
  readonly parts: MemberParts;
  /** The configurations of which a quorum of each epoch has approved, whether they were accepted or not. */
  readonly approved: ReadonlyMap<number, readonly Approved[]>;
  /** Somebody who has stolen the keys of closed epochs; `null`: nobody has. */
  readonly thief: Thieving | null;
  /** Watches a correct process from its start on. */
  watch(watched: WatchedProcess): ProcessWatch;
}

/** One process of a correct member, over its epochs. */
export interface WatchedProcess {
  readonly label: string;
  readonly disk: Disk;
  /** What it is now: the world of its epoch, and the member that runs in it. */
  readonly life: { readonly world: World; readonly member: ClusterMember | null };
}

/** What is told of such a process. */
export interface ProcessWatch {
  /** A core is made of what its store has. */
  restored(stored: StoredState): void;
  /** Its core has made a step. Nothing of it is durable yet. */
  stepped(ready: Ready): void;
  /** Something happened to its host. */
  hosted(kind: HostEvent["kind"]): void;
  /** It asks another host for links. */
  asks(): void;
}

/** What a thief with the keys of closed epochs says to those who know a later one. */
export interface Thieving {
  /** Links instead of the true ones for somebody who asks after an epoch; `null`: the true ones get through. */
  links(after: number): readonly Uint8Array[] | null;
  /** Replies to a client's request, for an epoch that the client knows. */
  replies(request: Digest, operations: number, world: World): readonly ForgedReply[];
}

/** A reply in the name of a member. */
export interface ForgedReply {
  readonly replica: ReplicaId;
  readonly frame: Uint8Array;
}

/** What only runs that may reconfigure contain: the browser's simulator has none of it. */
export interface MemberParts {
  /** Opens a member. */
  open(options: ClusterMemberOptions, internals: NodeInternals): Promise<ClusterMember>;
  /** A member's node as callers see it. */
  following(node: ReplicaNode, member: ClusterMember): Pick<ReplicaNode, "submit" | "query" | "vouch">;
  /** What a host asks others. `onAsk` is called when it asks for links. */
  source(by: Station, world: World, onAsk: () => void): MemberSource;
  /** What a host answers about its epochs. `member`: `null` if it is off. */
  answers(by: Answering, member: ClusterMember | null, random: Random): MemberAnswers;
}

/** A host that answers about its epochs. */
export interface Answering {
  /** Of the epoch that it is in. */
  readonly world: World;
  readonly replica: ReplicaId;
  readonly isFaulty: boolean;
}

/** The host of a member. */
export function hostOf({ epoch, hosts }: WorldBase, replica: ReplicaId): ReplicaId {
  return epoch.number === 0 ? replica : hosts.hostOf(epoch.genesis.replicas[replica]!.publicKey);
}

/** The number of a host among the members; `null`: it is none of them. */
export function seatOf({ epoch, hosts }: WorldBase, host: ReplicaId): ReplicaId | null {
  const { replicas } = epoch.genesis;
  if (epoch.number === 0) return host < replicas.length ? host : null;
  const seat = replicas.findIndex(({ publicKey }) => hosts.hostOf(publicKey) === host);
  return seat < 0 ? null : seat as ReplicaId;
}
