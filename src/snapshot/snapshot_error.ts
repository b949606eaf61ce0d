/**
 * The error of snapshots.
 * @module
 */

/** A snapshot is damaged, incomplete, not proven, or of another cluster; or a replica does not give one. */
export class SnapshotError extends Error {
  /** `SnapshotError`. */
  override name = "SnapshotError";
}
