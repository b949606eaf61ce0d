/**
 * What a member asks the others, as long as it needs it: links, if it hears of so few others that they may be in another
 * epoch; and the state at which its epoch starts, which members of the epoch before have, too.
 * @module
 */
import { type Allowance, allowanceOf } from "../../core/upkeep/allowance.ts";
import type { Millis } from "../../core/messages/ids.ts";
import { quorum } from "../../core/messages/quorum.ts";
import { decodeLink, type Epoch } from "../../wire/epochs/mod.ts";
import { Backoff, type Jitter } from "../async/backoff.ts";
import type { Delays } from "../async/delays.ts";
import type { ReplicaNode } from "../node.ts";
import type { Timer } from "../ports.ts";
import type { MemberSource } from "./member_options.ts";

/** What the questions depend on. */
export interface AskingOptions {
  readonly source: MemberSource;
  /** Further URLs of members, which may not be those of the last epochs. */
  readonly join: readonly string[];
  /** Whether the host may sleep, so that each question keeps it awake. */
  readonly maySleep: boolean;
  /** The key of this member. */
  readonly publicKey: string;
  /** The member that asks. */
  readonly self: {
    readonly node: ReplicaNode | null;
    readonly epochs: readonly Epoch[];
    /** Whether it is entering an epoch. */
    readonly isMoving: boolean;
    /** The encoded links after this epoch. */
    linksAfter(epoch: number): readonly Uint8Array[];
    /** Follows links after this epoch. */
    follow(links: readonly Uint8Array[], after: number): Promise<boolean>;
  };
  /** Its timers, stopped when the member is closed. */
  readonly delays: Delays;
  readonly timer: Pick<Timer, "monotonic">;
  readonly jitter: Jitter;
}

/** How often a member that hears of too few others asks for links, ms. */
const ASK_MS = 500;
/** How often one outside asks, ms: ever more rarely, because it may wait for days until it is a member. */
const OUTSIDE = { minMs: 250, maxMs: 5_000 };
/** The least time between two questions of one whose host may sleep, ms. */
const SLEEPY_MS = 5_000;
/** Starts that are so far apart begin with different members, ms: no part of a minute, as statuses are a minute apart. */
const SPREAD_MS = 997;
/** Questions that strangers can cause by telling of a later epoch: so many at once, and one more per so many ms. */
const TOLD = { most: 8, perMs: 1 / 1_000 };
/** A member that hears of enough others asks every so many times that it looks. */
const LOOKS = 10;
/** When a member that lacks the state of the epoch's start asks the next one, if one gave nothing, ms. */
const FEED_MS = 50;
/** What is wanted is known a moment after the epoch was entered, and after each part was stored: so many looks, and ms between two. */
const [LOOKS_AT_STATE, LOOK_MS] = [30, 5];
/** The most digests in one such question. */
const MAX_WANTED = 128;
/** A member is alone if it has heard too few others for this many of their idle statuses. */
const MISSED_STATUSES = 3;

/** The questions of one member. */
export class Asking {
  readonly #options: AskingOptions;
  readonly #outside: Backoff;
  readonly #told = new Map<string, Allowance>();
  #asked = 0;
  #lookAt = -Infinity;
  #looks = 0;
  #isFeeding = false;

  constructor(options: AskingOptions) {
    this.#options = options;
    this.#outside = new Backoff(options.jitter, OUTSIDE);
  }

