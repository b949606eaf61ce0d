/**
 * Structural mutations: a list of a message doubled, permuted, emptied, or padded with foreign items; a number set to
 * an edge. Works on every message alike, by its shape.
 * @module
 */
import type { ReplicaMessage } from "../../core/messages/messages.ts";
import type { Random } from "../random.ts";

/** The mutated message. */
export interface Restructured<M> {
  readonly message: M;
  /** The change, for people. */
  readonly how: string;
}

type Field = readonly [key: string, value: unknown];

/** Fields that name the sender. With another sender the signature would be wrong. */
const IDENTITY: readonly string[] = ["kind", "replica"];

/** Changes the shape of one thing in a message; `null`: there is nothing to change. */
export function restructured<M extends ReplicaMessage>(
  message: M,
  random: Random,
  mostItems: number,
): Restructured<M> | null {
  const fields: readonly Field[] = Object.entries(message).filter(([key]) => !IDENTITY.includes(key));
  const lists = fields.filter(([, value]) => Array.isArray(value));
  const numbers = fields.filter(([, value]) => typeof value === "number");
  const from = lists.length > 0 && (numbers.length === 0 || random.chance(0.7)) ? lists : numbers;
  if (from.length === 0) return null;
  const [key, value] = random.pick(from);
  if (typeof value === "number") {
    const edge = random.pick([0, 1, value + 1, Math.max(0, value - 1), 2 ** 32, Number.MAX_SAFE_INTEGER]);
    return { message: { ...message, [key]: edge }, how: "a number" };
  }
  const [how, change] = random.pick(CHANGES);
  const list = change(value as readonly unknown[], random).slice(0, mostItems);
  return { message: { ...message, [key]: list }, how };
}

type Change = (list: readonly unknown[], random: Random) => readonly unknown[];

const CHANGES: readonly (readonly [how: string, change: Change])[] = [
  ["all twice", (list) => [...list, ...list]],
  ["one twice", (list, random) => list.length === 0 ? list : [...list, random.pick(list)]],
  ["each twice in place", (list) => list.flatMap((item) => [item, item])],
  ["backwards", (list) => [...list].reverse()],
  ["shuffled", (list, random) => random.shuffled(list)],
  ["none", () => []],
  ["the first only", (list) => list.slice(0, 1)],
  ["padded", (list, random) => [...list, ...Array.from({ length: 3 }, () => strange(list, random))]],
  ["one of many", (list) => list.length === 0 ? list : Array.from({ length: 64 }, () => list[0])],
];

/** An item like those in the list, which nobody asked for. */
function strange(list: readonly unknown[], random: Random): unknown {
  const like = list.length === 0 ? new Uint8Array(0) : random.pick(list);
  if (like instanceof Uint8Array) return Uint8Array.from({ length: random.int(0, 40) }, () => random.int(0, 255));
  if (typeof like === "string") return random.int(0, 2 ** 32 - 1).toString(16).padStart(64, "0");
  return like;
}
