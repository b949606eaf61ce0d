import { assert, assertEquals, assertLessOrEqual, assertThrows } from "@std/assert";
import { encodeChunk } from "../../src/machines/_chunk.ts";
import { BucketFullError, ChunkedMap } from "../../src/machines/_chunked_map.ts";
import { hashKey } from "../../src/machines/_key_hash.ts";
import { Random } from "./_random.ts";

type Chunks = Map<string, Uint8Array>;

/** Applies what changed to a copy of the chunks; everything that is reported must be news. */
function apply(chunks: Chunks, map: ChunkedMap): string[] {
  const ids: string[] = [];
  for (const [id, chunk] of map.takeChanges()) {
    ids.push(id);
    if (chunk) chunks.set(id, chunk);
    else assert(chunks.delete(id), `chunk "${id}" was never there and is reported as gone`);
  }
  return ids;
}

function chunksOf(map: ChunkedMap): Chunks {
  const chunks: Chunks = new Map();
  apply(chunks, map);
  return chunks;
}

/** The chunks of these entries, in a map that never knew others. */
function fresh(entries: Iterable<readonly [string, string]>): Chunks {
  const map = new ChunkedMap();
  for (const [key, value] of entries) map.set(key, value);
  return chunksOf(map);
}

function sorted(chunks: Chunks): readonly (readonly [string, string])[] {
  return [...chunks].map(([id, chunk]) => [id, new TextDecoder().decode(chunk)] as const).sort();
}

/** Sets and deletes at random, in waves that grow and shrink the map over many splits and merges. */
function wander(map: ChunkedMap, model: Map<string, string>, random: Random, steps: number): void {
  const keys = 600;
  let tide = random.below(2) === 0;
  for (let step = 0; step < steps; step++) {
    if (step % 400 === 0) tide = !tide;
    const key = `key ${random.below(keys)}`;
    if (random.below(10) < (tide ? 8 : 2)) {
      const value = `${step}`.repeat(random.pick([0, 1, 5, 40, 40, 400, 3_000]));
      map.set(key, value);
      model.set(key, value);
    } else {
      assertEquals(map.delete(key), model.delete(key));
    }
  }
}

Deno.test("chunks depend on the entries alone, whatever the history was", () => {
  const shapes = new Set<number>();
  for (let seed = 1; seed <= 12; seed++) {
    const random = new Random(seed);
    const map = new ChunkedMap();
    const model = new Map<string, string>();
    for (let round = 0; round < 6; round++) {
      wander(map, model, random, 300);
      const expected = fresh(random.shuffled(model));
      // A copy of the map through its chunks, which therefore never knew the history.
      const copy = new ChunkedMap();
      copy.restore(expected);
      const other = new ChunkedMap();
      for (const [key, value] of random.shuffled(model)) other.set(key, value);
      assertEquals(sorted(chunksOf(other)), sorted(expected));
      assertEquals([...copy.takeChanges()], []);
      for (const key of random.shuffled(model.keys()).slice(0, 20)) {
        const value = model.get(key)!;
        copy.delete(key);
        copy.set(key, value);
      }
      for (const [id, chunk] of copy.takeChanges()) assertEquals(chunk, expected.get(id) ?? null, id);
      assertEquals(new Map(model), new Map([...map.keysFrom("")].map((key) => [key, map.get(key)!])));
      shapes.add(expected.size);
    }
    const all = chunksOf(map);
    assertEquals(sorted(all), sorted(fresh(random.shuffled(model))));
  }
  assert(Math.min(...shapes) <= 30 && Math.max(...shapes) > 200, `too few shapes were seen: ${[...shapes]}`);
});

Deno.test("what changes, applied to a copy, gives the whole set, down to nothing", () => {
  for (let seed = 20; seed < 28; seed++) {
    const random = new Random(seed);
    const map = new ChunkedMap();
    const model = new Map<string, string>();
    const copy: Chunks = new Map();
    for (let round = 0; round < 25; round++) {
      wander(map, model, random, random.pick([1, 10, 150]));
      apply(copy, map);
      assertEquals(sorted(copy), sorted(fresh(model)));
    }
    for (const key of model.keys()) map.delete(key);
    apply(copy, map);
    assertEquals([copy.size, map.size], [0, 0]);
  }
});

