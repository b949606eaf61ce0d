/**
 * A simulated disk and a store on it: atomic, conditional, slow. A commit under way at a crash is either on the disk
 * afterwards or not.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import { type Loaded, type Store, StoreConflictError, type Version, type Writes } from "../../node/ports.ts";
import type { Engine } from "../world/engine.ts";
import { differenceOf, type Outcome, outcomeOf } from "./outcome.ts";
import type { Random } from "../random.ts";
import type { Report } from "../violation.ts";

/** How a disk behaves. May change at any time. */
export interface DiskHabits {
  /** Mean duration of a commit, ms. */
  commitMs: number;
  /** Mean duration of a load or a read, ms. */
  readMs: number;
  /** Longest duration of any operation, ms. */
  mostMs: number;
  /** The part of operations that fail. Half of the failed commits have been made nevertheless. */
  failures: number;
}

/** The real stores of one run, which lie beneath the simulated disks and are compared with them. */
export interface Stores {
  /** Opens another instance on the disk of that name, with everything committed there. */
  open(disk: string): Promise<Store>;
  /** Called when the run is over. */
  close(): Promise<void>;
}

/** The parts of a disk. */
export interface DiskOptions {
  /** The name of its replica. */
  readonly name: string;
  readonly habits: DiskHabits;
  /** The real stores beneath it; `null`: it is in memory only. */
  readonly stores: Stores | null;
}

/** The data that survives crashes. Several stores may be open on one disk. */
export class Disk {
  readonly name: string;
  readonly habits: DiskHabits;
  readonly #stores: Stores | null;
  version: Version = 0;
  records: Map<string, Uint8Array> = new Map();
  blobs: Map<Digest, Uint8Array> = new Map();
  /** Each blob's last removal, and the version that it made. Noted only with a real store beneath. */
  removals: Map<Digest, { readonly bytes: Uint8Array; readonly version: Version }> = new Map();
  /** It was replaced by an empty disk, and the operator of the replica knows. */
  isLost = false;
  /** How often it was replaced. */
  replaced = 0;

  constructor({ name, habits, stores }: DiskOptions) {
    this.name = name;
    this.habits = { ...habits };
    this.#stores = stores;
  }

  /** Opens another instance of the real store beneath it. */
  open(): Promise<Store> | null {
    return this.#stores?.open(`${this.name} ${this.replaced}`) ?? null;
  }

  /** Replaces the disk by an empty one, which it had not been meant to be. */
  lose(): void {
    this.replace();
    this.isLost = true;
  }

  /** Copies it, and returns the function that replaces the disk by that copy. `null`: a real store lies beneath. */
  copy(): (() => void) | null {
    const [version, records, blobs] = [this.version, new Map(this.records), new Map(this.blobs)];
    return this.#stores ? null : () => {
      this.replace();
      Object.assign(this, { version, records, blobs });
    };
  }

  /** Replaces the disk by an empty one for another replica. */
  replace(): void {
    this.isLost = false;
    this.replaced++;
    this.version = 0;
    this.records = new Map();
    this.blobs = new Map();
    this.removals = new Map();
  }

  /** Applies all writes or none. @throws {StoreConflictError} if the disk is at another version. */
  apply({ records, blobs }: Writes, expected: Version): Version {
    if (this.version !== expected) throw new StoreConflictError(expected, this.version);
    for (const [key, value] of records) put(this.records, key, value);
    for (const [key, value] of blobs) {
      const bytes = this.blobs.get(key);
      if (this.#stores && bytes && value === null) this.removals.set(key, { bytes, version: this.version + 1 });
      put(this.blobs, key, value);
    }
    return ++this.version;
  }
}

/** What a store needs. */
export interface SimulatedStoreOptions {
  readonly disk: Disk;
  readonly engine: Engine;
  readonly random: Random;
  /** Told of commits that failed or conflicted. */
  readonly note?: (what: string) => void;
  readonly report: Report;
}

/** One call: on the simulated disk, and on the real store beneath it. */
interface Call<T> {
  readonly what: string;
  readonly simulated: () => T;
  readonly real: (store: Store) => Promise<T>;
  /** The value to compare with the real store's, where the store may give one of several. */
  readonly expected?: (simulated: T, got: T) => T;
}

/** The store of one process of a machine. */
export class SimulatedStore implements Store {
  readonly #options: SimulatedStoreOptions;
  readonly #real: Promise<Store> | null;
  readonly #pending = new Set<() => void>();
  #version: Version | null = null;
  #dead = false;
  #made = 0;

  /** The commits that the node knows to be made. */
  get commitsMade(): number {
    return this.#made;
  }

  /** The number of the next commit, if those under way succeed. */
  get nextCommit(): number {
    return this.#made + this.#pending.size + 1;
  }

  constructor(options: SimulatedStoreOptions) {
    this.#options = options;
    this.#real = options.disk.open();
    if (this.#real) options.engine.hold(this.#real, () => {});
  }

  /** Whether the disk is as the node knows it: no commit is under way, and no other instance has written. */
  get isSettled(): boolean {
    return this.#pending.size === 0 && this.#version === this.#options.disk.version;
  }

  /** Power off. Each commit under way is on the disk or not; the node never learns which. */
  crash(): void {
    this.#dead = true;
    const { random, note, engine } = this.#options;
    for (const apply of this.#pending) {
      const survives = random.chance(0.5);
      note?.(survives ? "commit survives a crash unacknowledged" : "commit torn away by a crash");
      if (survives) apply();
    }
    this.#pending.clear();
    if (this.#real) engine.hold(this.#real.then((store) => store.close()), () => {});
  }

  load(): Promise<Loaded> {
    const { disk } = this.#options;
    const call: Call<Loaded> = {
      what: "load",
      simulated: () => ({ version: disk.version, records: new Map(disk.records) }),
      real: (store) => store.load(),
    };
    return this.#later<Loaded>(disk.habits.readMs, (ended) => this.#call(call, ended), (outcome) => {
      if (outcome?.status === "fulfilled") this.#version = outcome.value.version;
    });
  }

