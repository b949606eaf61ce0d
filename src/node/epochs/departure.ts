/**
 * The end of a member that was removed. The others may still need the state that it has, so it serves until a quorum of
 * the next epoch has a stable checkpoint of its own: one certificate proves that, whoever shows it.
 * @module
 */
import { type ChainCrypto, checkStable, type Epoch } from "../../wire/epochs/mod.ts";
import { Backoff, type Jitter } from "../async/backoff.ts";
import type { Delays } from "../async/delays.ts";
import type { MemberSource } from "./member_options.ts";
import { leftIn } from "./place.ts";

/** How often members of the next epoch are asked for their certificate, ms. */
const ASK = { minMs: 250, maxMs: 2_000 };

/** Options of {@linkcode Departure}. */
export interface DepartureOptions {
  readonly source: MemberSource;
  readonly self: { readonly epochs: readonly Epoch[] };
  /** The key of this member. */
  readonly publicKey: string;
  readonly cryptography: ChainCrypto;
  readonly delays: Delays;
  readonly jitter: Jitter;
  /** Called once when nobody needs this member any more, with the last epoch that it knows. */
  readonly onDeparted: (present: Epoch) => void;
}

/** Finds out when a removed member may stop. */
export class Departure {
  readonly #options: DepartureOptions;
  #isLooking = false;

  constructor(options: DepartureOptions) {
    this.#options = options;
  }

  /** Begins to look, if this member was removed. Called in each epoch. */
  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const { self, delays, jitter, onDeparted } = this.#options;
      const backoff = new Backoff(jitter, ASK);
      for (let turn = 0; this.#left() && !delays.isStopped; turn++) {
        if (await this.#isReplaced(turn)) return onDeparted(self.epochs.at(-1)!);
        await delays.pass(backoff.next());
      }
    } finally {
      this.#isLooking = false;
    }
  }

  #left(): Epoch | null {
    return leftIn(this.#options.self.epochs, this.#options.publicKey);
  }

  async #isReplaced(turn: number): Promise<boolean> {
    const { source, self, cryptography } = this.#options;
    const left = this.#left();
    if (!left) return false;
    // The link after an epoch has the certificate of its last checkpoint.
    if (self.epochs.at(-1)!.number > left.number) return true;
    const { replicas } = left.genesis;
    try {
      const url = left.urls[replicas[turn % replicas.length]!.name]!;
      await checkStable(left, await source.stable?.(url) ?? [], cryptography);
      return !!this.#left();
    } catch {
      return false; // it can't be reached, or has none yet
    }
  }
}