Deno.test("restoring the chunks that differ takes one map to another", () => {
  for (let seed = 40; seed < 48; seed++) {
    const random = new Random(seed);
    const [map, target] = [new ChunkedMap(), new ChunkedMap()];
    const [model, targetModel] = [new Map<string, string>(), new Map<string, string>()];
    for (let round = 0; round < 8; round++) {
      wander(map, model, random, random.pick([0, 300]));
      wander(target, targetModel, random, random.pick([20, 300]));
      const [from, to] = [fresh(model), fresh(targetModel)];
      map.takeChanges();
      const ids = random.shuffled(new Set([...from.keys(), ...to.keys()]));
      const same = (id: string) => String(from.get(id)) === String(to.get(id));
      map.restore(ids.filter((id) => !same(id)).map((id) => [id, to.get(id) ?? null] as const));
      assertEquals(map.takeChanges(), []);
      assertEquals([...map.keysFrom("")], [...targetModel.keys()].sort());
      model.clear();
      for (const [key, value] of targetModel) model.set(key, value);
      // It goes on like one that was always there.
      map.set("one more", "x".repeat(9_000));
      model.set("one more", "x".repeat(9_000));
      apply(to, map);
      assertEquals(sorted(to), sorted(fresh(model)));
    }
  }
});

Deno.test("a change costs its own leaf, in a map of any size", () => {
  for (const size of [10, 1_000, 50_000]) {
    const map = new ChunkedMap();
    for (let index = 0; index < size; index++) map.set(`key ${index}`, `value ${index}`);
    const chunks = chunksOf(map);
    assertEquals(map.takeChanges(), []);
    for (let index = 0; index < 10; index++) map.set(`key ${index}`, `other ${index}`);
    const changes = map.takeChanges();
    assertEquals(new Set(changes.map(([id]) => id)), new Set(idsOf(chunks, 10)));
    for (const [, chunk] of changes) assertLessOrEqual(chunk!.length, 16 * 1024);
    assertEquals(map.takeChanges(), []);
  }
});

function idsOf(chunks: Chunks, keys: number): string[] {
  return Array.from({ length: keys }, (_, index) => {
    const hash = hashKey(`key ${index}`).toString(16).padStart(8, "0");
    return [...chunks.keys()].find((id) => hash.startsWith(id))!;
  });
}

Deno.test("setting what is there, or deleting what is not, changes nothing", () => {
  const map = new ChunkedMap();
  map.set("a", "1");
  map.takeChanges();
  map.set("a", "1");
  assertEquals(map.delete("b"), false);
  assertEquals(map.takeChanges(), []);
});

Deno.test("the chunks of a given state are these bytes, so that no change of them goes unnoticed", () => {
  assertEquals(["", "a", "name", "ë€😀"].map((key) => hashKey(key).toString(16)), [
    "ab3e7c0b",
    "1a80b1b3",
    "a484c34a",
    "5caf54d4",
  ]);
  assertEquals(sorted(fresh([["b", "2"], ["a", '"1"'], ["ë", "😀\n"], ["B", ""]])), [[
    "",
    '["B","","a","\\"1\\"","b","2","ë","😀\\n"]',
  ]]);
  const large = fresh([["a", "x".repeat(9_000)], ["b", "y"], ["c", "z"]]);
  assertEquals([...large.keys()].sort(), ["1", "4", "8"]);
  assertEquals([...fresh([["alone", "x".repeat(60_000)]]).keys()], [""]);
  assertEquals(fresh([]).size, 0);
});

