/**
 * The end of a member that was removed. The others may still need the state that it has, so it serves until the members
 * of the next epoch have shown that they don't, in one of three ways:
 *
 * - A quorum of them has a stable checkpoint of its own: one certificate proves that, whoever shows it.
 * - Each of a quorum has signed that its store has the state at which their epoch starts. Also an idle cluster gets there.
 * - There is the link after their epoch.
 *
 * That link may be an old one: the member may have been away, and be one again meanwhile. So it asks once for later
 * links before it goes by one. Then it goes on for a while, so that who was away learns from it where the cluster went.
 *
 * In each case at least f + 1 correct members have the state, which they keep until a later one is stable, and of these f
 * can fail. So whoever still lacks the state gets it there.
 * @module
 */
import { quorum } from "../../core/messages/quorum.ts";
import { type ChainCrypto, checkStable, type Epoch, hasEntered } from "../../wire/epochs/mod.ts";
import { Backoff, type Jitter } from "../async/backoff.ts";
import type { Delays } from "../async/delays.ts";
import type { MemberSource } from "./member_options.ts";
import { leftIn } from "./place.ts";

/** How often members of the next epoch are asked, ms. */
const ASK = { minMs: 250, maxMs: 2_000 };
/**
 * So long a member that nobody needs goes on: clients and members that were away for a moment learn from it where the cluster went. A client
 * asks again within ten seconds.
 */
const LINGER_MS = 15_000;
/** They are waited for at most this long for later links, ms. */
const LINKS_MS = 5_000;

/** Options of {@linkcode Departure}. */
export interface DepartureOptions {
  readonly source: MemberSource;
  readonly self: {
    readonly epochs: readonly Epoch[];
    follow(links: readonly Uint8Array[], after: number): Promise<boolean>;
  };
  /** The key of this member. */
  readonly publicKey: string;
  readonly cryptography: ChainCrypto;
  readonly delays: Delays;
  readonly jitter: Jitter;
  /** How long it goes on when nobody needs it any more, ms. Default 15,000. */
  readonly lingerMs?: number | undefined;
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
      const { self, delays, jitter, lingerMs = LINGER_MS, onDeparted } = this.#options;
      const backoff = new Backoff(jitter, ASK);
      /** Members of the next epoch that have signed that they have its state. */
      const entered = new Map<Epoch, Set<number>>();
      for (let turn = 0, left = this.#left(); left && !delays.isStopped; turn++, left = this.#left()) {
        const known = entered.get(left) ?? new Set();
        entered.set(left, known);
        // It may have been a member again meanwhile, and been removed again: then the members of that epoch are asked.
        const isSame = () => this.#left()?.number === left.number;
        if (await this.#isReplaced(left, turn, known) && isSame()) {
          await delays.pass(lingerMs);
          if (delays.isStopped) return;
          if (isSame()) return onDeparted(self.epochs.at(-1)!);
        }
        await delays.pass(backoff.next());
      }
    } finally {
      this.#isLooking = false;
    }
  }

  #left(): Epoch | null {
    return leftIn(this.#options.self.epochs, this.#options.publicKey);
  }

  async #isReplaced(left: Epoch, turn: number, entered: Set<number>): Promise<boolean> {
    const { self } = this.#options;
    const last = self.epochs.at(-1)!;
    // The link after an epoch has the certificate of its last checkpoint.
    if (last.number > left.number) return !(await this.#followFrom(last));
    const { replicas } = left.genesis;
    const missing = replicas.map((_, member) => member).filter((member) => !entered.has(member));
    await Promise.all(missing.map(async (member) => await this.#saysEntered(left, member) && entered.add(member)));
    return entered.size >= quorum(replicas.length) || await this.#hasStable(left, turn % replicas.length);
  }

  /** Asks the members of this epoch for later ones, and follows what they know. Returns whether there are some. */
  async #followFrom(last: Epoch): Promise<boolean> {
    const { source, self, delays } = this.#options;
    const asked = last.genesis.replicas.map(async (_, member) => {
      try {
        await self.follow(await source.links(urlOf(last, member), last.number), last.number);
      } catch { /* it can't be reached */ }
    });
    await Promise.race([Promise.all(asked), delays.pass(LINKS_MS)]);
    return self.epochs.at(-1) !== last;
  }

  async #saysEntered(left: Epoch, member: number): Promise<boolean> {
    const { source, cryptography } = this.#options;
    try {
      const said = await source.entered?.(urlOf(left, member));
      return said?.member === member && await hasEntered(left, said, cryptography);
    } catch {
      return false; // it can't be reached, or is not there yet
    }
  }

  async #hasStable(left: Epoch, member: number): Promise<boolean> {
    const { source, cryptography } = this.#options;
    try {
      await checkStable(left, await source.stable?.(urlOf(left, member)) ?? [], cryptography);
      return true;
    } catch {
      return false; // it can't be reached, or has none yet
    }
  }
}

function urlOf({ urls, genesis }: Epoch, member: number): string {
  return urls[genesis.replicas[member]!.name]!;
}
