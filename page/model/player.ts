/** Where in the history the page is, and how it moves. */
import type { Entry } from "./event.ts";
import type { History } from "./history.ts";

/** How much slower or faster than the cluster's time the page plays. */
export const SPEEDS: readonly number[] = [1 / 1000, 1 / 100, 1 / 10, 1 / 4, 1, 4];

/** The cursor. */
export class Player {
  /** The time that is shown, ms. */
  at = 0;
  isPlaying = true;
  /** It shows what comes as it comes. */
  follows: boolean;
  speed: number;
  /** How far behind the newest event it follows, so that both ends of messages are there, ms. */
  readonly #lagMs: number;

  constructor(readonly isLive: boolean) {
    this.follows = isLive;
    this.speed = isLive ? 1 : 1 / 10;
    this.#lagMs = isLive ? 60 : 0;
  }

  /** Moves by real time. `nowAt`: the newest time that there is. */
  tick(elapsedMs: number, nowAt: number): void {
    if (!this.isPlaying) return;
    const newest = nowAt - this.#lagMs;
    if (this.follows && this.speed === 1) this.at = Math.max(this.at, newest);
    else this.at = Math.min(this.at + elapsedMs * this.speed, Math.max(newest, this.at));
  }

  /** Goes to the next or the previous event that is shown. Events at one time are one step. */
  step(history: History, by: 1 | -1, isShown: (entry: Entry) => boolean): void {
    this.pause();
    const here = this.at;
    const start = history.countUntil(here) - (by > 0 ? 0 : 1);
    for (let index = start; history.at(index); index += by) {
      const entry = history.at(index)!;
      if (!isShown(entry) || (by < 0 && entry.at >= here)) continue;
      this.at = entry.at;
      return;
    }
  }

  /** Goes to where the next, or the previous, number begins. Returns the number; `null` if there is none. */
  stepNumber(history: History, by: 1 | -1): number | null {
    this.pause();
    const here = this.at;
    for (let index = history.countUntil(here) - (by > 0 ? 0 : 1); history.at(index); index += by) {
      const { at, event } = history.at(index)!;
      if (event.kind !== "sent" || event.message.kind !== "pre-prepare" || at === here) continue;
      this.at = at;
      return event.message.sequence ?? null;
    }
    return null;
  }

  pause(): void {
    this.isPlaying = false;
    this.follows = false;
  }

  play(): void {
    this.isPlaying = true;
  }

  /** Goes to the newest event, and on with what comes. */
  live(): void {
    this.isPlaying = true;
    this.follows = true;
    this.speed = 1;
    this.at = 0;
  }

  /** Changes the speed by so many places of {@linkcode SPEEDS}. */
  faster(by: number): void {
    const place = SPEEDS.indexOf(this.speed) + by;
    this.setSpeed(SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, place))]!);
  }

  setSpeed(speed: number): void {
    this.speed = speed;
    if (speed !== 1) this.follows = false;
  }
}
