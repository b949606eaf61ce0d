/**
 * Agreed time from below: it goes on as time does. From above it is bounded where a batch is accepted.
 * @module
 */
import type { Digest, Millis } from "../../core/messages/ids.ts";
import type { Report } from "../violation.ts";

/** What is needed to judge. */
export interface AgreedTimeOptions {
  /** True time, ms since the Unix epoch. */
  readonly now: () => number;
  /** How far agreed time may fall behind where it began, beside true time, ms. */
  readonly slackMs: number;
  readonly report: Report;
}

/** How agreed time compares with true time. Clocks may all be wrong: what counts is how it goes on. */
export class AgreedTime {
  readonly #options: AgreedTimeOptions;
  /** When each batch was first seen at a correct replica. */
  readonly #seenAt = new Map<Digest, number>();
  /** How far it was ahead of true time at first, ms. */
  #lead: number | null = null;

  constructor(options: AgreedTimeOptions) {
    this.#options = options;
  }

  /** A correct replica has accepted a batch, or executes it. */
  seen(digest: Digest): void {
    if (!this.#seenAt.has(digest)) this.#seenAt.set(digest, this.#options.now());
  }

  /** A batch with requests comes next in the order of all, and it is this time from then on. */
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
