/**
 * The backlog: inputs that wait while the replica is reloaded from its store.
 * @module
 */
import { isOfOneLife, type Task } from "./task.ts";

/**
 * Inputs are processed in order: all together, or in smaller parts after a commit of all of them was too large for the
 * store.
 */
export class Backlog {
  #tasks: Task[] = [];
  #most = Infinity;

  /** Whether the backlog is processed in parts. */
  get isCut(): boolean {
    return this.#most < Infinity && this.#tasks.length > 0;
  }

  push(tasks: readonly Task[]): void {
    this.#tasks.push(...tasks);
  }

  /** Puts back tasks whose steps were discarded. Inputs internal to the old core are dropped. */
  putBack(tasks: readonly Task[]): void {
    this.#tasks.unshift(...tasks.filter(({ input }) => !isOfOneLife(input)));
  }

  /** Removes and returns the next tasks. */
  take(): Task[] {
    const taken = this.#tasks.splice(0, this.#most);
    if (this.#tasks.length === 0) this.#most = Infinity;
    return taken;
  }

  /** Removes and returns all tasks. */
  drain(): Task[] {
    return this.#tasks.splice(0);
  }

  /**
   * A commit of these tasks was too large: the next part is half as large. If it was a single task, that one is removed
   * and returned.
   */
  cut(tasks: readonly Task[]): Task | null {
    const count = tasks.filter(({ input }) => !isOfOneLife(input)).length;
    if (count > 1) this.#most = Math.ceil(count / 2);
    return count === 1 ? this.#tasks.shift()! : null;
  }
}
