/**
 * Whether one order of all operations explains every answer and agrees with real time: the search of Wing and Gong with
 * Lowe's memory of visited states, on each independent part of the state by itself.
 * @module
 */
import type { Invocation } from "../clients/history.ts";
import { shown } from "../world/observed_core.ts";

/** The service as a function. */
export interface Model {
  /** The part of the state that an operation touches. Operations on different parts are independent. In a key-value store: the key. */
  part(operation: Uint8Array): string;
  /** Runs an operation on the state of its part; `null` is the initial state. */
  apply(state: string | null, operation: Uint8Array): { readonly state: string | null; readonly outcome: string };
}

/** States visited per part, after which the search gives up and reports nothing. */
const MAX_STATES = 200_000;

/** The part of the history that no order explains, for people; `null`: none. */
export function findNonLinearizable(
  invocations: readonly Invocation[],
  model: Model,
  maxStates: number = MAX_STATES,
): string | null {
  const parts = new Map<string, Invocation[]>();
  for (const invocation of invocations) {
    const part = model.part(invocation.operation);
    parts.set(part, [...parts.get(part) ?? [], invocation]);
  }
  for (const [part, own] of parts) {
    if (isLinearizable(own, model, maxStates)) continue;
    const lines = own.slice(0, 12).map((i) =>
      `${i.client} ${shown(i.operation)} -> ${i.outcome ?? "?"} [${i.invokedAt.toFixed(1)}, ${i.answeredAt.toFixed(1)}]`
    );
    return `no order explains the ${own.length} operations on ${part}: ${lines.join("; ")}`;
  }
  return null;
}

/**
 * For each operation the index of the nearest operation before it in its request that touches the same part and was
 * answered; -1: none.
 */
function predecessors(operations: readonly Invocation[]): readonly number[] {
  const places = new Map(operations.map((invocation, index) => [invocation, index]));
  return operations.map(({ after }) => {
    for (let before = after; before !== null; before = before.after) {
      const place = before.outcome === null ? undefined : places.get(before);
      if (place !== undefined) return place;
    }
    return -1;
  });
}

/** One step of the search: the operation put next, with the state before it; or one that may be put next, with the state after it. */
interface Choice {
  readonly index: number;
  readonly state: string | null;
}

/**
 * Answered operations come in the order in which they began. Unanswered ones come after them in the list: each may take
 * effect at any time after it began, or never. No operation comes before an answered one that precedes it in its
 * request.
 */
function isLinearizable(all: readonly Invocation[], model: Model, maxStates: number): boolean {
  const sorted = [...all].sort((a, b) => a.invokedAt - b.invokedAt);
  const answered = sorted.filter(({ outcome }) => outcome !== null);
  const operations = [...answered, ...sorted.filter(({ outcome }) => outcome === null)];
  const before = predecessors(operations);
  const done = new Array<boolean>(operations.length).fill(false);
  const seen = new Set<string>();
  const choices: Choice[] = [];
  let state: string | null = null;
  let left = answered.length;
  let from = 0;
  /** All answered operations before `open` are done, and none from `end` on. */
  let open = 0;
  let end = 0;
  while (left > 0) {
    const next = findNext(from);
    if (next !== null) {
      choices.push({ index: next.index, state });
      done[next.index] = true;
      if (next.index < answered.length) {
        end = Math.max(end, next.index + 1);
        left--;
      }
      state = next.state;
      from = 0;
      continue;
    }
    const last = choices.pop();
    if (!last) return false;
    if (seen.size > maxStates) return true;
    done[last.index] = false;
    if (last.index < answered.length) {
      open = Math.min(open, last.index);
      left++;
    }
    state = last.state;
    from = last.index + 1;
  }
  return true;

  /** The next operation that may come first among those left: no other one ended before it began. */
  function findNext(start: number): Choice | null {
    while (done[open]) open++;
    let earliestEnd = Infinity;
    // Operations that began after the earliest end so far ended after it too.
    let stop = open;
    for (; stop < answered.length && operations[stop]!.invokedAt <= earliestEnd; stop++) {
      if (!done[stop]) earliestEnd = Math.min(earliestEnd, operations[stop]!.answeredAt);
    }
    return findWithin(Math.max(start, open), stop, earliestEnd) ??
      findWithin(Math.max(start, answered.length), operations.length, earliestEnd);
  }

  /** The first of these that may come next, that explains its client's answer, and that leads to an unvisited state. */
  function findWithin(start: number, end: number, earliestEnd: number): Choice | null {
    for (let index = start; index < end; index++) {
      const { invokedAt, operation, outcome } = operations[index]!;
      if (invokedAt > earliestEnd) return null;
      if (done[index] || done[before[index]!] === false) continue;
      const after = model.apply(state, operation);
      // An unanswered operation that changes nothing explains nothing.
      if (outcome === null ? after.state === state : outcome !== after.outcome) continue;
      const place = placeWith(index, after.state);
      if (seen.has(place)) continue;
      seen.add(place);
      return { index, state: after.state };
    }
    return null;
  }

  /** The place of the search once `index` is done too: the first operation not done, those done beyond it, and the state. */
  function placeWith(index: number, state: string | null): string {
    let first = open;
    while (first < answered.length && (done[first] || first === index)) first++;
    let place = `${first}`;
    for (let i = first + 1; i < answered.length && (i < end || i <= index); i++) {
      if (done[i] || i === index) place += `,${i}`;
    }
    for (let i = answered.length; i < operations.length; i++) if (done[i] || i === index) place += `,${i}`;
    return `${place}/${state}`;
  }
}
