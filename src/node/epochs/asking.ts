/**
 * What a member asks the others, as long as it needs it: links, if it hears of so few others that they may be in another
 * epoch; and the state at which its epoch starts, which members of the epoch before have, too.
 * @module
 */
import { quorum } from "../../core/messages/quorum.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import type { Delays } from "../async/delays.ts";
import type { ReplicaNode } from "../node.ts";
import type { MemberSource } from "./member_options.ts";

/** What the questions depend on. */
export interface AskingOptions {
  readonly source: MemberSource;
  /** Whether the host may sleep, so that each question keeps it awake. */
  readonly maySleep: boolean;
  /** The key of this member. */
  readonly publicKey: string;
  readonly node: () => ReplicaNode | null;
  readonly epochs: () => readonly Epoch[];
  /** Whether the member is entering an epoch. */
  readonly isMoving: () => boolean;
  readonly isClosed: () => boolean;
  readonly follow: (links: readonly Uint8Array[]) => Promise<boolean>;
  /** Its timers, stopped when the member is closed. */
  readonly delays: Delays;
}

/** How often a member that hears of too few others asks for links, ms. */
const ASK_MS = 500;
/** How often one outside asks, and one whose host may sleep, ms. */
const OUTSIDE_MS = 5_000;
/** A member that hears of enough others asks every so many times that it looks. */
const LOOKS = 10;
/** How often a member without the state of the epoch's start asks members of the epoch before for it, ms. */
const FEED_MS = 50;
/** The most digests in one such question. */
const MAX_WANTED = 128;
/** A member is alone if it has heard too few others for this many of their idle statuses. */
const MISSED_STATUSES = 3;

/** The questions of one member. */
export class Asking {
  readonly #options: AskingOptions;
  #asked = 0;
  #lookAt = -Infinity;
  #looks = 0;
  #isFeeding = false;

  constructor(options: AskingOptions) {
    this.#options = options;
  }

  /** Looks regularly whether there is something to ask. A host that may sleep calls {@linkcode Asking.look} instead. */
  start(): void {
    const { node, maySleep, delays } = this.#options;
    if (maySleep) return;
    void this.#feed();
    delays.after(node() ? ASK_MS : OUTSIDE_MS, async () => {
      await this.#ask();
      this.start();
    });
  }

  /** Looks whether there is something to ask, unless it has looked just now. For a host that may sleep: a timer of its own would keep it awake. */
  look(now: number): void {
    if (!this.#options.maySleep || now < this.#lookAt) return;
    this.#lookAt = now + OUTSIDE_MS;
    void this.#feed();
    void this.#ask();
  }

  async #ask(): Promise<void> {
    // Also one that hears of enough others asks at times: some of them may be liars, who stay behind with it.
    const isDue = this.#isAlone() || this.#options.maySleep || ++this.#looks % LOOKS === 0;
    if (!this.#options.isMoving() && isDue) await this.#askForLinks();
  }

  #isAlone(): boolean {
    const node = this.#options.node();
    if (!node) return true;
    const { statusIntervalMs, idleStatusMs } = node.settings;
    return node.heardSince(MISSED_STATUSES * idleStatusMs + statusIntervalMs) + 1 <
      quorum(node.genesis.replicas.length);
  }

  async #askForLinks(): Promise<void> {
    const { source, epochs, follow } = this.#options;
    const urls = this.#urls();
    if (urls.length === 0) return;
    try {
      await follow(await source.links(urls[this.#asked++ % urls.length]!, epochs().at(-1)!.number));
    } catch {
      // The next one is asked later.
    }
  }

  /** Where the others are, or were: those of the present epoch first. */
  #urls(): readonly string[] {
    const { epochs, publicKey } = this.#options;
    const all = [...epochs()].reverse().slice(0, 2).flatMap(({ genesis, urls }) =>
      genesis.replicas.filter((member) => member.publicKey !== publicKey).map(({ name }) => urls[name])
    );
    return [...new Set(all.filter((url) => url !== undefined))];
  }

  /** While the state of the epoch's start is being fetched: asks whoever may have it. */
  async #feed(): Promise<void> {
    const { source, epochs, node: present, isClosed, delays } = this.#options;
    const node = present();
    if (!node || node.epoch.number === 0 || this.#isFeeding) return;
    this.#isFeeding = true;
    const urls = this.#urls();
    for (let turn = 0; urls.length > 0 && node === present() && !isClosed();) {
      const wanted = node.wantedState().slice(0, MAX_WANTED);
      if (wanted.length === 0) break;
      try {
        const blobs = await source.blobs(urls[turn % urls.length]!, epochs().at(-1)!.number, node.signFetch(wanted));
        if (blobs.length > 0) node.receiveState(blobs);
        if (node.wantedState()[0] === wanted[0]) turn++; // this one did not have it, or lied
      } catch {
        turn++;
      }
      await delays.pass(FEED_MS);
    }
    this.#isFeeding = false;
  }
}
