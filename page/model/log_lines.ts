/** The lines of the log, and what they are of. */
import { Availability } from "./availability.ts";
import type { ClusterFacts, Entry } from "./event.ts";
import type { History } from "./history.ts";
import { type Line, lineOf } from "./words.ts";

const MOST_LINES = 60;
/** Entries looked at. */
const MOST_ENTRIES = 4_000;
/** Equal lines within this time become one, ms. */
const TOGETHER_MS = 2_000;

/** Equal lines of several replicas. */
export interface Group {
  readonly key: string;
  readonly at: number;
  readonly names: string[];
  readonly text: (who: string, many: boolean) => string;
  readonly isAlarm: boolean;
}

/** A line, and where its entry is among all that there were. */
interface Placed {
  readonly place: number;
  readonly entry: Entry;
  readonly line: Line;
  /** It is of all replicas, and never becomes one with others. */
  readonly isOfAll: boolean;
}

/** The lines of a history. Those of entries that stay in their places are made once, however often it is drawn. */
export class LogLines {
  readonly #history: History;
  /** After the settled entries. */
  #availability: Availability;
  /** So many entries, of all that there were, have their lines in `#lines`. */
  #settled: number;
  #lines: Placed[] = [];

  constructor(history: History) {
    this.#history = history;
    this.#availability = Availability.of(history.start);
    this.#settled = history.forgotten;
  }

  /** The last lines after the first `count` of the kept entries. */
  groups(count: number): readonly Group[] {
    this.#settle();
    const end = this.#history.forgotten + count;
    const from = Math.max(this.#history.forgotten, end - MOST_ENTRIES);
    const first = this.#lines.findLastIndex(({ place }) => place < from) + 1;
    const last = this.#lines.findLastIndex(({ place }) => place < end) + 1;
    const lines = this.#lines.slice(first, last);
    const availability = this.#availability.copy();
    for (let place = this.#settled; place < end; place++) {
      const placed = this.#linesOf(place, availability);
      if (place >= from) lines.push(...placed);
    }
    return grouped(lines, this.#history.facts).slice(-MOST_LINES);
  }

  /** Makes the lines of what has settled since the last time. */
  #settle(): void {
    const { forgotten, settled, start } = this.#history;
    if (this.#settled < forgotten) {
      // Nobody looked for so long that entries were forgotten unseen.
      this.#availability = Availability.of(start);
      this.#settled = forgotten;
    }
    if (this.#lines.length > 0 && this.#lines[0]!.place < forgotten) {
      this.#lines = this.#lines.filter(({ place }) => place >= forgotten);
    }
    for (; this.#settled < forgotten + settled; this.#settled++) {
      this.#lines.push(...this.#linesOf(this.#settled, this.#availability));
    }
  }

  #linesOf(place: number, availability: Availability): Placed[] {
    const entry = this.#history.at(place - this.#history.forgotten)!;
    const turn = availability.note(entry);
    const line = lineOf(entry, this.#history.facts);
    return [
      ...(line ? [{ place, entry, line, isOfAll: false }] : []),
      ...(turn ? [{ place, entry, line: turn, isOfAll: true }] : []),
    ];
  }
}

/** Makes equal lines of several replicas one. */
function grouped(lines: readonly Placed[], facts: ClusterFacts): readonly Group[] {
  const groups: Group[] = [];
  const latest = new Map<string, Group>();
  for (const { entry, line, isOfAll } of lines) {
    if (isOfAll) {
      groups.push({ ...line, at: entry.at, names: [] });
      continue;
    }
    const name = nameOf(entry, facts);
    const before = latest.get(line.key);
    if (before && entry.at - before.at < TOGETHER_MS) {
      if (!before.names.includes(name)) before.names.push(name);
      continue;
    }
    const group = { ...line, at: entry.at, names: [name] };
    latest.set(line.key, group);
    groups.push(group);
  }
  return groups;
}

function nameOf({ replica }: Entry, { members }: ClusterFacts): string {
  return members[replica] ?? "the cluster";
}
