import type { SnapshotStorage } from "../../src/snapshot/storage/storage.ts";

/** A bucket in memory, which may be full. */
export class Bucket implements SnapshotStorage {
  readonly values = new Map<string, Uint8Array>();
  isFull = false;

  get(key: string) {
    return Promise.resolve(this.values.get(key) ?? null);
  }

  has(key: string) {
    return Promise.resolve(this.values.has(key));
  }

  put(key: string, value: Uint8Array) {
    if (this.isFull) return Promise.reject(new Error("no room"));
    this.values.set(key, value);
    return Promise.resolve();
  }

  delete(key: string) {
    this.values.delete(key);
    return Promise.resolve();
  }

  async *list(prefix: string) {
    for (const key of [...this.values.keys()]) if (key.startsWith(prefix)) yield key;
  }
}

/** The same, read at once, as a folder is. */
export class SyncBucket extends Bucket {
  getSync(key: string): Uint8Array | null {
    return this.values.get(key) ?? null;
  }
}
