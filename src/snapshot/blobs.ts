/**
 * The blobs of a state, in the order of its tree: pages before their chunks, one page in memory at a time.
 * @module
 */
import type { Digest } from "../core/messages/ids.ts";
import { entriesOf, readChunk, readPage, readRoot, type Root } from "../core/tree/state_tree.ts";
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

/** The most milliseconds that a `Date` has. */
const MAX_TIME_MS = 8.64e15;

/**
 * The root page in a blob. A snapshot that nobody vouches for may hold anything, so the form is checked: what is named is
 * named once, and by a digest.
 * @throws {SnapshotError} if it is none.
 */
export function rootIn(digest: Digest, bytes: Uint8Array): Root {
  return parsed(digest, "the root page", () => {
    const root = readRoot(unpack(bytes));
    const { sequence, history, agreedTime, pages } = root;
    if (!isNatural(sequence) || !isDigest(history) || !isNatural(agreedTime) || agreedTime > MAX_TIME_MS) {
      throw new TypeError("expected a number, a digest and a time");
    }
    checkNames(pages);
    return root;
  });
}

/** What a page lists: the id and digest of each chunk. `id`: the page's own. @throws {SnapshotError} if it is no such page. */
export function entriesOn(
  [id, digest]: readonly [id: string, digest: Digest],
  bytes: Uint8Array,
): readonly (readonly [id: string, digest: Digest])[] {
  return parsed(digest, "a page", () => {
    const page = readPage(unpack(bytes));
    if (page.id !== id) throw new TypeError(`expected the page ${shown(id)}, got ${shown(page.id)}`);
    if (page.entries.length % 2 !== 0) throw new TypeError("expected pairs of an id and a digest");
    const entries = entriesOf(page);
    checkNames(entries);
    return entries;
  });
}

/** Checks that a blob is this chunk. @throws {SnapshotError} if it is none. */
export function checkChunk([id, digest]: readonly [id: string, digest: Digest], bytes: Uint8Array): void {
  parsed(digest, "a chunk", () => {
    const [name, chunk] = readChunk(unpack(bytes));
    if (name !== id) throw new TypeError(`expected the chunk ${shown(id)}, got ${shown(name)}`);
    if (!(chunk instanceof Uint8Array)) throw new TypeError("expected bytes");
  });
}

/** @throws {TypeError} unless the ids ascend, each with a digest. */
function checkNames(entries: readonly (readonly [id: string, digest: Digest])[]): void {
  let before: string | null = null;
  for (const [id, digest] of entries) {
    if (typeof id !== "string" || !isDigest(digest)) throw new TypeError("expected ids with digests");
    if (before !== null && id <= before) {
      throw new TypeError(`expected ids that ascend, got ${shown(id)} again or late`);
    }
    before = id;
  }
}

function isDigest(value: unknown): boolean {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

function isNatural(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function shown(id: unknown): string {
  return (JSON.stringify(id) ?? "nothing").slice(0, 80);
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

function parsed<T>(digest: Digest, what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new SnapshotError(`blob ${digest}: not ${what} of a state: ${(error as Error).message}`);
  }
}
