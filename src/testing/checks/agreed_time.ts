/**
 * The lower bound of agreed time: it goes on as fast as real time does. Its upper bound is checked where a batch is
 * accepted.
 * @module
 */
import type { Digest, Millis } from "../../core/messages/ids.ts";
import type { Report } from "../violation.ts";

/** The options of the check. */
export interface AgreedTimeOptions {
  /** True time, ms since the Unix epoch. */
  readonly now: () => number;
  /** How far agreed time may fall behind true time, compared with the first batch, ms. */
  readonly slackMs: number;
  readonly report: Report;
}

/** Compares the progress of agreed time with true time. The clocks may all be wrong: only the progress counts. */
export class AgreedTime {
  readonly #options: AgreedTimeOptions;
  /** When a correct replica first saw each batch. */
  readonly #seenAt = new Map<Digest, number>();
  /** How far agreed time was ahead of true time at the first batch, ms. */
  #lead: number | null = null;

  constructor(options: AgreedTimeOptions) {
    this.#options = options;
  }

  /** A correct replica has accepted a batch, or executes it. */
  seen(digest: Digest): void {
    if (!this.#seenAt.has(digest)) this.#seenAt.set(digest, this.#options.now());
  }

  /** The next batch with requests in the order of all; agreed time is this from here on. */
  ordered(sequence: number, digest: Digest, agreedTime: Millis): void {
    const seenAt = this.#seenAt.get(digest);
    if (seenAt === undefined) return;
    const lead = agreedTime - seenAt;
    this.#lead ??= lead;
    const behind = this.#lead - lead;
    if (behind <= this.#options.slackMs) return;
    this.#options.report("agreed-time", `at ${sequence} agreed time has fallen behind by ${Math.round(behind)} ms`);
  }
}
