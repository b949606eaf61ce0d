/**
 * Group commit: the records of many steps are written to the store in one commit. One commit runs at a time; steps made
 * meanwhile wait for the next one.
 * @module
 */
import type { Digest } from "../../../core/messages/ids.ts";
import type { Store, Version } from "../../ports.ts";
import { WriteSet } from "../../storage/record_writer.ts";
import type { Stepped, Urgency } from "../options.ts";
import type { StorePace } from "./store_pace.ts";
import type { Task } from "../task.ts";

/** A successful commit. */
export interface Committed {
  /** The steps whose records are durable now. */
  readonly stepped: readonly Stepped[];
  readonly writes: WriteSet;
  readonly tookMs: number;
}

/** Options of {@linkcode GroupCommit}. */
export interface GroupCommitOptions {
  readonly store: Pick<Store, "commit">;
  readonly pace: StorePace;
  readonly onCommitted: (commit: Committed) => void;
  /** The commit of these steps failed; the store has none of their records. */
  readonly onFailure: (error: unknown, stepped: readonly Stepped[]) => void;
}

/** The commits of one replica. */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  /** The version that the next commit expects. */
  version: Version = 0;
  #writes = new WriteSet();
  #stepped: Stepped[] = [];
  #running: WriteSet | null = null;
  /** The steps of the running commit. */
  #underWay: readonly Stepped[] = [];
  #done: Promise<void> | null = null;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** The records of the steps since the last commit began. */
  get writes(): WriteSet {
    return this.#writes;
  }

  /** Whether there are steps for which no commit has started. */
  get hasSteps(): boolean {
    return this.#stepped.length > 0;
  }

  /** Whether the records of a step that is not released are not durable yet. */
  get isBehind(): boolean {
    return [...this.#underWay, ...this.#stepped].some(({ ready }) => ready.records.length > 0);
  }

  /** Whether nothing that waits is binding, and nothing is to be sent: a commit may wait for more. */
  get isSilent(): boolean {
    return !this.#writes.isBinding &&
      this.#stepped.every(({ ready: { messages, answers } }) => messages.length === 0 && answers.length === 0);
  }

  /** Whether a step that waits is as urgent as this. */
  has(urgency: Urgency): boolean {
    return this.#stepped.some((step) => step.urgency === urgency);
  }

  /** The running commit; `null` if there is none. */
  get running(): Promise<void> | null {
    return this.#done;
  }

  /** Adds a step whose records are in {@linkcode GroupCommit.writes}. */
  add(step: Stepped): void {
    this.#stepped.push(step);
  }

  /** A blob that may not be in the store yet. */
  pendingBlob(digest: Digest): Uint8Array | null | undefined {
    return this.#writes.blobs.get(digest) ?? this.#running?.blobs.get(digest);
  }

  /** Removes and returns the steps. Their records are soft, and wait for the next commit. */
  takeSteps(): Stepped[] {
    return this.#stepped.splice(0);
  }

  /** Discards everything uncommitted. Returns the tasks of the discarded steps. */
  discard(): Task[] {
    this.#writes = new WriteSet();
    return this.takeSteps().map(({ task }) => task);
  }

  /** Starts a commit of everything that waits. No other commit may be running. */
  commit(): Promise<void> {
    const writes = this.#running = this.#writes;
    this.#writes = new WriteSet();
    const done = this.#commit(writes, this.takeSteps());
    // If the store threw synchronously, the commit is over already.
    if (this.#running === writes) this.#done = done;
    return done;
  }

  async #commit(writes: WriteSet, stepped: readonly Stepped[]): Promise<void> {
    const { store, pace, onCommitted, onFailure } = this.#options;
    pace.began();
    this.#underWay = stepped;
    try {
      this.version = await store.commit(writes, this.version);
    } catch (error) {
      pace.failed();
      this.#underWay = [];
      this.#done = this.#running = null;
      return onFailure(error, stepped);
    }
    this.#underWay = [];
    this.#done = this.#running = null;
    onCommitted({ stepped, writes, tookMs: pace.done() });
  }
}
