/**
 * Inputs that wait for the replica to be read from its store.
 * @module
 */
import { isOfOneLife, type Task } from "./task.ts";

/** They are taken up in order: all at once, or fewer, after a commit of all of them was too large for the store. */
export class Backlog {
  #tasks: Task[] = [];
  #most = Infinity;

  /** Whether what is here is to be taken up in parts. */
  get isCut(): boolean {
    return this.#most < Infinity && this.#tasks.length > 0;
  }

  push(tasks: readonly Task[]): void {
    this.#tasks.push(...tasks);
  }

  /** Those that were stepped in vain; what says nothing to another core goes. */
  putBack(tasks: readonly Task[]): void {
    this.#tasks.unshift(...tasks.filter(({ input }) => !isOfOneLife(input)));
  }

  /** What is to be taken up next. */
  take(): Task[] {
    const taken = this.#tasks.splice(0, this.#most);
    if (this.#tasks.length === 0) this.#most = Infinity;
    return taken;
  }

  /** All of it. */
  drain(): Task[] {
    return this.#tasks.splice(0);
  }

  /** A commit of these was too large: the next is of half as many. Of a single one, that one, which goes. */
  cut(tasks: readonly Task[]): Task | null {
    const count = tasks.filter(({ input }) => !isOfOneLife(input)).length;
    if (count > 1) this.#most = Math.ceil(count / 2);
    return count === 1 ? this.#tasks.shift()! : null;
  }
}
