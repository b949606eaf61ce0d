/**
 * An archive in the storage of snapshots: each executed batch with its proof under `batches/NUMBER`, NUMBER in 16 digits.
 * @module
 */
import type { Digest, SequenceNumber } from "../../core/messages/ids.ts";
import type { Archive, ArchivedBatch } from "../../node/ports.ts";
import { pack, unpack } from "../../wire/mod.ts";
import { SnapshotError } from "../snapshot_error.ts";
import type { SnapshotStorage } from "./storage.ts";

/** The prefix of the keys of batches. */
const BATCHES = "batches/";
const BATCH = /^batches\/\d{16}$/;

/** An archive for `serve`, in the same place as snapshots. */
export function storageArchive(storage: SnapshotStorage): Archive {
  return {
    async put(batches) {
      for (const { sequence, digest, batch, commits } of batches) {
        await storage.put(keyOf(sequence), pack([sequence, digest, batch, commits]));
      }
    },
  };
}

/** The numbers of the archived batches, ascending. */
export async function archivedNumbers(storage: SnapshotStorage): Promise<readonly SequenceNumber[]> {
  const numbers: number[] = [];
  // What else lies there is nobody's.
  for await (const key of storage.list(BATCHES)) if (BATCH.test(key)) numbers.push(Number(key.slice(BATCHES.length)));
  return numbers.sort((a, b) => a - b) as SequenceNumber[];
}

/** An archived batch; nothing is verified. @throws {SnapshotError} if it is missing or damaged. */
export async function readArchived(storage: SnapshotStorage, sequence: SequenceNumber): Promise<ArchivedBatch> {
  const bytes = await storage.get(keyOf(sequence));
  if (bytes === null) throw new SnapshotError(`batch ${sequence}: expected an archived batch, got none`);
  try {
    const [at, digest, batch, commits] = unpack(bytes) as [SequenceNumber, Digest, Uint8Array, Uint8Array[]];
    if (at === sequence && typeof digest === "string" && batch instanceof Uint8Array && isList(commits)) {
      return { sequence, digest, batch, commits };
    }
  } catch {
    // Said below.
  }
  throw new SnapshotError(`batch ${sequence}: expected an archived batch, got other bytes`);
}

function isList(commits: unknown): boolean {
  return Array.isArray(commits) && commits.every((commit) => commit instanceof Uint8Array);
}

function keyOf(sequence: SequenceNumber): string {
  return BATCHES + String(sequence).padStart(16, "0");
}
