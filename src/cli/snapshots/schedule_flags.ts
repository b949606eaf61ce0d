/**
 * The flags of `serve` for snapshots at intervals.
 * @module
 */
import { folderStorage } from "../../snapshot/storage/folder.ts";
import type { SnapshotSchedule } from "../../snapshot/schedule.ts";
import { CliError, EXIT } from "../cli_error.ts";
import { natural } from "../numbers.ts";
import { durationMs } from "../parser/duration.ts";
import type { Flags, Values } from "../parser/verb.ts";

/** The flags. */
export const SNAPSHOT_FLAGS = {
  "snapshots": {
    value: "FOLDER",
    isFile: true,
    help: "save snapshots of the state in this folder, of this replica alone",
  },
  "snapshot-every": { value: "TIME", help: "with --snapshots: how often (60m)" },
  "snapshot-keep": { value: "NUMBER", help: "with --snapshots: how many are kept (24)" },
} as const satisfies Flags;

const EVERY = "60m";
const KEEP = "24";

/** The schedule; none without a folder. @throws {CliError} that names the flag. */
export function scheduleOf(values: Values<typeof SNAPSHOT_FLAGS>): SnapshotSchedule | undefined {
  const { snapshots: folder, "snapshot-every": every, "snapshot-keep": keep } = values;
  if (folder === undefined) {
    if (every === undefined && keep === undefined) return undefined;
    throw new CliError("--snapshot-every and --snapshot-keep: expected --snapshots FOLDER too", EXIT.usage);
  }
  if (folder === "") throw new CliError("--snapshots: expected a folder, got nothing", EXIT.usage);
  const everyMs = Math.max(1_000, durationMs("--snapshot-every", every ?? EVERY));
  return { storage: folderStorage(folder), everyMs, keep: natural("--snapshot-keep", keep ?? KEEP, { min: 1 }) };
}
