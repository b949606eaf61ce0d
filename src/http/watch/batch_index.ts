/**
 * The changes of a batch by key, so that those who watch other keys cost little.
 * @module
 */
import type { StateChange } from "../../core/state_machine.ts";
import type { ChangedBatch } from "../../node/watching/change_log.ts";
import type { Watched } from "../../wire/mod.ts";

/** A batch with at most this many changes is searched from its first change to its last. */
const FEW = 16;
/** The cost of putting one change in order. Looking at one costs 1. */
const ORDER_COST = 4;

/** For each batch the places of its changes in the order of their keys. */
const orders = new WeakMap<ChangedBatch, Uint32Array>();

/**
 * The changes of what is watched, in the order in which they happened. `looks`: the number of changes that were looked
 * at for it.
 */
export function changesIn(
  batch: ChangedBatch,
  watch: Exclude<Watched, { readonly batches: true }>,
): { readonly changes: readonly StateChange[]; readonly looks: number } {
  const { changes } = batch;
  const isWatched = ({ key }: StateChange) => "key" in watch ? key === watch.key : key.startsWith(watch.prefix);
  if (changes.length <= FEW) return { changes: changes.filter(isWatched), looks: changes.length };
  let order = orders.get(batch);
  let looks = Math.ceil(Math.log2(changes.length));
  if (!order) {
    orders.set(batch, order = orderOf(changes));
    looks += ORDER_COST * changes.length;
  }
  const wanted = "key" in watch ? watch.key : watch.prefix;
  const first = firstFrom(wanted, changes, order);
  let end = first;
  while (end < order.length && isWatched(changes[order[end]!]!)) end++;
  return { changes: Array.from(order.slice(first, end).sort(), (at) => changes[at]!), looks: looks + end - first };
}

function orderOf(changes: readonly StateChange[]): Uint32Array {
  const order = Uint32Array.from(changes, (_, i) => i);
  return order.sort((a, b) => changes[a]!.key < changes[b]!.key ? -1 : changes[a]!.key > changes[b]!.key ? 1 : a - b);
}

/** The place of the first key at or after `key`. */
function firstFrom(key: string, changes: readonly StateChange[], order: Uint32Array): number {
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (changes[order[middle]!]!.key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
