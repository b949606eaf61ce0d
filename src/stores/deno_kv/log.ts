/**
 * What the last commits to a Deno KV database changed, so that an instance that lost to another one need not read the whole store again.
 *
 * | key | value |
 * | --- | --- |
 * | `change`, version | who made that version, and every value that it changed |
 *
 * It costs a write per commit, so it is kept only while several instances are at work: from the first conflict on, until one instance
 * has made {@linkcode CONTENDED_COMMITS} commits in a row without any.
 * @module
 */
import type { Values } from "./changes.ts";
import { type Layout, MAX_VALUE_BYTES, type Mutation } from "./layout.ts";
import { type KvDatabase, retryLocked } from "./port.ts";
import { kvKeyBytes } from "../platform_limits.ts";

/** What one commit changed. */
export interface LoggedCommit {
  readonly by: string;
  readonly values: Values;
}

/** One that was read back. */
export interface LogEntry extends LoggedCommit {
  readonly version: number;
  /** The head's as well, which was written with it. */
  readonly stamp: string;
}

/** Without another instance's commit in between, so many make one alone again. */
export const CONTENDED_COMMITS = 64;
/** So many commits are remembered. */
const KEPT_COMMITS = 16;
/** What one changed value takes beside its name and its bytes, at most. */
const OVERHEAD_BYTES = 64;

/** The log of one store. */
export class CommitLog {
  readonly #database: KvDatabase;
  readonly #layout: Layout;
  /** Commits still to be made before this instance counts as alone. */
  #contendedFor = 0;
  /** Versions whose entries are to be removed. */
  #outdated: number[] = [];

  constructor(database: KvDatabase, layout: Layout) {
    this.#database = database;
    this.#layout = layout;
  }

  /** Whether another instance was at work lately. */
  get isContended(): boolean {
    return this.#contendedFor > 0;
  }

  /** Another instance has committed. */
  noteOther(): void {
    this.#contendedFor = CONTENDED_COMMITS;
  }

  /** This instance has committed. */
  noteOwn(): void {
    if (this.#contendedFor > 0) this.#contendedFor--;
  }

  /** What a commit changes beside its values: its own entry, if it is small enough for one, and entries that nobody needs any more. */
  mutationsOf(version: number, commit: LoggedCommit): readonly Mutation[] {
    if (!this.isContended) return [];
    const outdated = [...new Set([...this.#outdated, version - KEPT_COMMITS])].filter((old) => old > 0);
    const removed = outdated.slice(0, 2 * KEPT_COMMITS).map((old) => [this.#layout.change(old), null] as const);
    return fits(commit) ? [[this.#layout.change(version), commit], ...removed] : removed;
  }

  /** Those that lead on from `version` without a gap. */
  async since(version: number): Promise<readonly LogEntry[]> {
    const found = await this.#entries(version);
    this.#outdated = found.filter((entry) => entry.version <= version - KEPT_COMMITS).map((entry) => entry.version);
    const following: LogEntry[] = [];
    for (const entry of found) if (entry.version === version + following.length + 1) following.push(entry);
    return following;
  }

  /** At first all of them, to see what an instance that ended has left behind. */
  async #entries(version: number): Promise<readonly LogEntry[]> {
    const prefix = this.#layout.changes;
    const start = this.isContended ? this.#layout.change(version + 1) : this.#layout.change(0);
    return await retryLocked(async () => {
      const entries: LogEntry[] = [];
      for await (const entry of this.#database.list({ prefix, start }, { batchSize: 100 })) {
        const at = entry.key.at(-1) as number;
        entries.push({ ...entry.value as LoggedCommit, version: at, stamp: entry.versionstamp! });
      }
      return entries.sort((a, b) => a.version - b.version);
    });
  }
}

function fits({ values }: LoggedCommit): boolean {
  let bytes = 0;
  for (const [kind, name, value] of values) {
    // As in a part of a plan, a text may take twice what its key does.
    bytes += OVERHEAD_BYTES + 2 * kvKeyBytes([kind, name]) + (value?.length ?? 0);
    if (bytes > MAX_VALUE_BYTES) return false;
  }
  return true;
}
