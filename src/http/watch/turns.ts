/**
 * The turns in which the streams of a replica speak: all at the same time, so that a line is made and signed once for
 * all who watch the same; and with a budget, so that watchers take a small share of the replica's time.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import type { ChangeLog } from "../../node/watching/change_log.ts";
import type { Timer } from "../../node/ports.ts";
import {
  encodeWatchLine,
  MAX_WATCH_BATCHES,
  type Watched,
  type WatchedContent,
  type WatchStatement,
  watchText,
} from "../../wire/mod.ts";
import { changesIn } from "./batch_index.ts";

/** The least time between two turns, ms. */
const INTERVAL_MS = 40;
/**
 * The most new work of one turn: lines, each with a signature; characters of changes; and changes that are looked at,
 * also those that nobody watches. A stream that gets nothing waits for the next turn.
 */
const BUDGET = { lines: 16, characters: 512 * 1024, looks: 32 * 1024 };
/** The most looks of one stream in a turn, if they are at more than one batch: so many streams share a turn. */
const MAX_LOOKS = 4 * 1024;
/** The most characters of changes in one line, if more than one batch is in it. */
const MAX_LINE = 128 * 1024;

/** Options of {@linkcode Turns}. */
export interface TurnsOptions {
  readonly changes: ChangeLog;
  readonly timer: Timer;
  readonly sign: (statement: string) => Uint8Array;
  /** A turn comes after this long also if nothing happens, ms. */
  readonly idleMs: number;
}

/** What of a run of numbers is watched. */
interface Gathered {
  readonly through: number;
  readonly batches: readonly (readonly [sequence: number, content: WatchedContent])[];
  /** The number of changes and batches that were looked at. */
  readonly looks: number;
}

/** The turns of one replica. */
export class Turns {
  readonly #options: TurnsOptions;
  /** The last number of this turn. */
  #last = 0;
  #left = { ...BUDGET };
  readonly #gathered = new Map<string, Gathered>();
  readonly #lines = new Map<string, string>();
  #at = -Infinity;
  #next: Promise<void> | null = null;
  #isResting = false;
  /** Ends the present wait. */
  #wake = () => {};
  #isBehind = false;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** The last number of this turn. */
  get last(): number {
    return this.#last;
  }

  /** Resolves at the next turn: when there are more batches, or somebody `isBehind`, or it has been silent for long. */
  next(isBehind: boolean): Promise<void> {
    this.#isResting = false;
    this.#isBehind ||= isBehind;
    const next = this.#next ??= this.#run();
    if (isBehind) this.#wake();
    return next;
  }

  /** Nobody waits any more. */
  rest(): void {
    this.#isResting = true;
    this.#wake();
  }

  /**
   * The watched changes of the numbers from `from` on, as many as fit a line and a stream's share; `null`: no more in
   * this turn.
   */
  gathered(watch: Watched, from: number): Gathered | null {
    const key = `${from} ${watchText(watch)}`;
    const known = this.#gathered.get(key);
    if (known) return known;
    if (this.#left.looks <= 0) return null;
    const gathered = gather(this.#options.changes, watch, { from, last: this.#last });
    this.#left.looks -= gathered.looks;
    this.#gathered.set(key, gathered);
    return gathered;
  }

  /** The line of a statement; `null`: no more in this turn. */
  line(statement: WatchStatement): string | null {
    const { watch, from, through } = statement;
    const key = `${from} ${through} ${watchText(watch)}`;
    const known = this.#lines.get(key);
    if (known !== undefined) return known;
    if (this.#left.lines <= 0 || this.#left.characters <= 0) return null;
    const line = this.first(statement);
    this.#left.lines--;
    this.#left.characters -= line.length;
    this.#lines.set(key, line);
    return line;
  }

  /** The first line of a stream, which does not wait for a turn. */
  first(statement: WatchStatement): string {
    const text = JSON.stringify(statement);
    return encodeWatchLine(text, this.#options.sign(text));
  }

  async #run(): Promise<void> {
    const { changes, timer, idleMs } = this.#options;
    // The caller has this promise first.
    await null;
    if (changes.next - 1 <= this.#last && !this.#isBehind && !changes.isClosed) await this.#wait(idleMs, true);
    const pauseMs = this.#at + INTERVAL_MS - timer.monotonic();
    if (pauseMs > 0 && !this.#isResting) await this.#wait(pauseMs, false);
    this.#begin();
    this.#next = null;
  }

  #begin(): void {
    const { changes, timer } = this.#options;
    this.#at = timer.monotonic();
    this.#last = changes.next - 1;
    this.#isBehind = false;
    this.#left = { ...BUDGET };
    this.#gathered.clear();
    this.#lines.clear();
  }

  #wait(ms: number, wakes: boolean): Promise<void> {
    const { changes, timer } = this.#options;
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        forget();
        this.#wake = () => {};
        resolve();
      };
      const cancel = timer.schedule(millis(timer.now() + Math.ceil(ms)), done);
      const forget = wakes ? changes.listen(done) : () => {};
      this.#wake = () => (wakes || this.#isResting) && done();
    });
  }
}

function gather(changes: ChangeLog, watch: Watched, { from, last }: { from: number; last: number }): Gathered {
  const batches: (readonly [number, WatchedContent])[] = [];
  let [through, characters, looks] = [from - 1, 0, 0];
  while (through < last && characters <= MAX_LINE && batches.length < MAX_WATCH_BATCHES && looks < MAX_LOOKS) {
    const batch = changes.at(++through);
    const { sequence, requests, operations } = batch;
    looks++;
    if ("batches" in watch) {
      batches.push([sequence, { requests, operations }]);
      continue;
    }
    const found = changesIn(batch, watch);
    looks += found.looks;
    const content = found.changes.map(({ key, value }) => [key, value] as const);
    if (content.length > 0) batches.push([sequence, content]);
    characters += content.reduce((sum, [key, value]) => sum + key.length + (value?.length ?? 0), 0);
  }
  return { through, batches, looks };
}
