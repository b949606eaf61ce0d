/**
 * Everything that a run shares, as it is in one epoch, with the checker that watches it.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import type { InvariantChecker } from "../invariants/invariant_checker.ts";
import type { WorldBase } from "./world_base.ts";

/** Everything that a run shares, as it is in one epoch. The engine, the network and the executions are those of all epochs. */
export interface World extends WorldBase {
  readonly checker: InvariantChecker;
  /** The epochs of a run that may reconfigure; `null`: epoch 0 is the only one. */
  readonly epochs: EpochWorlds | null;
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
