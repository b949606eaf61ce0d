/**
 * Snapshots at intervals, beside a running replica.
 * @module
 */
import type { Millis } from "../core/messages/ids.ts";
import { describeThrown } from "../core/ordering/machine_guard.ts";
import type { HostEvent } from "../node/host_event.ts";
import type { Timer } from "../node/ports.ts";
import { nodeSource, type SnapshotNode, whyNoHead } from "./node_source.ts";
import { pruneSnapshots } from "./prune.ts";
import { saveSnapshot } from "./save.ts";
import type { SnapshotStorage } from "./storage/storage.ts";

/** Where snapshots are kept, how often one is saved, and how many are kept. */
export interface SnapshotSchedule {
  /** Where they are kept. Each replica needs a place of its own, because one replica at a time may remove old blobs. */
  readonly storage: SnapshotStorage;
  /** The time from the end of one save to the next, ms, 1,000 or more. The first one is that long after the start. */
  readonly everyMs: number;
  /** How many are kept; all if left out. */
  readonly keep?: number;
}

/** The shortest interval, ms. */
const MIN_INTERVAL_MS = 1_000;

/** Checks a schedule. @throws {RangeError} that names the field. */
export function checkSchedule({ everyMs, keep }: SnapshotSchedule): void {
  if (!Number.isSafeInteger(everyMs) || everyMs < MIN_INTERVAL_MS) {
    throw new RangeError(`snapshots.everyMs: expected an integer of ${MIN_INTERVAL_MS} or more, got ${everyMs}`);
  }
  if (keep !== undefined && (!Number.isSafeInteger(keep) || keep < 1)) {
    throw new RangeError(`snapshots.keep: expected an integer of 1 or more, got ${keep}`);
  }
}

/**
 * Saves snapshots of the node until `signal` aborts. A failure is reported, and the next save is made at its time. A save
 * of the state that the newest snapshot has is not reported.
 */
export function scheduleSnapshots(
  node: SnapshotNode,
  schedule: SnapshotSchedule,
  { timer, signal, report }: {
    readonly timer: Timer;
    readonly signal: AbortSignal;
    readonly report: (event: HostEvent) => void;
  },
): void {
  checkSchedule(schedule);
  const { storage, everyMs, keep } = schedule;
  let cancel = () => {};
  const save = async () => {
    if (whyNoHead(node) !== null) return;
    const startedAt = timer.monotonic();
    const { sequence, fetched } = await saveSnapshot(nodeSource(node), storage);
    if (fetched.blobs > 0) {
      report({ kind: "snapshot-saved", sequence, bytes: fetched.bytes, tookMs: timer.monotonic() - startedAt });
    }
    if (keep !== undefined && fetched.blobs > 0) await pruneSnapshots(storage, keep);
  };
  const next = () => {
    cancel = timer.schedule(timer.now() + everyMs as Millis, async () => {
      try {
        await save();
      } catch (error) {
        report({ kind: "snapshot-failed", reason: describeThrown(error).error });
      }
      if (!signal.aborted) next();
    });
  };
  signal.addEventListener("abort", () => cancel(), { once: true });
  if (!signal.aborted) next();
}
