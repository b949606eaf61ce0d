/** Leaves that are loaded while a checkpoint is stored in slices: the stored leaves are then of two checkpoints. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import type { LeafContent } from "../../src/core/tree/leaf.ts";
import { LeafMap } from "../../src/core/tree/leaf_map.ts";
import type { ChunkNeed } from "../../src/core/state_machine.ts";
import { Random } from "../../src/testing/random.ts";

const KEYS = [..."abcdefghpqwxyzé", "", "A", "ab", "xy", "zz"];

/** The leaves of a map that had all these entries in memory. */
function leavesOf(entries: ReadonlyMap<string, string>, maxSize: number): readonly LeafContent[] {
  const map = new LeafMap(maxSize);
  for (const [key, value] of entries) map.set(key, value);
  assertEquals(map.mergeLeaves(), []);
  return map.takeChanges().map(([, leaf]) => copyOf(leaf!));
}

function copyOf({ id, depth, entries }: LeafContent): LeafContent {
  return { id, depth, entries: [...entries] };
}

/** A map that has in memory what it has needed so far, and the leaves that are stored. */
class Stored {
  map: LeafMap;
  readonly model = new Map<string, string>();
  readonly #stored = new Map<string, LeafContent>();
  readonly #maxSize: number;
  /** The leaves of the checkpoint that is being stored; `null`: there is none. */
  #sealing: readonly LeafContent[] | null = null;
  /** Leaves that were loaded meanwhile. */
  loads = 0;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
    this.map = new LeafMap(maxSize);
  }

  get leaves(): readonly LeafContent[] {
    return [...this.#stored.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  ready(key: string): void {
    if (!this.map.isLoaded(key)) this.#load({ at: key });
    assertEquals(this.map.get(key), this.model.get(key), `the value of ${JSON.stringify(key)}`);
  }

  /** Begins a checkpoint, unless one is being stored. */
  freeze(): void {
    if (this.#sealing) return;
    for (let needs = this.map.mergeLeaves(), rounds = 0; needs.length > 0; needs = this.map.mergeLeaves()) {
      assert(rounds++ < 100, `it asks for ${JSON.stringify(needs)} again and again`);
      needs.forEach((need) => this.#load(need));
    }
    this.map.freeze();
    this.#sealing = leavesOf(this.model, this.#maxSize);
  }

  /** Stores the next leaf of the checkpoint. */
  slice(): void {
    if (!this.#sealing) return;
    const next = this.map.nextFrozen();
    if (next === null) {
      assertEquals(this.leaves, this.#sealing);
      this.#sealing = null;
    } else if (next[1]) this.#stored.set(next[0], copyOf(next[1]));
    else this.#stored.delete(next[0]);
  }

  /** Starts anew with what is stored, unless a checkpoint is being stored. */
  restart(): void {
    if (this.#sealing) return;
    this.model.clear();
    for (const { entries } of this.#stored.values()) {
      for (let i = 0; i < entries.length; i += 2) this.model.set(entries[i]!, entries[i + 1]!);
    }
    this.map = new LeafMap(this.#maxSize);
    if (this.#stored.size > 0) this.map.unload();
  }

  #load(need: ChunkNeed): void {
    const { leaves } = this;
    const below = leaves.filter(({ id }) => "before" in need ? id < need.before : id <= need.at);
    const at = Math.max(0, below.length - 1);
    if (this.#sealing) this.loads++;
    this.map.load(copyOf(leaves[at]!), { isFirst: at === 0, next: leaves[at + 1]?.id ?? null });
  }
}

Deno.test("leaves that are loaded while a checkpoint is stored take their places beside those that are in memory", () => {
  let loads = 0;
  for (let seed = 1; seed <= 8_000; seed++) {
    const random = new Random(seed);
    const stored = new Stored(random.int(12, 40));
    const keys = KEYS.filter(() => random.int(0, 9) < 5);
    for (let step = 0; step < 60; step++) {
      const dice = random.int(0, 99);
      if (dice < 15) stored.freeze();
      else if (dice < 35) stored.restart();
      else if (dice < 65) stored.slice();
      else if (keys.length > 0) {
        const key = random.pick(keys);
        stored.ready(key);
        if (random.int(0, 1) === 0) {
          const value = "v".repeat(random.int(0, 19));
          stored.model.set(key, value);
          stored.map.set(key, value);
        } else assertEquals(stored.map.delete(key), stored.model.delete(key));
      }
    }
    loads += stored.loads;
  }
  assertGreater(loads, 500);
});
