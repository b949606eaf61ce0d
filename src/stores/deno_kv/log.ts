/**
 * A log of the last commits to a Deno KV database. An instance that lost a conflict reads the log instead of the whole store.
 *
 * | key | value |
 * | --- | --- |
 * | `change`, version | the name of that version's commit, and every value that it changed |
 *
 * The log costs one write per commit, so it is written only while several instances are at work: from the first conflict until one instance
 * has made {@linkcode CONTENDED_COMMITS} commits in a row without a conflict.
 * @module
 */
import type { Values } from "./changes.ts";
import { type Layout, MAX_VALUE_BYTES, type Mutation } from "./layout.ts";
import { type KvDatabase, retryLocked } from "./port.ts";
import { kvKeyBytes } from "../platform_limits.ts";

/** The changes of one commit. */
export interface LoggedCommit {
  readonly by: string;
  readonly values: Values;
}

/** An entry that was read from the log. */
export interface LogEntry extends LoggedCommit {
  readonly version: number;
  /** The stamp of the entry. The head has the same one, because both were written together. */
  readonly stamp: string;
}

/** After this many commits in a row without a conflict, an instance counts as alone again. */
export const CONTENDED_COMMITS = 64;
/** The log holds this many commits. */
const KEPT_COMMITS = 16;
/** The most bytes that a changed value takes beside its name and its bytes. */
const OVERHEAD_BYTES = 64;

/** The log of one store. */
export class CommitLog {
  readonly #database: KvDatabase;
  readonly #layout: Layout;
  /** How many commits this instance must still make before it counts as alone. */
  #contendedFor = 0;
  /** The versions whose entries are to be removed. */
  #outdated: number[] = [];

  constructor(database: KvDatabase, layout: Layout) {
    this.#database = database;
    this.#layout = layout;
  }

  /** Whether another instance was at work recently. */
  get isContended(): boolean {
    return this.#contendedFor > 0;
  }

  /** Notes a commit of another instance. */
  noteOther(): void {
    this.#contendedFor = CONTENDED_COMMITS;
  }

  /** Notes a commit of this instance. */
  noteOwn(): void {
    if (this.#contendedFor > 0) this.#contendedFor--;
  }

  /** The log's share of a commit: a new entry, if it fits in one value, and the removal of old entries. */
  mutationsOf(version: number, commit: LoggedCommit): readonly Mutation[] {
    if (!this.isContended) return [];
    const outdated = [...new Set([...this.#outdated, version - KEPT_COMMITS])].filter((old) => old > 0);
    const removed = outdated.slice(0, 2 * KEPT_COMMITS).map((old) => [this.#layout.change(old), null] as const);
    return fits(commit) ? [[this.#layout.change(version), commit], ...removed] : removed;
  }

  /** The entries that follow `version` without a gap. */
  async since(version: number): Promise<readonly LogEntry[]> {
    const found = await this.#entries(version);
    this.#outdated = found.filter((entry) => entry.version <= version - KEPT_COMMITS).map((entry) => entry.version);
    const following: LogEntry[] = [];
    for (const entry of found) if (entry.version === version + following.length + 1) following.push(entry);
    return following;
  }

  /** Reads entries; the first time all of them, to find old ones that an ended instance left behind. */
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
    // As in a part of a plan, a text may take twice as many bytes as in a key.
    bytes += OVERHEAD_BYTES + 2 * kvKeyBytes([kind, name]) + (value?.length ?? 0);
    if (bytes > MAX_VALUE_BYTES) return false;
  }
  return true;
}
