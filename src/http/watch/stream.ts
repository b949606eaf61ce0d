/**
 * What one watcher is told.
 * @module
 */
import type { ChangeLog } from "../../node/watching/change_log.ts";
import type { Timer } from "../../node/ports.ts";
import type { Watched } from "../../wire/mod.ts";
import type { Turns } from "./turns.ts";

/** Numbers without changes are told at this interval, ms, or together with the next change. */
const QUIET_MS = 2_000;

/** Options of {@linkcode WatchStream}. */
export interface WatchStreamOptions {
  readonly watch: Watched;
  /** The first number. */
  readonly from: number;
  readonly changes: ChangeLog;
  readonly turns: Turns;
  readonly timer: Timer;
  /** After this long without a line comes an empty one, ms. */
  readonly keepAliveMs: number;
}

/** The lines of one watcher. */
export class WatchStream {
  readonly #options: WatchStreamOptions;
  /** The first number that was not told yet. */
  #next: number;
  /** The first number that was not looked at yet: there are no changes before. */
  #seen: number;
  #hasBegun = false;
  #toldAt = -Infinity;
  #lineAt = 0;

  constructor(options: WatchStreamOptions) {
    this.#options = options;
    this.#next = this.#seen = options.from;
  }

  /** The next line, once there is something to say; `null`: there will be none. */
  async line(isOver: () => boolean): Promise<string | null> {
    const { timer, turns } = this.#options;
    while (!isOver()) {
      const line = this.#lineOfNow();
      if (line !== undefined) {
        this.#lineAt = timer.monotonic();
        return line;
      }
      await turns.next(this.#seen <= turns.last);
    }
    return null;
  }

  /** The line to send now; `undefined`: there is none now; `null`: there will be none. */
  #lineOfNow(): string | null | undefined {
    const { changes, turns, timer, watch, keepAliveMs } = this.#options;
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      return turns.first({ watch, from: this.#next, through: this.#next - 1, batches: [] });
    }
    // Numbers that are no longer kept are skipped.
    this.#next = Math.max(this.#next, changes.first);
    this.#seen = Math.max(this.#seen, this.#next);
    if (this.#seen <= turns.last) {
      const gathered = turns.gathered(watch, this.#seen);
      if (!gathered) return undefined;
      const { through, batches } = gathered;
      if (batches.length > 0) return this.#tell(turns.line({ watch, from: this.#next, through, batches }), through);
      this.#seen = through + 1;
    }
    const isAtEnd = changes.isClosed && this.#seen >= changes.next;
    // A stream that still looks at former numbers says where it is at intervals, not at each look.
    const isBehind = this.#seen <= turns.last;
    const isQuiet = timer.monotonic() - (isBehind ? this.#lineAt : this.#toldAt) >= QUIET_MS;
    if (this.#next < this.#seen && (isAtEnd || isQuiet)) {
      const through = this.#seen - 1;
      return this.#tell(turns.line({ watch, from: this.#next, through, batches: [] }), through);
    }
    if (isAtEnd) return null;
    return timer.monotonic() - this.#lineAt >= keepAliveMs ? "" : undefined;
  }

  #tell(line: string | null, through: number): string | undefined {
    if (line === null) return undefined;
    this.#next = this.#seen = through + 1;
    this.#toldAt = this.#options.timer.monotonic();
    return line;
  }
}
