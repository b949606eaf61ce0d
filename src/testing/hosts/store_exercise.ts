/**
 * Exercises stores beyond what a minute of replicas does: values of a megabyte and of no bytes, a thousand values at
 * once, instances that race, and instances that stop in the middle.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import type { Version, Writes } from "../../node/ports.ts";
import { Disk, type DiskHabits, SimulatedStore, type Stores } from "./disk.ts";
import { Engine } from "../world/engine.ts";
import type { Report } from "../violation.ts";
import { Random } from "../random.ts";

const HABITS: DiskHabits = { commitMs: 2, readMs: 1, mostMs: 50, failures: 0.05 };
/** Instances at once. */
const LANES = 2;
/** Calls of each instance. */
const CALLS = 16;
/** Most calls in the life of an instance. */
const MOST_CALLS = 8;
/** How many keys and blobs there are. So few that each is written again and again. */
const RECORDS = 6;
const BLOBS = 12;
/** Sizes of values: empty, a few bytes, more than one entry of a database takes, more than a row takes. */
const LENGTHS = [0, 1, 30, 300, 3_000, 70_000, 1_100_000];
/** The part of the commits with many small values instead. */
const MANY = 0.04;

/** Exercises a disk of its own on these stores, and reports where they differ from the simulated disk. */
export async function exerciseStores(stores: Stores, seed: number, report: Report): Promise<void> {
  const random = new Random(seed);
  const exercise: Exercise = {
    engine: new Engine(),
    disk: new Disk({ name: "exercise", habits: HABITS, stores }),
    bytes: new Uint8Array(2 * LENGTHS.at(-1)!).map((_, i) => Math.imul(i, 0x9e3779b1) >>> 24),
    report,
  };
  let left = LANES;
  for (let lane = 0; lane < LANES; lane++) void live(exercise, random.fork()).then(() => left--);
  await exercise.engine.run(Infinity, () => left === 0);
}

interface Exercise {
  readonly engine: Engine;
  readonly disk: Disk;
  /** The buffer from which values are cut. */
  readonly bytes: Uint8Array;
  readonly report: Report;
}

/** One instance after another. */
async function live({ engine, disk, bytes, report }: Exercise, random: Random): Promise<void> {
  for (let calls = 0; calls < CALLS;) {
    const store = new SimulatedStore({ disk, engine, random, report });
    let version: Version | null = null;
    for (const last = calls + random.int(1, MOST_CALLS); calls < last; calls++) {
      try {
        if (version === null) ({ version } = await store.load());
        else if (random.chance(0.3)) await store.read(random.shuffled(DIGESTS).slice(0, random.int(1, BLOBS)));
        else version = await store.commit(drawWrites(random, bytes), version);
      } catch {
        // As a replica does: after a conflict, or a commit of unknown outcome, it reads everything anew.
        version = null;
      }
    }
    // A commit that is still under way is made or not.
    if (version !== null) void store.commit(drawWrites(random, bytes), version).catch(() => {});
    store.crash();
  }
}

const DIGESTS = Array.from({ length: BLOBS }, (_, i) => i.toString(16).padStart(64, "0") as Digest);

/** The one content of a digest. A store may keep blobs in memory, because other bytes have another digest. */
function blobOf(at: number, bytes: Uint8Array): Uint8Array {
  return bytes.subarray(at, at + LENGTHS[at % LENGTHS.length]!);
}

function drawWrites(random: Random, bytes: Uint8Array): Writes {
  const records = new Map<string, Uint8Array | null>();
  const blobs = new Map<Digest, Uint8Array | null>();
  if (random.chance(MANY)) {
    for (let i = 0; i < 1_000; i++) records.set(`many ${i}`, random.chance(0.5) ? bytes.subarray(i, i + 20) : null);
  }
  const value = () => {
    if (random.chance(0.2)) return null;
    const length = LENGTHS[Math.min(random.int(0, LENGTHS.length - 1), random.int(0, LENGTHS.length))]!;
    const from = random.int(0, length);
    return bytes.subarray(from, from + length);
  };
  for (let i = random.int(0, 3); i > 0; i--) records.set(`record ${random.int(1, RECORDS)}`, value());
  for (let i = random.int(0, 3); i > 0; i--) {
    const at = random.int(0, BLOBS - 1);
    blobs.set(DIGESTS[at]!, random.chance(0.2) ? null : blobOf(at, bytes));
  }
  return { records, blobs };
}
