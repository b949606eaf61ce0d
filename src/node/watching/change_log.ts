/**
 * The changes of the last batches, for those who watch the state.
 *
 * A batch counts once its commit is durable. After a restart the batches since the stable checkpoint are executed again, and recorded again.
 * Numbers that this replica skips by a state transfer are not invented: the log begins anew behind them.
 * @module
 */
import type { ReplicaEvent } from "../../core/events.ts";
import type { StateChange, StateMachine } from "../../core/state_machine.ts";
import { observed } from "./observed_machine.ts";

/** A batch that was executed, and its changes. */
export interface ChangedBatch {
  /** Its number. */
  readonly sequence: number;
  /** How many requests it had. */
  readonly requests: number;
  /** How many operations they had. */
  readonly operations: number;
  /** What they have changed, in order; nothing if the machine does not tell. */
  readonly changes: readonly StateChange[];
}

/**
 * How much is kept; characters of keys and values. Older batches are dropped, and a reader that asks for them is told. A batch with more characters is
 * not kept at all.
 */
export const KEPT_CHANGES = { batches: 4_096, characters: 4 * 2 ** 20 };
/** What a change counts besides its characters: an object takes memory, and the time of each who looks for others. */
const CHANGE_CHARACTERS = 32;

/** Records changes. */
export class ChangeLog {
  #hasChanges = false;
  /** Changes of batches whose commits may not be durable yet, by number. */
  #pending = new Map<number, StateChange[]>();
  #batches: ChangedBatch[] = [];
  #characters = 0;
  /** The number before the first one that is kept, or that will be. */
  #before: number;
  #isClosed = false;
  readonly #keptBatches: number;
  readonly #listeners = new Set<() => void>();

  /** `executed`: the number of the state with which the replica starts. `former`: the log of its node in the epoch before. */
  constructor(executed = 0, former?: ChangeLog, keptBatches: number = KEPT_CHANGES.batches) {
    this.#keptBatches = keptBatches;
    this.#before = executed;
    if (!former || former.next !== executed + 1) return;
    this.#before = former.#before;
    // Its streams still read it.
    this.#batches = [...former.#batches];
    this.#characters = former.#characters;
  }

  /** Whether the machine tells what it changes. Batches can be watched in any case. */
  get hasChanges(): boolean {
    return this.#hasChanges;
  }

  /** The first number that is kept, or that will be. */
  get first(): number {
    return this.#before + 1;
  }

  /** The number after the last one. */
  get next(): number {
    return this.#before + this.#batches.length + 1;
  }

  /** Whether there will be no more: the node is closed. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The batch with this number, from {@linkcode first} to the one before {@linkcode next}. */
  at(sequence: number): ChangedBatch {
    return this.#batches[sequence - this.#before - 1]!;
  }

  /** Calls `onMore` after each batch, and when the log is closed. Returns a function that ends that. */
  listen(onMore: () => void): () => void {
    this.#listeners.add(onMore);
    return () => void this.#listeners.delete(onMore);
  }

  /** The node is closed, as at the end of its epoch. What is kept can still be read. */
  close(): void {
    this.#isClosed = true;
    this.#tell();
  }

  /** Follows a machine that replaces the one before: the replica starts, or is read anew from its store. */
  attach(machine: StateMachine): StateMachine {
    this.#hasChanges = machine.observeChanges !== undefined;
    return observed(machine, this.#pending = new Map());
  }

  /** An event of the replica, after the commit of what caused it. */
  onEvent(event: ReplicaEvent): void {
    if (event.kind !== "stage" || event.stage !== "executed") return;
    const { sequence, requests, operations } = event;
    const changes = this.#pending.get(sequence) ?? [];
    this.#pending.delete(sequence);
    if (sequence < this.next) return;
    if (sequence > this.next) this.#forgetTo(sequence - 1);
    const characters = sizeOf(changes);
    if (characters > KEPT_CHANGES.characters) this.#forgetTo(sequence);
    else {
      this.#batches.push({ sequence, requests, operations, changes });
      this.#characters += characters;
    }
    this.#shrink();
    this.#tell();
  }

  #shrink(): void {
    let over = 0;
    while (this.#batches.length - over > this.#keptBatches || this.#characters > KEPT_CHANGES.characters) {
      this.#characters -= sizeOf(this.#batches[over++]!.changes);
    }
    if (over === 0) return;
    this.#batches.splice(0, over);
    this.#before += over;
  }

  #forgetTo(sequence: number): void {
    this.#before = sequence;
    this.#batches = [];
    this.#characters = 0;
  }

  #tell(): void {
    for (const onMore of [...this.#listeners]) onMore();
  }
}

function sizeOf(changes: readonly StateChange[]): number {
  return changes.reduce((sum, { key, value }) => sum + CHANGE_CHARACTERS + key.length + (value?.length ?? 0), 0);
}
