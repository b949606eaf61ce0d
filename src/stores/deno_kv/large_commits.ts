/**
 * Commits to a Deno KV database that are too large for one atomic operation.
 *
 * First a mark says what is about to come. Then pieces and a plan of the other changes are written where nobody looks, each
 * on the condition that the mark is there. One small operation, on the condition that the store is still at the
 * expected version, makes it all count: it is committed or not at that moment. Then the plan is carried out, by this instance or
 * by the next one that comes upon it; nothing is read or committed before that is done.
 *
 * What a commit leaves that lost, or whose process ended, is removed by whoever loads the store next: its mark names a version
 * that is past, so that it can't be committed any more.
 * @module
 */
import type { Changes } from "./changes.ts";
import { fitsOneOperation, type Head, type Layout, type Mark, type Mutation, operations, planParts } from "./layout.ts";
import { type KvAtomic, type KvDatabase, type KvKey, retryLocked } from "./port.ts";

/** A head, and its stamp: null if the store is empty. */
export interface At {
  readonly stamp: string | null;
  readonly head: Head;
}

/** The commits of one store. */
export class LargeCommits {
  readonly #database: KvDatabase;
  readonly #layout: Layout;

  constructor(database: KvDatabase, layout: Layout) {
    this.#database = database;
    this.#layout = layout;
  }

  /**
   * Commits. Gives the new head's stamp; null: it was not committed, somebody else has written; `unknown`: it was, and the
   * head must be read again.
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
      // It is committed all the same; the next read or commit finishes it, or says why it can't.
      return "unknown";
    }
  }

  /**
   * Carries a plan out. If somebody else does so too, no harm: whoever is first at the end ends it. Gives the new head's
   * stamp; null: it was somebody else.
   */
  async finish({ stamp, head: { plan, ...head } }: At): Promise<string | null> {
    if (!plan) return stamp;
    const ifSame = { key: this.#layout.head, versionstamp: stamp };
    for (let i = 0; i < plan.parts; i++) {
      const { value } = await retryLocked(() => this.#database.get(this.#layout.plan(plan.generation, i)));
      // Somebody else has ended it, and removed it.
      if (value === null) return null;
      const written = await this.#write((atomic) => putAll(atomic.check(ifSame), value as readonly Mutation[]));
      if (written === null) return null;
    }
    const ended = await this.#write((atomic) => atomic.check(ifSame).set(this.#layout.head, head));
    if (ended !== null) await this.#remove(plan.generation, true);
    return ended;
  }

  /** Removes what large commits left that are done with, or can't come about any more. Gives the others. */
  async sweep(marks: ReadonlyMap<string, Mark>, version: number): Promise<ReadonlyMap<string, Mark>> {
    const left = new Map(marks);
    for (const [generation, { expected, committed }] of marks) {
      if (expected >= version) continue;
      await this.#remove(generation, committed);
      left.delete(generation);
    }
    return left;
  }

  /** First the mark, so that nothing can come after; but when the process ends half way, the mark is to tell: so also last. */
  async #remove(generation: string, keepPieces: boolean): Promise<void> {
    const { plan, pieces } = this.#layout.ofGeneration(generation);
    const mark = this.#layout.mark(generation);
    // Its stamp is another now: whoever is still preparing it can't go on.
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

  /** The new stamp; null: a check failed. */
  async #write(fill: (atomic: KvAtomic) => KvAtomic): Promise<string | null> {
    const result = await retryLocked(() => fill(this.#database.atomic()).commit());
    return result.ok ? result.versionstamp : null;
  }
}

/** Adds a change to an operation. */
export function put(atomic: KvAtomic, [key, value]: Mutation): KvAtomic {
  return value === null ? atomic.delete(key) : atomic.set(key, value);
}

function putAll(atomic: KvAtomic, mutations: readonly Mutation[]): KvAtomic {
  for (const mutation of mutations) put(atomic, mutation);
  return atomic;
}
