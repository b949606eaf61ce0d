/**
 * Snapshots: the state of a stable checkpoint with the proof that the cluster agreed on it. A snapshot is saved from a
 * running replica into a folder or a bucket, verified offline by anybody who has the genesis or a later part of the chain
 * of epochs, and restored into a member that lost its disk. Blobs are stored by their digests, so a further snapshot costs as much as has changed.
 *
 * @example
 * ```ts ignore
 * import { folderStorage, nodeSource, saveSnapshot, verifySnapshot } from "@pbft/edge/snapshot";
 * const storage = folderStorage("backups");
 * await saveSnapshot(nodeSource(node), storage);
 * const { sequence, agreedTime } = await verifySnapshot(storage, { genesis });
 * ```
 *
 * @module
 */
export { storageArchive } from "./storage/archive.ts";
export { audit, type AuditOptions, type AuditReport } from "./audit/audit.ts";
export { folderStorage } from "./storage/folder.ts";
export type { ProvenHead, SnapshotHead } from "./manifest.ts";
export { type MigratedState, migrateSnapshot, type MigrationChoice } from "./migration/migrate.ts";
export { nodeSource, type SnapshotNode } from "./node_source.ts";
export { pruneSnapshots } from "./prune.ts";
export { type OriginChoice, restoreOrigin, restoreSnapshot } from "./restore.ts";
export { type SavedSnapshot, type SaveOptions, saveSnapshot, type SnapshotSource } from "./save.ts";
export type { SnapshotSchedule } from "./schedule.ts";
export type { Trust } from "./trust.ts";
export { SnapshotError } from "./snapshot_error.ts";
export type { SnapshotStorage } from "./storage/storage.ts";
export {
  openSnapshot,
  type SnapshotChoice,
  type VerifiedSnapshot,
  type VerifiedState,
  verifySnapshot,
} from "./verify.ts";
