/**
 * The codec of the `lost-disk` record.
 * @module
 */
import type { Millis, ReplicaId, SequenceNumber, View } from "../../core/messages/ids.ts";
import type { Plain } from "../../core/io.ts";
import type { LostDisk } from "../../core/records.ts";

type Row = [replica: ReplicaId, stable: SequenceNumber, executed: SequenceNumber, view: View];

/** Encodes the record: the challenge, the bound (0: not known yet), the view, and the reports. */
export function plainOf({ challenge, bound, left, reports }: LostDisk): Plain {
  const rows = [...reports].map(([replica, { stable, executed, view }]) => [replica, stable, executed, view]);
  return [challenge, bound ?? 0, left, rows];
}

/** The inverse of {@linkcode plainOf}. */
export function lostDiskOf(plain: Plain): LostDisk {
  const [challenge, bound, left, rows] = plain as [Millis, SequenceNumber, View, Row[]];
  return {
    challenge,
    bound: bound === 0 ? null : bound,
    left,
    reports: new Map(rows.map(([replica, stable, executed, view]) => [replica, { stable, executed, view }])),
  };
}
