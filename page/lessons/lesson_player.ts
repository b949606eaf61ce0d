/** Moves through a lesson: on to the next sentence, and back. */
import type { History } from "../model/history.ts";
import type { Player } from "../model/player.ts";
import { type Lesson, type Moment, type Step, timesOf } from "./lesson.ts";

/** The way to the next step takes at most this long, ms of the reader's time. */
const MOST_MS = 3_500;

/** Where the reader is. */
export class LessonPlayer {
  readonly lesson: Lesson;
  /** The steps that come, with their times. */
  readonly #steps: readonly { readonly step: Step; readonly at: number }[];
  #index = 0;
  /** Whether it is on its way to the next step. */
  #goesOn = false;
  #speed = 0;

  constructor(lesson: Lesson, history: History) {
    this.lesson = lesson;
    const times = timesOf(lesson, momentsOf(history));
    this.#steps = lesson.steps.flatMap((step, i) => {
      const at = times[i] ?? null;
      return at === null ? [] : [{ step, at }];
    });
  }

  get step(): Step {
    return this.#steps[this.#index]!.step;
  }

  get index(): number {
    return this.#index;
  }

  get length(): number {
    return this.#steps.length;
  }

  get isLast(): boolean {
    return this.#index === this.#steps.length - 1;
  }

  /** Shows the step where it is. */
  show(player: Player): void {
    this.#goesOn = false;
    player.pause();
    player.at = this.#steps[this.#index]!.at;
  }

  back(player: Player): void {
    this.#index = Math.max(0, this.#index - 1);
    this.show(player);
  }

  /** Plays up to the next step, or goes there at once. */
  next(player: Player, atOnce: boolean): void {
    if (this.isLast) return;
    const next = this.#steps[this.#index + 1]!;
    if (atOnce || this.#goesOn || next.at <= player.at) {
      this.#index++;
      return this.show(player);
    }
    this.#goesOn = true;
    this.#speed = Math.max(1 / 15, (next.at - player.at) / MOST_MS);
    player.play();
  }

  /** Time passes for the reader. Returns whether the lesson moves the player. */
  tick(player: Player, elapsedMs: number): boolean {
    if (!this.#goesOn) return false;
    if (!player.isPlaying) {
      this.#goesOn = false;
      return false;
    }
    player.at += elapsedMs * this.#speed;
    if (player.at < this.#steps[this.#index + 1]!.at) return true;
    this.#index++;
    this.show(player);
    return true;
  }
}

function* momentsOf(history: History): Iterable<Moment> {
  for (let i = 0; i < history.length; i++) yield history.at(i)!;
}