  read(digests: readonly Digest[]): Promise<readonly (Uint8Array | null)[]> {
    const { disk } = this.#options;
    const call: Call<readonly (Uint8Array | null)[]> = {
      what: "read",
      simulated: () => digests.map((digest) => disk.blobs.get(digest) ?? null),
      real: (store) => store.read(digests),
      expected: (simulated, got) => simulated.map((blob, i) => blob ?? (got[i] ? this.#removed(digests[i]!) : null)),
    };
    return this.#later(disk.habits.readMs, (ended) => this.#call(call, ended), () => {});
  }

  /** A blob that another instance has removed since this one last learnt the version: a store may keep it that long. */
  #removed(digest: Digest): Uint8Array | null {
    const removal = this.#options.disk.removals.get(digest);
    return removal && removal.version > (this.#version ?? 0) ? removal.bytes : null;
  }

  version(): Promise<Version> {
    const { disk } = this.#options;
    const call: Call<Version> = {
      what: "version",
      simulated: () => disk.version,
      // Begun in one go: a crash meanwhile closes the store after it.
      real: (store) => store.version?.() ?? store.load().then(({ version }) => version),
    };
    return this.#later(disk.habits.readMs, (ended) => this.#call(call, ended), () => {});
  }

  newer(than: Version): Promise<Loaded | null> {
    const { disk } = this.#options;
    const loaded = () => ({ version: disk.version, records: new Map(disk.records) });
    const call: Call<Loaded | null> = {
      what: `newer than ${than}`,
      simulated: () => disk.version > than ? loaded() : null,
      // Begun in one go, as above, and without a load where there is nothing newer: it costs much.
      real: async (store) => {
        if (store.newer) return await store.newer(than);
        if (disk.version <= than && store.version && await store.version() <= than) return null;
        const now = await store.load();
        return now.version > than ? now : null;
      },
    };
    return this.#later<Loaded | null>(disk.habits.readMs, (ended) => this.#call(call, ended), (outcome) => {
      if (outcome?.status === "fulfilled" && outcome.value) this.#version = outcome.value.version;
    });
  }

  commit(writes: Writes, expected: Version): Promise<Version> {
    const { disk, random, note } = this.#options;
    const call: Call<Version> = {
      what: `commit at version ${expected}`,
      simulated: () => disk.apply(writes, expected),
      real: (store) => store.commit(writes, expected),
    };
    let isBegun = false;
    const attempt = (ended: (outcome: Outcome<Version>) => void) => {
      if (isBegun) return;
      isBegun = true;
      this.#call(call, ended);
    };
    // The node does not learn whether another instance was first, or the disk was replaced.
    const unheard = () => attempt(() => {});
    this.#pending.add(unheard);
    return this.#later(disk.habits.commitMs, attempt, (outcome) => {
      this.#pending.delete(unheard);
      if (outcome === null) {
        note?.("failed commit");
        if (random.chance(0.5)) unheard();
      } else if (outcome.status === "fulfilled") {
        this.#version = outcome.value;
        this.#made++;
      } else if (outcome.reason instanceof StoreConflictError) note?.("conflict");
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Makes a call when its time comes. `hear` gets the outcome; `null`: the disk has failed. */
  #later<T>(
    meanMs: number,
    make: (ended: (outcome: Outcome<T>) => void) => void,
    hear: (outcome: Outcome<T> | null) => void,
  ): Promise<T> {
    const { disk, engine, random } = this.#options;
    return new Promise((resolve, reject) => {
      engine.after(Math.min(disk.habits.mostMs, meanMs * (0.5 + random.exponential(0.5))), () => {
        if (this.#dead) return;
        if (random.chance(disk.habits.failures)) {
          hear(null);
          return reject(new Error("the disk is not in the mood"));
        }
        make((outcome) => {
          hear(outcome);
          if (outcome.status === "fulfilled") resolve(outcome.value);
          else reject(outcome.reason);
        });
      });
    });
  }

  /** Calls the simulated disk, and then the real store beneath it, which must behave alike. The outcome of the real one counts. */
  #call<T>({ what, simulated, real, expected: expectedOf }: Call<T>, ended: (outcome: Outcome<T>) => void): void {
    const { disk, engine, report } = this.#options;
    const onDisk = outcomeOf(simulated);
    if (!this.#real) return ended(onDisk);
    engine.hold(this.#real.then(real), (outcome) => {
      const isValue = onDisk.status === "fulfilled" && outcome.status === "fulfilled";
      const expected = isValue && expectedOf ? outcomeOf(() => expectedOf(onDisk.value, outcome.value)) : onDisk;
      const difference = differenceOf(expected, outcome);
      if (difference !== null) report("store", `${disk.name}: ${what}: ${difference}`);
      ended(outcome);
    });
  }
}

function put<K>(map: Map<K, Uint8Array>, key: K, value: Uint8Array | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}
