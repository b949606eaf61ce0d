/**
 * Snapshots in a folder. A value is a file; it is written beside its place and then moved there, so that it is whole or
 * absent, also after a power failure.
 * @module
 */
import { randomUUID } from "node:crypto";
import { readFileSync, type Stats, statSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { SnapshotError } from "../snapshot_error.ts";
import { BLOBS, SNAPSHOTS, type SnapshotStorage } from "./storage.ts";

/** Digits of a digest that name the folder of a blob, so that no folder holds millions of files. */
const SHARD_DIGITS = 2;

/** A snapshot shows the whole state: other accounts of the machine do not read it. */
const FOLDER_MODE = 0o700;
/** No file of a snapshot is larger, bytes: a manifest with a long chain of epochs is the largest. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** Snapshots in the folder at `path`, which is made when the first one is saved. */
export function folderStorage(path: string): SnapshotStorage {
  const fileOf = (key: string): string => {
    if (!/^[a-z]+\/[0-9a-zA-Z.-]+$/.test(key)) throw new TypeError(`key: expected a key of a snapshot, got ${key}`);
    const name = key.slice(BLOBS.length);
    return key.startsWith(BLOBS) ? join(path, BLOBS, name.slice(0, SHARD_DIGITS), name) : join(path, key);
  };
  const made = new Set<string>();
  return {
    get: (key) => orNull(readWhole(fileOf(key), key)),
    getSync: (key) => readWholeSync(fileOf(key), key),
    has: async (key) => await orNull(stat(fileOf(key))) !== null,
    async put(key, value) {
      const file = fileOf(key);
      const folder = dirname(file);
      if (!made.has(folder)) await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
      made.add(folder);
      const unfinished = `${file}.${randomUUID()}.tmp`;
      try {
        const handle = await open(unfinished, "wx");
        try {
          await handle.writeFile(value);
          await handle.datasync();
        } finally {
          await handle.close();
        }
        await rename(unfinished, file);
      } catch (error) {
        // On a full disk each attempt would leave one.
        await rm(unfinished, { force: true }).catch(() => {});
        throw error;
      }
    },
    delete: (key) => rm(fileOf(key), { force: true }),
    async tidy() {
      for (const top of [BLOBS, SNAPSHOTS]) {
        for await (const file of files(path, top.slice(0, -1))) if (isUnfinished(file)) await rm(file, { force: true });
      }
    },
    async *list(prefix) {
      const top = prefix.split("/")[0]!;
      for await (const file of files(path, top)) {
        const key = `${top}/${basename(file)}`;
        if (!isUnfinished(file) && key.startsWith(prefix)) yield key;
      }
    },
  };
}

/** Whether a write has not moved this file to its place yet. */
function isUnfinished(file: string): boolean {
  return file.endsWith(".tmp");
}

/** Reads a file. A pipe would never end, and a file of many gigabytes is none of a snapshot. */
async function readWhole(path: string, key: string): Promise<Uint8Array> {
  checkFile(await stat(path), key);
  return new Uint8Array(await readFile(path));
}

/** The same at once. `null` if there is no such file. */
function readWholeSync(path: string, key: string): Uint8Array | null {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return null;
  checkFile(found, key);
  return new Uint8Array(readFileSync(path));
}

function checkFile(found: Stats, key: string): void {
  if (!found.isFile()) throw new SnapshotError(`${key}: expected a file, got something else`);
  if (found.size > MAX_FILE_BYTES) {
    throw new SnapshotError(`${key}: expected at most ${MAX_FILE_BYTES} bytes, got ${found.size}`);
  }
}

/** The files in a folder, and in the folders in it. */
async function* files(path: string, top: string): AsyncGenerator<string> {
  for (const entry of await orNull(readdir(join(path, top), { withFileTypes: true })) ?? []) {
    const place = join(path, top, entry.name);
    if (entry.isFile()) yield place;
    if (entry.isDirectory()) { for (const inner of await readdir(place)) yield join(place, inner); }
  }
}

async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return null;
    throw error;
  }
}
