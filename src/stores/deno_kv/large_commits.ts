/**
 * Commits to a Deno KV database that are too large for one atomic operation. Such a commit has four steps:
 *
 * 1. A mark announces it.
 * 2. Its pieces, and a plan of its other changes, are written to keys that nobody reads yet. Each write requires that the mark is still there.
 * 3. One small operation makes it take effect, if the store is still at the expected version. At this moment it is committed, or it fails.
 * 4. This instance, or the next one that finds the plan, carries the plan out. Nothing is read or committed before that.
 *
 * A commit that failed, or whose process ended, leaves keys behind. The next instance that loads the store removes them: their mark names a
 * version that has passed, so the commit can never take effect.
 * @module
 */
import type { Changes } from "./changes.ts";
import { fitsOneOperation, type Head, type Layout, type Mark, type Mutation, operations, planParts } from "./layout.ts";
import { type KvAtomic, type KvDatabase, type KvKey, retryLocked } from "./port.ts";

/** A head and its stamp. The stamp is null if the store is empty. */
export interface At {
  readonly stamp: string | null;
  readonly head: Head;
}

/** Makes the large commits of one store. */
export class LargeCommits {
  readonly #database: KvDatabase;
  readonly #layout: Layout;

  constructor(database: KvDatabase, layout: Layout) {
    this.#database = database;
    this.#layout = layout;
  }

  /**
   * Commits. Returns the stamp of the new head; `null` if it was not committed, because another instance wrote first; `unknown` if it was
   * committed, but the head must be read again.
   */
  async commit(at: At, head: Head, { pieces, mutations }: Changes): Promise<string | null | "unknown"> {
    const { by: generation } = head;
    const mark = this.#layout.mark(generation);
    const marked = await this.#write(
      (atomic) => atomic.set(mark, { expected: at.head.version, committed: false } satisfies Mark),
    );
    const ifMarked = { key: mark, versionstamp: marked };
    const isAtOnce = fitsOneOperation(mutations);
    const parts = isAtOnce
      ? []
      : planParts(mutations).map((part, i) => [this.#layout.plan(generation, i), part] as const);
    for (const operation of operations([...pieces, ...parts])) {
      const written = await this.#write((atomic) => putAll(atomic.check(ifMarked), operation));
      if (written === null) return null;
    }
    const stamp = await this.#write((atomic) => {
      atomic.check({ key: this.#layout.head, versionstamp: at.stamp });
      if (isAtOnce) return putAll(atomic.set(this.#layout.head, head).delete(mark), mutations);
      const plan = { generation, parts: parts.length };
      return atomic
        .set(this.#layout.head, { ...head, plan } satisfies Head)
        .set(mark, { expected: at.head.version, committed: true } satisfies Mark);
    });
    if (stamp === null) {
      await this.#remove(generation, false);
      return null;
    }
    if (isAtOnce) return stamp;
    try {
      return await this.finish({ stamp, head: { ...head, plan: { generation, parts: parts.length } } }) ?? "unknown";
    } catch {
      // It is committed all the same. The next read or commit carries out the plan, or reports why it cannot.
      return "unknown";
    }
  }

  /**
   * Carries out a plan. Another instance may do the same at the same time: the first to reach the end completes it. Returns the stamp of
   * the new head, or `null` if another instance completed the plan.
   */
  async finish({ stamp, head: { plan, ...head } }: At): Promise<string | null> {
    if (!plan) return stamp;
    const ifSame = { key: this.#layout.head, versionstamp: stamp };
    for (let i = 0; i < plan.parts; i++) {
      const { value } = await retryLocked(() => this.#database.get(this.#layout.plan(plan.generation, i)));
      // Another instance has completed the plan and removed it.
      if (value === null) return null;
      const written = await this.#write((atomic) => putAll(atomic.check(ifSame), value as readonly Mutation[]));
      if (written === null) return null;
    }
    const ended = await this.#write((atomic) => atomic.check(ifSame).set(this.#layout.head, head));
    if (ended !== null) await this.#remove(plan.generation, true);
    return ended;
  }

  /** Removes the keys of large commits that are complete or can no longer take effect. Returns the marks of the others. */
  async sweep(marks: ReadonlyMap<string, Mark>, version: number): Promise<ReadonlyMap<string, Mark>> {
    const left = new Map(marks);
    for (const [generation, { expected, committed }] of marks) {
      if (expected >= version) continue;
      await this.#remove(generation, committed);
      left.delete(generation);
    }
    return left;
  }

  /**
   * Removes the keys of a generation. The mark is replaced first, so that no write of this generation can follow, and deleted last, so
   * that the removal can be repeated if the process ends in between.
   */
  async #remove(generation: string, keepPieces: boolean): Promise<void> {
    const { plan, pieces } = this.#layout.ofGeneration(generation);
    const mark = this.#layout.mark(generation);
    // This changes the mark's stamp, so an instance that is still preparing the commit fails.
    await this.#write((atomic) => atomic.set(mark, { expected: -1, committed: keepPieces } satisfies Mark));
    for (const prefix of keepPieces ? [plan] : [plan, pieces]) {
      const keys: KvKey[] = [];
      await retryLocked(async () => {
        keys.length = 0;
        for await (const { key } of this.#database.list({ prefix }, { batchSize: 100 })) keys.push(key as KvKey);
      });
      for (const operation of operations(keys.map((key) => [key, null]))) {
        await this.#write((atomic) => putAll(atomic, operation));
      }
    }
    await this.#write((atomic) => atomic.delete(mark));
  }

  /** Writes, and returns the new stamp; `null` if a check failed. */
  async #write(fill: (atomic: KvAtomic) => KvAtomic): Promise<string | null> {
    const result = await retryLocked(() => fill(this.#database.atomic()).commit());
    return result.ok ? result.versionstamp : null;
  }
}

/** Adds a change to an atomic operation. */
export function put(atomic: KvAtomic, [key, value]: Mutation): KvAtomic {
  return value === null ? atomic.delete(key) : atomic.set(key, value);
}

function putAll(atomic: KvAtomic, mutations: readonly Mutation[]): KvAtomic {
  for (const mutation of mutations) put(atomic, mutation);
  return atomic;
}
