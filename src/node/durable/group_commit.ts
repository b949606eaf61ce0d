/**
 * Group commit: the records of many steps are written to the store in one commit. One commit runs at a time; steps that are taken
 * meanwhile wait for the next one.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import type { Store, Version } from "../ports.ts";
import { WriteSet } from "../storage/record_book.ts";
import type { Stepped } from "./options.ts";
import type { StorePace } from "./store_pace.ts";
import type { Task } from "./task.ts";

/** A commit that has succeeded. */
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
  /** The commit of these steps has failed: the store has none of their records. */
  readonly onFailure: (error: unknown, stepped: readonly Stepped[]) => void;
}

/** The commits of one replica. */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  /** The version that the next commit expects. */
  version: Version = 0;
  #writes = new WriteSet();
  #stepped: Stepped[] = [];
  #underWay: WriteSet | null = null;
  #done: Promise<void> | null = null;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** The records of the steps since the last commit began. */
  get writes(): WriteSet {
    return this.#writes;
  }

  /** Whether there are steps that no commit has begun for. */
  get hasSteps(): boolean {
    return this.#stepped.length > 0;
  }

  /** Settles with the commit that is running; `null`: none is. */
  get underWay(): Promise<void> | null {
    return this.#done;
  }

  /** Adds a step whose records are in {@linkcode GroupCommit.writes}. */
  add(step: Stepped): void {
    this.#stepped.push(step);
  }

  /** A blob that may not be in the store yet. */
  pendingBlob(digest: Digest): Uint8Array | null | undefined {
    return this.#writes.blobs.get(digest) ?? this.#underWay?.blobs.get(digest);
  }

  /** Removes and returns the steps, whose records are soft: these wait for the next commit. */
  takeSteps(): Stepped[] {
    return this.#stepped.splice(0);
  }

  /** Forgets what no commit covers. Gives the tasks that were stepped in vain. */
  discard(): Task[] {
    this.#writes = new WriteSet();
    return this.takeSteps().map(({ task }) => task);
  }

  /** Begins a commit of everything that waits. No other may be running. */
  commit(): Promise<void> {
    const writes = this.#underWay = this.#writes;
    this.#writes = new WriteSet();
    const done = this.#commit(writes, this.takeSteps());
    // If the store has thrown synchronously, the commit is over already.
    if (this.#underWay === writes) this.#done = done;
    return done;
  }

  async #commit(writes: WriteSet, stepped: readonly Stepped[]): Promise<void> {
    const { store, pace, onCommitted, onFailure } = this.#options;
    pace.began();
    try {
      this.version = await store.commit(writes, this.version);
    } catch (error) {
      pace.failed();
      this.#done = this.#underWay = null;
      return onFailure(error, stepped);
    }
    this.#done = this.#underWay = null;
    onCommitted({ stepped, writes, tookMs: pace.done() });
  }
}
