/**
 * Whether one peer can be reached, and if not why: told once, and again now and then while it lasts.
 * @module
 */
import type { Millis, ReplicaId } from "../../core/messages/ids.ts";
import type { Timer } from "../ports.ts";
import type { Trouble } from "../trouble.ts";

/** What it needs. */
export interface PeerTroubleOptions {
  readonly peer: ReplicaId;
  readonly timer: Timer;
  readonly onTrouble?: (trouble: Trouble) => void;
}

/** A peer is unreachable when deliveries have failed for so long, so that its restart is no news, ms. */
const PATIENCE_MS = 2_000;
/** While it lasts, and the reason is the same, it is told again so often, ms. */
const REMIND_MS = 600_000;
/** Another reason is told after so long at the earliest, ms. */
const NEW_REASON_MS = 60_000;
const MAX_REASON_LENGTH = 300;

/** Of one peer. */
export class PeerTrouble {
  readonly #options: PeerTroubleOptions;
  #failures = 0;
  #failing: { readonly since: Millis; readonly sinceMs: number; reason: string } | null = null;
  #told: { readonly at: number; readonly reason: string } | null = null;

  constructor(options: PeerTroubleOptions) {
    this.#options = options;
  }

  /** Deliveries that failed since the start. */
  get failures(): number {
    return this.#failures;
  }

  /** Why nothing was taken lately, and since when. */
  get unreachable(): { readonly reason: string; readonly since: Millis } | null {
    return this.#failing && { reason: this.#failing.reason, since: this.#failing.since };
  }

  /** A delivery has failed. */
  failed(error: unknown): void {
    const { peer, timer, onTrouble } = this.#options;
    const now = timer.monotonic();
    this.#failures++;
    const reason = reasonOf(error);
    if (this.#failing) this.#failing.reason = reason;
    else this.#failing = { since: timer.now(), sinceMs: now, reason };
    if (now - this.#failing.sinceMs < PATIENCE_MS) return;
    const pauseMs = this.#told?.reason === reason ? REMIND_MS : NEW_REASON_MS;
    if (this.#told && now - this.#told.at < pauseMs) return;
    this.#told = { at: now, reason };
    onTrouble?.({ kind: "peer-unreachable", peer, reason });
  }

  /** The peer has taken something. */
  succeeded(): void {
    if (!this.#failing) return;
    const { peer, timer, onTrouble } = this.#options;
    if (this.#told) onTrouble?.({ kind: "peer-reached", peer, afterMs: timer.monotonic() - this.#failing.sinceMs });
    this.#failing = this.#told = null;
  }
}

/** An error in one line: what it says, and what the errors behind it say that it does not. */
function reasonOf(error: unknown): string {
  const texts: string[] = [];
  for (
    let next: unknown = error;
    next !== undefined && next !== null && texts.length < 4;
    next = (next as Error).cause
  ) {
    const text = next instanceof Error ? next.message || next.name : String(next);
    if (!texts.some((before) => before.includes(text))) texts.push(text);
  }
  return texts.join(": ").replace(/\s+/g, " ").slice(0, MAX_REASON_LENGTH);
}
