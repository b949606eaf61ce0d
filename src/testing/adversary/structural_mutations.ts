/**
 * Structural mutations of a message: one change of its shape, anywhere in it. A list is doubled, permuted, emptied,
 * cut, or padded with foreign items; a number is set to an edge; a digest, name or byte string is replaced; an optional
 * part is left out. A Byzantine replica can sign the result, so a correct replica must take it or drop it with a
 * reason. It must never throw.
 *
 * Use: `mutateStructure(message, random, spare)` returns a message of the same kind, with fields of the same types, for
 * its sender to sign. Nested signed messages that were changed keep their old bytes and signatures, which a gate
 * refuses. `resign` signs those for which the liar has the key (its own and its accomplices'), so that they pass.
 * `spare` are messages seen before, of any kind, whose parts pad lists. In a Byzantine role: pass the messages of a
 * correct core through here now and then.
 *
 * ```ts ignore
 * const lie = mutateStructure(message, random, { spare: heard, resign: (changed, before) => mine(before) ? sign(changed.message) : before });
 * send(sign(lie));
 * ```
 * @module
 */
import type { Message, Signed } from "../../core/messages/messages.ts";
import type { Random } from "../random.ts";

/** The material of a mutation. */
export interface Means {
  /** Messages to pad lists with. */
  readonly spare?: readonly Message[];
  /** Signs a nested message again after it was changed, if the liar has its sender's key. Otherwise returns the message from before. */
  readonly resign?: (changed: Signed, before: Signed) => Signed;
  /** Is told each change: the path and the kind. */
  readonly note?: (what: string) => void;
}

/** Numbers at which something may overflow, wrap around or be off by one. */
export const EDGES: readonly number[] = [
  0,
  1,
  2,
  3,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 40,
  Number.MAX_SAFE_INTEGER - 1,
  Number.MAX_SAFE_INTEGER,
];

/** The longest that a list is padded to. More would not fit into a message. */
const MAX_ITEMS = 64;

type Value = unknown;
type Path = readonly (string | number)[];
type Change = readonly [how: string, value: Value];

/** Makes one to three changes of a message's structure. */
export function mutateStructure<M extends Message>(message: M, random: Random, means: Means = {}): M {
  let changed: Value = message;
  const times = random.pick([1, 1, 1, 2, 3]);
  for (let i = 0; i < times; i++) {
    const places = [...placesIn(changed)];
    if (places.length === 0) break;
    // Places near the top matter most, and there are few of them.
    const shallow = places.filter((path) => path.length <= 2);
    const path = random.pick(random.chance(0.5) && shallow.length > 0 ? shallow : places);
    const changes = changesOf(valueAt(changed, path), { path, random, means });
    if (changes.length === 0) continue;
    const [how, value] = random.pick(changes);
    means.note?.(`${message.kind}: ${path.filter((part) => typeof part === "string").join(".")}: ${how}`);
    changed = withValue(changed, { path, value, means });
  }
  return changed as M;
}

/** Every place in a message that can be changed. Excludes its kind, and the bytes and signatures of nested messages. */
function* placesIn(value: Value, path: Path = []): Generator<Path> {
  if (Array.isArray(value)) {
    yield path;
    for (const [i, item] of value.entries()) yield* placesIn(item, [...path, i]);
  } else if (value instanceof Uint8Array || typeof value !== "object" || value === null) yield path;
  else if (isSigned(value)) yield* placesIn(value.message, [...path, "message"]);
  else {
    for (const [key, part] of Object.entries(value)) if (key !== "kind") yield* placesIn(part, [...path, key]);
  }
}

function changesOf(value: Value, { path, random, means }: { path: Path; random: Random; means: Means }): Change[] {
  if (typeof value === "number") {
    const near = [value - 1, value + 1, value + 2, value * 2, value + 64, value - 64];
    const fitting = [...near, ...EDGES].filter((n) => Number.isSafeInteger(n) && n >= 0 && n !== value);
    return fitting.map((n) => [n < 64 ? `${n}` : "an edge", n]);
  }
  if (value instanceof Uint8Array) return changesOfBytes(value, random);
  if (typeof value === "string") return changesOfText(value, random);
  if (Array.isArray(value)) return changesOfList(value, { path, random, means });
  return [];
}