Deno.test("keys with one hash share a leaf, up to a limit; beyond it set throws and changes nothing", () => {
  const keys = colliding(128);
  assertEquals(new Set(keys.map(hashKey)).size, 1);
  const map = new ChunkedMap();
  const put: string[] = [];
  for (const key of keys) {
    try {
      map.set(key, "x".repeat(4_000));
      put.push(key);
    } catch (error) {
      assert(error instanceof BucketFullError);
      break;
    }
  }
  assertEquals(put.length, 32);
  const chunks = chunksOf(map);
  assertEquals([...chunks.keys()], [hashKey(keys[0]!).toString(16).padStart(8, "0")]);
  assertThrows(() => map.set(put[0]!, "x".repeat(7_000)), BucketFullError);
  assertThrows(() => map.set(keys[100]!, "x".repeat(7_000)), BucketFullError);
  assertEquals([map.takeChanges(), map.get(keys[100]!), map.size], [[], undefined, 32]);
  assertEquals([...map.keysFrom("")], [...put].sort());
  // Another hash has room, what is there may shrink, and then there is room again.
  map.set("other", "x".repeat(5_000));
  map.set(put[0]!, "");
  map.set(keys[100]!, "x".repeat(3_500));
  assertEquals(map.get(keys[100]!)?.length, 3_500);
  // Two values of the largest size always fit.
  const two = new ChunkedMap();
  two.set(keys[0]!, "x".repeat(60 * 1024));
  two.set(keys[1]!, "x".repeat(60 * 1024));
  assertEquals(two.size, 2);
});

/** Two texts after each other give any of four keys; each pair is a collision of the hash that goes on from the same point. */
function colliding(count: number): string[] {
  let keys = [""];
  const random = new Random(5);
  while (keys.length < count) {
    const seen = new Map<number, string>();
    for (;;) {
      const tail = random.below(2 ** 31).toString(36);
      const hash = hashKey(keys[0]! + tail);
      const other = seen.get(hash);
      if (other !== undefined && other !== tail) {
        keys = keys.flatMap((key) => [key + tail, key + other]);
        break;
      }
      seen.set(hash, tail);
    }
  }
  return keys;
}

Deno.test("chunks that are none of a map are refused, and those bad in themselves before anything changes", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const map = new ChunkedMap();
  map.set("a", "1");
  map.takeChanges();
  const good = ["", encodeChunk(["b", "2"])] as const;
  for (
    const [id, chunk, message] of [
      ["", bytes("{}"), 'chunk "": expected a JSON list of keys and values'],
      ["", bytes("[]"), 'chunk "": expected a JSON list of keys and values'],
      ["", bytes('["a"]'), 'chunk "": expected a JSON list of keys and values'],
      ["", bytes('["a",1]'), 'chunk "": expected a JSON list of keys and values'],
      ["", bytes("["), 'chunk "": expected a JSON list of keys and values'],
      ["", Uint8Array.of(0xff), 'chunk "": expected a JSON list of keys and values'],
      ["", bytes('["b","2","a","1"]'), 'chunk "": expected keys that ascend'],
      ["", bytes('["a","1","a","1"]'), 'chunk "": expected keys that ascend'],
      ["0", bytes('["a","1"]'), 'chunk "0": a key of another chunk is in it'],
    ] as const
  ) {
    assertThrows(() => map.restore([good, [id, chunk]]), TypeError, message);
  }
  assertEquals([map.get("a"), map.get("b"), map.takeChanges()], ["1", undefined, []]);
  const digit = hashKey("a").toString(16).padStart(8, "0")[0]!;
  const deep = [digit, bytes('["a","1"]')] as const;
  assertThrows(() => new ChunkedMap().restore([deep]), TypeError, `chunk "${digit}": is not one of this state`);
  const large = fresh([["a", "x".repeat(9_000)], ["b", "y"], ["c", "z"]]);
  assertThrows(() => map.restore(large), TypeError, 'chunk "1": is not one of this state');
  const other = new ChunkedMap();
  other.restore(large);
  assertThrows(() => other.restore([good]), TypeError, 'chunk "": is not one of this state');
});
