/**
 * Tracks whether one peer is reachable, and reports changes: once, and again from time to time while the peer is
 * unreachable.
 * @module
 */
import type { Millis, ReplicaId } from "../../core/messages/ids.ts";
import type { Timer } from "../ports.ts";
import type { HostEvent } from "../host_event.ts";

/** Options of {@linkcode PeerReachability}. */
export interface PeerReachabilityOptions {
  readonly peer: ReplicaId;
  readonly timer: Timer;
  readonly onHostEvent?: (event: HostEvent) => void;
}

/** Deliveries must fail for this time before the peer counts as unreachable, ms. A restart of the peer is shorter. */
const UNREACHABLE_AFTER_MS = 2_000;
/** With the same reason, the report is repeated at this interval, ms. */
const REMIND_MS = 600_000;
/** With a new reason, the next report comes after this time at the earliest, ms. */
const NEW_REASON_MS = 60_000;
const MAX_REASON_LENGTH = 300;

/** The reachability of one peer. */
export class PeerReachability {
  readonly #options: PeerReachabilityOptions;
  #failures = 0;
  #failing: { readonly since: Millis; readonly sinceMs: number; reason: string } | null = null;
  #reported: { readonly at: number; readonly reason: string } | null = null;

  constructor(options: PeerReachabilityOptions) {
    this.#options = options;
  }

  /** Failed deliveries since the start. */
  get failures(): number {
    return this.#failures;
  }

  /** Why deliveries fail, and since when; null if they work. */
  get unreachable(): { readonly reason: string; readonly since: Millis } | null {
    return this.#failing && { reason: this.#failing.reason, since: this.#failing.since };
  }

  /** Records a failed delivery. */
  failed(error: unknown): void {
    const { peer, timer, onHostEvent } = this.#options;
    const now = timer.monotonic();
    this.#failures++;
    const reason = reasonOf(error);
    if (this.#failing) this.#failing.reason = reason;
    else this.#failing = { since: timer.now(), sinceMs: now, reason };
    if (now - this.#failing.sinceMs < UNREACHABLE_AFTER_MS) return;
    const pauseMs = this.#reported?.reason === reason ? REMIND_MS : NEW_REASON_MS;
    if (this.#reported && now - this.#reported.at < pauseMs) return;
    this.#reported = { at: now, reason };
    onHostEvent?.({ kind: "peer-unreachable", peer, reason });
  }

  /** Records a successful delivery. */
  succeeded(): void {
    if (!this.#failing) return;
    const { peer, timer, onHostEvent } = this.#options;
    if (this.#reported) {
      onHostEvent?.({ kind: "peer-reached", peer, afterMs: timer.monotonic() - this.#failing.sinceMs });
    }
    this.#failing = this.#reported = null;
  }
}

/** Formats an error in one line, with the messages of its causes that add something. */
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