  /** Looks regularly whether there is something to ask. A host that may sleep calls {@linkcode Asking.look} instead. */
  start(): void {
    const { self, maySleep, delays } = this.#options;
    if (maySleep) return;
    void this.#feed();
    delays.after(self.node ? ASK_MS : this.#outside.next(), async () => {
      await this.#ask();
      this.start();
    });
  }

  /**
   * Looks whether there is something to ask, unless it has looked just now. For a host that may sleep: a timer of its own
   * would keep it awake. Resolves when the answers are there.
   */
  async look(now: number): Promise<void> {
    if (!this.#options.maySleep || now < this.#lookAt) return;
    // The host forgets whom it has asked. If it always began with the first member, that one could keep a new epoch from it.
    if (this.#lookAt === -Infinity) this.#asked = Math.floor(now / SPREAD_MS);
    this.#lookAt = now + SLEEPY_MS;
    await Promise.all([this.#feed(), this.#ask()]);
  }

  /**
   * Somebody says that there is a later epoch. It may be anybody, so this costs one question to a member that is known,
   * and few of these.
   */
  hear(): void {
    const allowance = allowanceOf(this.#told, "", { now: this.#options.timer.monotonic() as Millis, rate: TOLD });
    if (allowance.bytes < 1) return;
    allowance.bytes--;
    void this.#askForLinks();
  }

  async #ask(): Promise<void> {
    // Also one that hears of enough others asks at times: some of them may be liars, who stay behind with it.
    const isDue = this.#isAlone() || this.#options.maySleep || ++this.#looks % LOOKS === 0;
    if (!this.#options.self.isMoving && isDue) await this.#askForLinks();
  }

  #isAlone(): boolean {
    const { node } = this.#options.self;
    if (!node) return true;
    const { statusIntervalMs, idleStatusMs } = node.settings;
    return node.heardSince(MISSED_STATUSES * idleStatusMs + statusIntervalMs) + 1 <
      quorum(node.genesis.replicas.length);
  }

  async #askForLinks(): Promise<void> {
    const { source, self } = this.#options;
    const urls = this.#urls();
    if (urls.length === 0) return;
    const after = self.epochs.at(-1)!.number;
    try {
      const links = await source.links(urls[this.#asked++ % urls.length]!, after);
      if (!await self.follow(links, after)) return;
      this.#outside.reset();
      void this.#feed();
    } catch {
      // The next one is asked later.
    }
  }

  /**
   * Where the others are, or were: those of the present epoch first, then those of the epoch before. One outside begins with
   * those that it was told of, as it may know only members that are long gone.
   */
  #urls(): readonly string[] {
    const { self, join } = this.#options;
    const known = this.#urlsIn(self.epochs.slice(-2).toReversed());
    return [...new Set(self.node ? [...known, ...join] : [...join, ...known])];
  }

  #urlsIn(epochs: readonly Epoch[]): readonly string[] {
    const { publicKey } = this.#options;
    const all = epochs.flatMap(({ genesis, urls }) =>
      genesis.replicas.filter((member) => member.publicKey !== publicKey).map(({ name }) => urls[name])
    );
    return [...new Set(all.filter((url) => url !== undefined))];
  }

  /** While the state of the epoch's start is being fetched: asks every member that may have it. */
  async #feed(): Promise<void> {
    const { source, self, delays } = this.#options;
    const { node } = self;
    if (!node || node.epoch.number === 0 || this.#isFeeding) return;
    this.#isFeeding = true;
    // Those of the epoch before have the state from its first moment on.
    const urls = this.#urlsIn(self.epochs.slice(-2));
    let hasPlacedProof = false;
    // Each new member begins with another one of them.
    for (let turn: number = node.self; urls.length > 0 && node === self.node && !delays.isStopped;) {
      await this.#until(() => node.wantedState().length > 0);
      const wanted = node.wantedState().slice(0, MAX_WANTED);
      if (wanted.length === 0) break;
      if (!hasPlacedProof) {
        hasPlacedProof = true;
        this.#placeProof(node);
        continue;
      }
      try {
        const blobs = await source.blobs(
          urls[turn % urls.length]!,
          node.epoch.number,
          node.epochStart.signFetch(wanted),
        );
        if (blobs.length > 0) {
          node.epochStart.receive(blobs);
          if (await this.#until(() => node.wantedState()[0] !== wanted[0])) continue;
        }
        turn++; // this one did not have it, or lied
      } catch {
        turn++;
      }
      await delays.pass(FEED_MS);
    }
    this.#isFeeding = false;
  }

  /** The link has the root of the state, and a page. Of a small state that is all but the chunks: two round trips less. */
  #placeProof(node: ReplicaNode): void {
    const [link] = this.#options.self.linksAfter(node.epoch.number - 1);
    // One at a time: the page is wanted only once the root is there, which names it.
    for (const blob of link ? decodeLink(link).proof : []) node.epochStart.receive([blob]);
  }

  /** Waits a moment until something holds. Returns whether it does. */
  async #until(holds: () => boolean): Promise<boolean> {
    const { delays } = this.#options;
    for (let looks = 0; !holds(); looks++) {
      if (looks === LOOKS_AT_STATE || delays.isStopped) return false;
      await delays.pass(LOOK_MS);
    }
    return true;
  }
}
