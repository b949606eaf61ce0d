import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { InvariantError } from "../../src/core/invariant.ts";
import { type LeafContent, sizeOf } from "../../src/core/tree/leaf.ts";
import { LeafMap } from "../../src/core/tree/leaf_map.ts";
import { LeafWriter } from "../../src/core/tree/leaf_writer.ts";
import type { ChunkNeed } from "../../src/core/state_machine.ts";
import { commonBits, lowestInRegion } from "../../src/core/tree/text_bits.ts";
import { Random } from "../../src/testing/random.ts";

const MAX_SIZE = 200;

type Leaves = Map<string, LeafContent>;

/** The definition, read out: at each region, one leaf if its entries are small together or are one, else its two halves. */
function leavesByDefinition(entries: readonly (readonly [string, string])[]): Leaves {
  const leaves: Leaves = new Map();
  const visit = (some: readonly (readonly [string, string])[], depth: number) => {
    if (some.length === 0) return;
    const flat = some.flat();
    if (some.length === 1 || sizeOf(flat) <= MAX_SIZE) {
      const id = lowestInRegion(flat[0]!, depth);
      leaves.set(id, { id, depth, entries: flat });
      return;
    }
    visit(some.filter(([key]) => !bitOf(key, depth)), depth + 1);
    visit(some.filter(([key]) => bitOf(key, depth)), depth + 1);
  };
  visit([...entries].sort(([a], [b]) => (a < b ? -1 : 1)), 0);
  return leaves;
}

function bitOf(text: string, at: number): boolean {
  const unit = Math.floor(at / 17);
  if (unit >= text.length) return false;
  return at % 17 === 0 || ((text.charCodeAt(unit) >> (16 - at % 17)) & 1) === 1;
}

function apply(leaves: Leaves, map: LeafMap): void {
  for (const [id, leaf] of map.takeChanges()) {
    if (leaf) leaves.set(id, { id, depth: leaf.depth, entries: [...leaf.entries] });
    else assert(leaves.delete(id), `leaf ${id} was never there and is reported as gone`);
  }
}

function shown(leaves: Leaves): unknown {
  return [...leaves.values()].map(({ id, depth, entries }) => ({ id, depth, entries })).sort((a, b) =>
    a.id < b.id ? -1 : 1
  );
}

const ALPHABETS = ["01", "abcdefghij", "aé€😀😁\ue000\uffff", "\0 ~"];

function randomKey(random: Random, alphabet: string): string {
  const letters = [...alphabet];
  const length = random.pick([0, 1, 2, 3, 5, 8]);
  return (random.int(0, 3) === 0 ? letters[0]!.repeat(12) : "") +
    Array.from({ length }, () => random.pick(letters)).join("");
}

/** A map that has only what it asks for, beside the leaves of its last checkpoint. */
class ByNeed {
  readonly map = new LeafMap(MAX_SIZE);
  loads = 0;

  constructor(readonly leaves: Leaves) {
    if (leaves.size > 0) this.map.unload();
  }

  ready(key: string): LeafMap {
    if (!this.map.isLoaded(key)) this.load({ at: key });
    return this.map;
  }

  seal(): void {
    for (let needs = this.map.mergeLeaves(); needs.length > 0; needs = this.map.mergeLeaves()) {
      for (const need of needs) this.load(need);
    }
    apply(this.leaves, this.map);
  }

  load(need: ChunkNeed): void {
    const ids = [...this.leaves.keys()].sort();
    const below = ids.filter((id) => "before" in need ? id < need.before : id <= need.at);
    const at = Math.max(0, below.length - 1);
    const { depth, entries, id } = this.leaves.get(ids[at]!)!;
    this.loads++;
    this.map.load({ id, depth, entries: [...entries] }, { isFirst: at === 0, next: ids[at + 1] ?? null });
  }
}

