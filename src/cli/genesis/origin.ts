/**
 * The snapshot with which a new cluster begins, for `init --from`.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import { type MigratedState, migrateSnapshot, rulesAfter } from "../../snapshot/migration/migrate.ts";
import { SnapshotError } from "../../snapshot/snapshot_error.ts";
import { folderStorage } from "../../snapshot/storage/folder.ts";
import type { SnapshotStorage } from "../../snapshot/storage/storage.ts";
import { type SnapshotChoice, verifySnapshot } from "../../snapshot/verify.ts";
import { CliError, EXIT, isSystemError, reasonOf } from "../cli_error.ts";
import { findCluster } from "../find_cluster.ts";
import { loadSafely } from "../machine/load_safely.ts";
import { KeptChain } from "../members/kept_chain.ts";
import { natural } from "../numbers.ts";

/** A state with which a cluster can begin. */
export interface FoundOrigin {
  readonly origin: NonNullable<Genesis["origin"]>;
  /** The rules in force after the state: its machine can read it. */
  readonly rules: Genesis;
  /** For people. */
  readonly text: string;
}

/** Where the snapshot is, and whom the caller trusts. */
export interface OriginFlags {
  readonly from: string;
  readonly sequence?: string | undefined;
  readonly cluster?: string | undefined;
  readonly chain?: string | undefined;
  /** The version of the machine, if it is another one than the snapshot's, and the file with its migration. */
  readonly machine?: string | undefined;
  readonly migrate?: string | undefined;
  readonly export?: string | undefined;
}

/** Verifies the snapshot wholly. @throws {CliError} if it is not sound, or not of the cluster that is named. */
export async function findOrigin(flags: OriginFlags): Promise<FoundOrigin> {
  const { from: folder, sequence, cluster, chain } = flags;
  if (folder === "") throw new CliError("--from: expected a folder, got nothing (see pbft init --help)", EXIT.usage);
  if (chain !== undefined && cluster === undefined) {
    throw new CliError("--chain: expected --cluster FILE too (see pbft init --help)", EXIT.usage);
  }
  const storage = folderStorage(folder);
  const found = cluster === undefined ? null : await findCluster(cluster);
  const kept = found && await KeptChain.openKnown(found, chain);
  const choice = {
    ...(found && kept && { genesis: found.cluster.genesis, chain: kept.links }),
    ...(sequence !== undefined && { sequence: natural("--sequence", sequence, { max: Number.MAX_SAFE_INTEGER }) }),
  };
  try {
    const verified = await verifySnapshot(storage, choice);
    const rules = await rulesAfter(verified, storage);
    const migrated = await migratedState(storage, choice, flags);
    const { agreedTime } = verified;
    const root = migrated?.root ?? verified.root;
    const origin = { cluster: verified.cluster, sequence: verified.sequence, root };
    const time = new Date(agreedTime).toISOString();
    const proof = found ? "" : `; nobody has vouched for it: compare this id (or give --cluster FILE)`;
    const change = migrated
      ? `, migrated from ${migrated.from} to ${migrated.to}: everybody finds the root ${root} by pbft snapshot migrate`
      : "";
    const text =
      `the cluster begins with the state at ${origin.sequence}, of ${time}, of cluster ${origin.cluster}${change}${proof}`;
    return { origin, rules: migrated ? { ...rules, stateMachine: migrated.to } : rules, text };
  } catch (error) {
    if (error instanceof SnapshotError) throw new CliError(error.message, EXIT.no, { looked: `looked in ${folder}` });
    if (isSystemError(error)) throw new CliError(`${folder}: ${reasonOf(error)}`, EXIT.usage);
    throw error;
  }
}

/** The state of another version of the machine, which is added to the storage. */
async function migratedState(
  storage: SnapshotStorage,
  choice: SnapshotChoice,
  { machine: to, migrate, export: name }: OriginFlags,
): Promise<MigratedState | null> {
  if (migrate === undefined) return null;
  if (to === undefined) throw new CliError("--migrate: expected --machine NAME/VERSION too", EXIT.usage);
  const { machines: stateMachine } = await loadSafely(migrate, name);
  return await migrateSnapshot(storage, { ...choice, to, stateMachine });
}
