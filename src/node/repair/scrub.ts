/**
 * Scrubbing: the blobs of the replica's last checkpoint are read again in the background, at a bounded rate, and compared
 * with their digests, so that a part that the disk has lost or changed is found while the others still have it (proactive
 * recovery, TOCS §4, as far as it concerns the state). Damaged blobs are fetched from the others.
 * @module
 */
import type { Digest, Millis } from "../../core/messages/ids.ts";
import { entriesOf, readPage, readRoot } from "../../core/tree/state_tree.ts";
import { unpack } from "../../wire/mod.ts";
import type { Timer } from "../ports.ts";
import { readSound } from "./damage.ts";

/** When and how fast a replica's state is read again. */
export interface ScrubSchedule {
  /** From the end of one pass to the start of the next, ms. Default: an hour. */
  readonly everyMs?: number;
  /** The most bytes that are read in a second. Default: 4 MiB. */
  readonly bytesPerSecond?: number;
}

/** What a node gives for scrubbing: what is read of its state, and whom it tells. */
export interface Scrubbed {
  /** When passes begin, and their rate. */
  readonly timer: Timer;
  /** The root of the last checkpoint; `null` before the first one, and while there is no core. */
  readonly root: () => Digest | null;
  /** Makes the reads after it be of the disk, where the store keeps something in memory. */
  readonly dropCache?: (() => Promise<void>) | undefined;
  /** Reads blobs and checks them. */
  readonly read: (digests: readonly Digest[]) => Promise<ReadonlyMap<Digest, Uint8Array>>;
  /** Called with blobs that are lost or damaged. */
  readonly onDamaged: (digests: readonly Digest[]) => void;
  /** Called after each pass. `damaged`: how many blobs were reported. */
  readonly onPass?: (pass: { readonly blobs: number; readonly bytes: number; readonly damaged: number }) => void;
}

/** Options of {@linkcode startScrubbing}. */
export interface ScrubOptions extends ScrubSchedule, Scrubbed {
  readonly signal: AbortSignal;
}

/** Default time between passes, ms. */
const EVERY_MS = 3_600_000;
/** Default rate: on a disk of today less than one hundredth of what it can. */
const BYTES_PER_SECOND = 4 * 1024 * 1024;
/** Blobs read in one call. */
const READ_AT_ONCE = 32;

/** Checks a schedule. @throws {RangeError} that names the field. */
export function checkScrub(schedule: ScrubSchedule): void {
  for (const field of ["everyMs", "bytesPerSecond"] as const) {
    const value = schedule[field];
    if (value === undefined || (Number.isSafeInteger(value) && value > 0)) continue;
    throw new RangeError(`scrub.${field}: expected an integer above 0, got ${value}`);
  }
}

/**
 * Reads the state of the last checkpoint again in the background, at intervals and at a bounded rate, until `signal`
 * aborts. Blobs that the store has lost or damaged are fetched from the others.
 */
export function startScrubbing(options: ScrubOptions): void {
  checkScrub(options);
  const { timer, signal, everyMs = EVERY_MS } = options;
  let cancel = () => {};
  const after = (ms: number): Promise<void> => {
    return new Promise((resolve) => cancel = timer.schedule(timer.now() + ms as Millis, resolve));
  };
  const loop = async () => {
    while (!signal.aborted) {
      await after(everyMs);
      if (!signal.aborted) await new Pass(options, after).run().catch(() => {}); // the store fails; that is reported elsewhere
    }
  };
  signal.addEventListener("abort", () => cancel(), { once: true });
  void loop();
}

/** One pass over the state of a checkpoint. */
class Pass {
  readonly #options: ScrubOptions;
  readonly #after: (ms: number) => Promise<void>;
  readonly #found = { blobs: 0, bytes: 0, damaged: 0 };

  constructor(options: ScrubOptions, after: (ms: number) => Promise<void>) {
    this.#options = options;
    this.#after = after;
  }

  async run(): Promise<void> {
    const root = this.#options.root();
    if (root === null) return;
    await this.#options.dropCache?.();
    for (const rootPage of await this.#read(root, [root])) {
      const pages = readRoot(unpack(rootPage)).pages.map(([, digest]) => digest);
      for (const page of pages) {
        for (const bytes of await this.#read(root, [page])) {
          const chunks = entriesOf(readPage(unpack(bytes))).map(([, digest]) => digest);
          for (let at = 0; at < chunks.length; at += READ_AT_ONCE) {
            await this.#read(root, chunks.slice(at, at + READ_AT_ONCE));
          }
        }
      }
    }
    this.#options.onPass?.(this.#found);
  }

  /** Reads blobs, reports the damaged ones, and waits as long as the bytes may take. */
  async #read(root: Digest, digests: readonly Digest[]): Promise<readonly Uint8Array[]> {
    const { read, onDamaged, bytesPerSecond = BYTES_PER_SECOND, signal } = this.#options;
    if (signal.aborted) return [];
    const { sound, damaged } = await readSound(digests, read) ?? { sound: new Map<Digest, Uint8Array>(), damaged: [] };
    const bytes = [...sound.values()].reduce((sum, { length }) => sum + length, 0);
    this.#found.blobs += sound.size;
    this.#found.bytes += bytes;
    // After a newer checkpoint a blob may be gone rightly. If it is damaged, the next pass finds it.
    if (damaged.length > 0 && this.#options.root() === root) {
      this.#found.damaged += damaged.length;
      onDamaged(damaged);
    }
    await this.#after(Math.ceil(1_000 * bytes / bytesPerSecond));
    return [...sound.values()];
  }
}
