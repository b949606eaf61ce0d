/**
 * What watchers must be told: all batches in order, and what each has changed, from running their operations once more.
 * @module
 */
import type { ReplicaId, SequenceNumber } from "../../../core/messages/ids.ts";
import type { StateChange, StateMachine } from "../../../core/state_machine.ts";
import type { Watched } from "../../../wire/mod.ts";
import type { World } from "../../world/world.ts";

/** Something that a watcher must be told. */
export interface Due {
  readonly sequence: number;
  /** For people, and to compare. */
  readonly text: string;
  /** Whether it is the last one of its number. */
  readonly isLast: boolean;
}

/** The batches so far, each with what can be told of it. */
export class Changes {
  readonly #world: World;
  readonly #machine: StateMachine;
  readonly #requests: number[] = [];
  readonly #changes: (readonly StateChange[])[] = [];
  #batch: StateChange[] = [];

  constructor(world: World) {
    this.#world = world;
    this.#machine = world.stateMachine(0 as ReplicaId);
    this.#machine.observeChanges?.((change) => void this.#batch.push(change));
  }

  /** Whether the machine tells what it changes. */
  get areTold(): boolean {
    return this.#machine.observeChanges !== undefined;
  }

  /** The number up to which all batches are known. Some may never be, if those who executed them have gone. */
  get through(): number {
    const { entries, batches } = this.#world.checker.executions;
    for (;;) {
      const entry = entries.get((this.#requests.length + 1) as SequenceNumber);
      if (!entry) return this.#requests.length;
      this.#batch = [];
      for (const { sequence, client, timestamp, operation } of entry.calls) {
        const before = this.#batch.length;
        try {
          this.#machine.execute(operation, { sequence, client, timestamp });
        } catch {
          // What an operation that is rejected has told does not count.
          this.#batch.length = before;
        }
      }
      this.#requests.push(batches.get(entry.digest)!.requests.length);
      this.#changes.push(this.#batch);
    }
  }

  /** What is due first, from this number on, to somebody who was told so many events of it; `null`: nothing, so far. */
  next(watched: Watched, from: number, told: number): Due | null {
    const { through } = this;
    for (let sequence = from; sequence <= through; sequence++) {
      const due = this.#dueAt(watched, sequence);
      const left = due.slice(sequence === from ? told : 0);
      if (left.length > 0) return { sequence, text: left[0]!, isLast: left.length === 1 };
    }
    return null;
  }

  #dueAt(watched: Watched, sequence: number): readonly string[] {
    if ("batches" in watched) return [wordsOfBatch(sequence, this.#requests[sequence - 1]!)];
    return this.#changes[sequence - 1]!
      .filter(({ key }) => "key" in watched ? key === watched.key : key.startsWith(watched.prefix))
      .map((change) => wordsOfChange(sequence, change));
  }
}

/** A batch for people. */
export function wordsOfBatch(sequence: number, requests: number): string {
  return `${sequence}: ${requests} requests`;
}

/** A change for people. */
export function wordsOfChange(sequence: number, { key, value }: StateChange): string {
  return `${sequence}: ${key} = ${value}`;
}
