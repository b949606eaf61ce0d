/**
 * A simulated disk, and a store on it: atomic, conditional, slow; what is under way at a crash is there afterwards or is not.
 * @module
 */
import type { Digest } from "../core/ids.ts";
import { type Loaded, type Store, StoreConflictError, type Version, type Writes } from "../node/ports.ts";
import type { Engine } from "./engine.ts";
import type { Random } from "./random.ts";

/** How a disk behaves. May change at any time. */
export interface DiskHabits {
  /** Mean duration of a commit, ms. */
  commitMs: number;
  /** Mean duration of a load or a read, ms. */
  readMs: number;
  /** No operation takes longer, ms. */
  mostMs: number;
  /** The part of operations that fail; of the failed commits, half have been made all the same. */
  failures: number;
}

/** What survives crashes. Several stores may be open on it. */
export class Disk {
  version: Version = 0;
  records: Map<string, Uint8Array> = new Map();
  blobs: Map<Digest, Uint8Array> = new Map();
  /** It was replaced by an empty one, and whoever runs the replica knows. */
  isLost = false;

  constructor(readonly habits: DiskHabits) {}

  /** The disk is replaced by an empty one. */
  lose(): void {
    this.isLost = true;
    this.version = 0;
    this.records = new Map();
    this.blobs = new Map();
  }

  /** All of it or nothing. @throws {StoreConflictError} if it is at another version. */
  apply({ records, blobs }: Writes, expected: Version): Version {
    if (this.version !== expected) throw new StoreConflictError(expected, this.version);
    for (const [key, value] of records) put(this.records, key, value);
    for (const [key, value] of blobs) put(this.blobs, key, value);
    return ++this.version;
  }
}

/** What a store needs. */
export interface SimulatedStoreOptions {
  readonly disk: Disk;
  readonly engine: Engine;
  readonly random: Random;
  /** Hears what became of commits that did not go well. */
  readonly note?: (what: string) => void;
}

/** The store of one life of one machine. */
export class SimulatedStore implements Store {
  readonly #options: SimulatedStoreOptions;
  readonly #pending = new Set<() => void>();
  #version: Version | null = null;
  #dead = false;
  #made = 0;

  /** Commits that whoever uses this store knows to be made. */
  get commitsMade(): number {
    return this.#made;
  }

  /** The number of the next commit, if those under way are made. */
  get nextCommit(): number {
    return this.#made + this.#pending.size + 1;
  }

  constructor(options: SimulatedStoreOptions) {
    this.#options = options;
  }

  /** Whether the disk is as whoever uses this store knows it to be: nothing is under way here, and nobody else has written. */
  get isSettled(): boolean {
    return this.#pending.size === 0 && this.#version === this.#options.disk.version;
  }

  /** Power off. Each commit under way is on the disk or it is not; nobody hears of it any more. */
  crash(): void {
    this.#dead = true;
    const { random, note } = this.#options;
    for (const apply of this.#pending) {
      const survives = random.chance(0.5);
      note?.(survives ? "commit survives a crash unacknowledged" : "commit torn away by a crash");
      if (survives) apply();
    }
    this.#pending.clear();
  }

  load(): Promise<Loaded> {
    const { disk } = this.#options;
    return this.#later(disk.habits.readMs, () => ({
      version: this.#version = disk.version,
      records: new Map(disk.records),
    }));
  }

  read(digests: readonly Digest[]): Promise<readonly (Uint8Array | null)[]> {
    const { disk } = this.#options;
    return this.#later(disk.habits.readMs, () => digests.map((digest) => disk.blobs.get(digest) ?? null));
  }

  commit(writes: Writes, expected: Version): Promise<Version> {
    const { disk, random, note } = this.#options;
    const attempt = () => {
      try {
        disk.apply(writes, expected);
      } catch {
        // Somebody else was first, or the disk was replaced.
      }
    };
    this.#pending.add(attempt);
    return this.#later(disk.habits.commitMs, () => {
      this.#pending.delete(attempt);
      if (disk.version !== expected) note?.("conflict");
      this.#version = disk.apply(writes, expected);
      this.#made++;
      return this.#version;
    }, () => {
      this.#pending.delete(attempt);
      note?.("failed commit");
      if (random.chance(0.5)) attempt();
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #later<T>(meanMs: number, finish: () => T, fail?: () => void): Promise<T> {
    const { disk, engine, random } = this.#options;
    return new Promise((resolve, reject) => {
      engine.after(Math.min(disk.habits.mostMs, meanMs * (0.5 + random.exponential(0.5))), () => {
        if (this.#dead) return;
        if (random.chance(disk.habits.failures)) {
          fail?.();
          return reject(new Error("the disk is not in the mood"));
        }
        try {
          resolve(finish());
        } catch (error) {
          reject(error);
        }
      });
    });
  }
}

function put<K>(map: Map<K, Uint8Array>, key: K, value: Uint8Array | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}