function changesOfBytes(bytes: Uint8Array, random: Random): Change[] {
  const flipped = bytes.slice();
  if (bytes.length > 0) flipped[random.int(0, bytes.length - 1)]! ^= 1 << random.int(0, 7);
  const twice = new Uint8Array(2 * bytes.length);
  twice.set(bytes);
  twice.set(bytes, bytes.length);
  return [
    ["another bit", flipped],
    ["empty", new Uint8Array(0)],
    ["cut", bytes.slice(0, bytes.length >> 1)],
    ...(bytes.length <= 4096 ? [["twice as long", twice] as const] : []),
  ];
}

function changesOfText(text: string, random: Random): Change[] {
  if (/^[0-9a-f]{64}$/.test(text)) {
    const at = random.int(0, 63);
    const digit = random.pick([..."0123456789abcdef"]);
    return [
      ["another digit", text.slice(0, at) + digit + text.slice(at + 1)],
      ["zeros", "0".repeat(64)],
      ["all ones", "f".repeat(64)],
    ];
  }
  const stages = ["idle", "pre-prepared", "prepared", "committed"];
  if (stages.includes(text)) return [["another stage", random.pick(stages)]];
  const statuses = ["ok", "rejected", "refused"];
  if (statuses.includes(text)) return [["another status", random.pick(statuses)]];
  return [["another name", `${text}~`.slice(-64)], [
    "a name of objects",
    random.pick(["__proto__", "constructor", "toString"]),
  ]];
}

function changesOfList(
  list: readonly Value[],
  { path, random, means }: { path: Path; random: Random; means: Means },
): Change[] {
  const one = list.length > 0 ? random.pick(list) : undefined;
  const at = random.int(0, Math.max(0, list.length - 1));
  const unasked = unaskedFor(path, list, means.spare ?? []);
  const changes: Change[] = [
    ["emptied", []],
    ["each twice", list.flatMap((item) => [item, item])],
    ["all twice", [...list, ...list]],
    ["backwards", [...list].reverse()],
    ["turned", [...list.slice(at), ...list.slice(0, at)]],
    ["one left out", list.filter((_, i) => i !== at)],
    ["one alone", list.slice(at, at + 1)],
    ["one for all", list.map(() => one)],
    ["one many times", one === undefined ? [] : new Array(random.int(2, MAX_ITEMS)).fill(one)],
  ];
  if (unasked.length > 0) {
    const more = random.pick(unasked);
    changes.push(["padded", [...list, more]], ["padded in front", [more, ...list]], ["replaced", list.map(() => more)]);
    changes.push(["padded with many", [...list, ...unasked.slice(0, MAX_ITEMS)]]);
  }
  return changes.map(([how, value]) => [how, (value as Value[]).slice(0, Math.max(list.length, 4 * MAX_ITEMS))]);
}

/** Items for such a list, from other messages: items of lists with the same name, or whole messages where the list has signed ones. */
function unaskedFor(path: Path, list: readonly Value[], spare: readonly Message[]): readonly Value[] {
  const name = path.findLast((part) => typeof part === "string");
  const kind = list.find(isSigned)?.message.kind;
  return spare.flatMap((message): readonly Value[] => {
    const same = (message as unknown as Record<string, Value>)[String(name)];
    if (!Array.isArray(same)) return [];
    return kind === undefined ? same : same.filter((item) => isSigned(item) && item.message.kind === kind);
  });
}

function isSigned(value: Value): value is Signed {
  return typeof value === "object" && value !== null && "signature" in value && "message" in value;
}

function valueAt(value: Value, path: Path): Value {
  return path.reduce((at, part) => (at as Record<string | number, Value>)[part], value);
}

function withValue(whole: Value, { path, value, means }: { path: Path; value: Value; means: Means }): Value {
  if (path.length === 0) return value;
  const [part, ...rest] = path;
  const inner = withValue((whole as Record<string | number, Value>)[part!], { path: rest, value, means });
  if (Array.isArray(whole)) return whole.map((item, i) => i === part ? inner : item);
  const changed = { ...whole as object, [part!]: inner };
  return isSigned(changed) && part === "message" ? means.resign?.(changed, whole as Signed) ?? changed : changed;
}