Deno.test("the leaves match the definition, whatever the history and whatever part was in memory", () => {
  let [most, loads, starts] = [0, 0, 0];
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const alphabet = ALPHABETS[seed % ALPHABETS.length]!;
    const model = new Map<string, string>();
    const whole = new LeafMap(MAX_SIZE);
    const wholeLeaves: Leaves = new Map();
    let part = new ByNeed(new Map());
    for (let round = 0; round < 25; round++) {
      const grows = random.int(0, 4) / 5;
      const steps = random.pick([1, 5, 60]);
      for (let step = 0; step < steps; step++) {
        const isSet = random.int(0, 99) < 100 * grows;
        const key = isSet || model.size === 0 || random.int(0, 3) === 0
          ? randomKey(random, alphabet)
          : random.pick([...model.keys()]);
        if (isSet) {
          const value = "x".repeat(random.pick([0, 1, 10, 50, 190, 500]));
          model.set(key, value);
          whole.set(key, value);
          part.ready(key).set(key, value);
        } else {
          const was = model.delete(key);
          assertEquals([whole.delete(key), part.ready(key).delete(key)], [was, was]);
        }
        const other = randomKey(random, alphabet);
        assertEquals([whole.get(other), part.ready(other).get(other)], [model.get(other), model.get(other)]);
      }
      if (random.int(0, 2) === 0) continue;
      assertEquals(whole.mergeLeaves(), []);
      apply(wholeLeaves, whole);
      part.seal();
      const expected = shown(leavesByDefinition([...model]));
      assertEquals(shown(wholeLeaves), expected, `seed ${seed} round ${round}`);
      assertEquals(shown(part.leaves), expected, `seed ${seed} round ${round} by need`);
      assertEquals([...whole.from("")].map(([key]) => key), [...model.keys()].sort());
      most = Math.max(most, wholeLeaves.size);
      if (random.int(0, 1) === 0) {
        loads += part.loads;
        starts++;
        part = new ByNeed(part.leaves);
      }
      const copy = new LeafMap(MAX_SIZE);
      copy.fill([...wholeLeaves.values()].map((leaf) => ({ ...leaf, entries: [...leaf.entries] })));
      assertEquals([copy.takeChanges(), copy.size], [[], model.size]);
    }
  }
  assertGreater(most, 30);
  assertGreater(loads, starts);
});

Deno.test("bit strings sort as texts do, and the lowest text of a region is well-formed and lies in it", () => {
  const random = new Random(7);
  const texts = Array.from({ length: 300 }, () => randomKey(random, random.pick(ALPHABETS)));
  for (const a of texts) {
    const b = random.pick(texts);
    const common = commonBits(a, b);
    if (a === b) assertEquals(common, Infinity);
    else assertEquals([bitOf(a, common), bitOf(b, common)], [a > b, b > a]);
    const depth = random.int(0, 17 * (a.length + 1) - 1);
    const lowest = lowestInRegion(a, depth);
    assert(lowest.isWellFormed() && lowest <= a && commonBits(lowest, a) >= depth, JSON.stringify([a, depth, lowest]));
    for (const c of texts) if (commonBits(a, c) >= depth) assert(lowest <= c, JSON.stringify([a, depth, lowest, c]));
  }
});

Deno.test("an entry that is not loaded does not count as absent", () => {
  const map = new LeafMap(MAX_SIZE);
  map.unload();
  assertEquals(map.isLoaded("a"), false);
  assertThrows(() => map.get("a"), InvariantError, "loaded");
  assertEquals(map.from("a").next(), { done: true, value: { at: "a" } });
});

Deno.test("a change costs one leaf, in a map of any size", () => {
  for (const size of [10, 1_000, 20_000]) {
    const map = new LeafMap(8192);
    for (let i = 0; i < size; i++) map.set(`key ${i}`, `value ${i}`);
    map.takeChanges();
    for (let i = 0; i < 10; i++) map.set(`key ${i}`, `other ${i}`);
    assert(map.takeChanges().length <= 10);
  }
});

