/**
 * The blobs of a state, in the order of its tree: pages before their chunks, one page in memory at a time.
 * @module
 */
import type { Digest } from "../core/messages/ids.ts";
import { entriesOf, readPage, readRoot, type Root } from "../core/tree/state_tree.ts";
import { sha256 } from "../crypto/mod.ts";
import { unpack } from "../wire/mod.ts";
import { SnapshotError } from "./snapshot_error.ts";
import { blobKey, type SnapshotStorage } from "./storage/storage.ts";

/** Blobs that are read or written side by side. */
const AT_ONCE = 16;

/** Checks a blob against its digest. @throws {SnapshotError} if it is another one. */
export function checkedBlob(digest: Digest, bytes: Uint8Array): Uint8Array {
  const got = sha256(bytes);
  if (got === digest) return bytes;
  throw new SnapshotError(`blob ${digest}: expected bytes with that digest, got bytes with digest ${got}`);
}

/** Reads a blob of a snapshot and checks it. @throws {SnapshotError} if it is missing or damaged. */
export async function readBlob(storage: SnapshotStorage, digest: Digest): Promise<Uint8Array> {
  const bytes = await storage.get(blobKey(digest));
  if (bytes === null) throw new SnapshotError(`blob ${digest}: expected its bytes, got none`);
  return checkedBlob(digest, bytes);
}

/** The root page in a blob. */
export function rootIn(digest: Digest, bytes: Uint8Array): Root {
  return parsed(digest, () => readRoot(unpack(bytes)));
}

/** The digests of the chunks on a page. */
export function chunksOn(digest: Digest, bytes: Uint8Array): readonly Digest[] {
  return parsed(digest, () => entriesOf(readPage(unpack(bytes))).map(([, chunk]) => chunk));
}

/** Calls `run` for each item, at most {@linkcode AT_ONCE} side by side. Ends at the first failure. */
export async function forEach<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  let hasFailed = false;
  const worker = async () => {
    while (next < items.length && !hasFailed) {
      try {
        await run(items[next++]!);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
}

function parsed<T>(digest: Digest, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new SnapshotError(`blob ${digest}: not a page of a state: ${(error as Error).message}`);
  }
}
