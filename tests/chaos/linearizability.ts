/**
 * Whether a history of one register has an order that explains it (Wing and Gong's search, with Lowe's memory of
 * what has been tried).
 * @module
 */
import type { Operation } from "./history.ts";

/** Whether some total order of the operations agrees with real time and with what each was told. */
export function isLinearizable(operations: readonly Operation[]): boolean {
  const sorted = [...operations].sort((a, b) => a.from - b.from);
  const tried = new Set<string>();
  const done = new Array<boolean>(sorted.length).fill(false);
  // All before it are done; keeps both the search and its memory small.
  let first = 0;

  const search = (value: string | null): boolean => {
    const from = first;
    while (first < sorted.length && done[first]) first++;
    if (isOver(sorted, done, first)) return true;
    const state = memory(sorted, done, first, value);
    if (!tried.has(state)) {
      tried.add(state);
      for (const index of candidates(sorted, done, first)) {
        const next = apply(sorted[index]!, value);
        if (next === undefined) continue;
        done[index] = true;
        if (search(next)) return true;
        done[index] = false;
      }
    }
    first = from;
    return false;
  };
  return search(null);
}

/** Only operations without an answer are left, which need not have happened. */
function isOver(sorted: readonly Operation[], done: readonly boolean[], first: number): boolean {
  for (let i = first; i < sorted.length; i++) if (!done[i] && sorted[i]!.to !== Infinity) return false;
  return true;
}

function memory(sorted: readonly Operation[], done: readonly boolean[], first: number, value: string | null): string {
  const ahead: number[] = [];
  for (let i = first; i < sorted.length; i++) if (done[i]) ahead.push(i);
  return `${first} ${ahead} ${JSON.stringify(value)}`;
}

/** Those that began before any that is left had ended. */
function candidates(sorted: readonly Operation[], done: readonly boolean[], first: number): number[] {
  const found: number[] = [];
  let earliestEnd = Infinity;
  for (let i = first; i < sorted.length && sorted[i]!.from <= earliestEnd; i++) {
    if (done[i]) continue;
    found.push(i);
    earliestEnd = Math.min(earliestEnd, sorted[i]!.to);
  }
  return found;
}

/** The register after it; `undefined`: it can't have been told what it was told. */
function apply({ action, result, to }: Operation, value: string | null): string | null | undefined {
  switch (action.op) {
    case "read":
      return to === Infinity || result === value ? value : undefined;
    case "write":
      return action.value;
    case "swap": {
      const swapped = action.expected === value;
      if (to !== Infinity && result !== swapped) return undefined;
      return swapped ? action.value : value;
    }
  }
}