Deno.test("frozen leaves are given as they were, whatever changes before they are", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const alphabet = ALPHABETS[seed % ALPHABETS.length]!;
    const map = new LeafMap(MAX_SIZE);
    const leaves: Leaves = new Map();
    const change = (model: Map<string, string>) => {
      const key = random.int(0, 2) > 0 && model.size > 0 ? random.pick([...model.keys()]) : randomKey(random, alphabet);
      if (random.int(0, 2) > 0) {
        const value = "x".repeat(random.pick([0, 1, 10, 50, 190, 500]));
        map.set(key, value);
        model.set(key, value);
      } else assertEquals(map.delete(key), model.delete(key));
    };
    const model = new Map<string, string>();
    for (let round = 0; round < 20; round++) {
      for (let step = random.pick([1, 10, 80]); step > 0; step--) change(model);
      assertEquals(map.mergeLeaves(), []);
      map.freeze();
      const expected = shown(leavesByDefinition([...model]));
      const isGivenUp = random.int(0, 9) === 0;
      for (let left = isGivenUp ? 2 : Infinity; left > 0; left--) {
        const before = map.frozen;
        const next = map.nextFrozen();
        if (!next) break;
        assert(map.frozen < before);
        const [id, leaf] = next;
        if (leaf) leaves.set(id, { id, depth: leaf.depth, entries: [...leaf.entries] });
        else assert(leaves.delete(id), `leaf ${id} was never there and is given as gone`);
        for (let step = random.int(0, 4); step > 0; step--) change(model);
        if (random.int(0, 3) === 0) assertEquals(map.mergeLeaves(), []);
      }
      if (!isGivenUp) assertEquals(shown(leaves), expected, `seed ${seed} round ${round}`);
      else {
        assertEquals(map.mergeLeaves(), []);
        apply(leaves, map);
        assertEquals(shown(leaves), shown(leavesByDefinition([...model])), `seed ${seed} round ${round}, all at once`);
      }
    }
  }
});

Deno.test("leaves are checked one by one as they are when they are put in place: one that is missing or misplaced is refused", () => {
  const random = new Random(17);
  let refused = 0;
  for (let run = 0; run < 200; run++) {
    const count = random.int(1, 60);
    const entries = Array.from(
      { length: count },
      (_, i) => [`${random.int(0, 999)}.${i}`, "v".repeat(random.int(0, 89))],
    );
    const all = [...leavesByDefinition(entries as [string, string][]).values()];
    const wrong = random.int(0, 2);
    if (wrong === 1) all.splice(random.int(0, all.length - 1), 1);
    const at = random.int(0, Math.max(0, all.length - 1));
    if (wrong === 2 && all[at]) all[at] = { ...all[at], depth: all[at].depth + (random.int(0, 1) === 0 ? 1 : -1) };
    const check = (map: LeafMap) => {
      const checker = map.checker();
      for (const leaf of all) checker.next(leaf);
      checker.end();
    };
    const tried = [(map: LeafMap) => map.fill(all), check].map((attempt) => {
      try {
        attempt(new LeafMap(MAX_SIZE));
        return "taken";
      } catch (error) {
        return (error as Error).message;
      }
    });
    assertEquals(tried[0], tried[1]);
    if (tried[0] !== "taken") refused++;
  }
  assertGreater(refused, 50);
});

Deno.test("entries that come by ascending key are split as those of a map, and each leaf is given early", () => {
  const random = new Random(23);
  let most = 0;
  for (let run = 0; run < 300; run++) {
    const keys = new Set<string>();
    for (let i = random.int(0, 120); i > 0; i--) {
      const key = String.fromCharCode(...Array.from({ length: random.int(0, 3) }, () => random.int(96, 100)));
      keys.add(random.int(0, 3) === 0 ? `long shared prefix ${key}` : key);
    }
    const entries = [...keys].sort().map((key): [string, string] => [key, "v".repeat(random.int(0, 89))]);
    const writer = new LeafWriter(MAX_SIZE);
    const given: LeafContent[] = [];
    let [added, complete] = [0, 0];
    for (const [key, value] of entries) {
      const leaves = writer.add(key, value);
      added++;
      for (const leaf of leaves) complete += leaf.entries.length / 2;
      given.push(...leaves);
      const kept = entries.slice(complete, added);
      most = Math.max(most, kept.reduce((sum, [key, value]) => sum + key.length + value.length + 8, 0));
    }
    given.push(...writer.end());
    const contents = given.map(({ id, depth, entries }): LeafContent => ({ id, depth, entries }));
    const expected = [...leavesByDefinition(entries).values()].map(({ id, depth, entries }) => ({
      id,
      depth,
      entries,
    }));
    assertEquals(contents, expected);
  }
  assertGreater(2 * MAX_SIZE, most, "no more than about a leaf is kept");
});
