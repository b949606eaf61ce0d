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

/** The last lines after the first `count` events. */
export function groupsOf(history: History, count: number): readonly Group[] {
  const groups: Group[] = [];
  const latest = new Map<string, Group>();
  const availability = new Availability(history.start);
  for (let index = 0; index < count; index++) {
    const entry = history.at(index)!;
    const turn = availability.note(entry);
    if (index < count - MOST_ENTRIES) continue;
    const line = lineOf(entry, history.facts);
    if (line) add(entry, line);
    if (turn) groups.push({ ...turn, at: entry.at, names: [] });
  }
  return groups.slice(-MOST_LINES);

  function add(entry: Entry, line: Line): void {
    const name = nameOf(entry, history.facts);
    const before = latest.get(line.key);
    if (before && entry.at - before.at < TOGETHER_MS) {
      if (!before.names.includes(name)) before.names.push(name);
      return;
    }
    const group = { ...line, at: entry.at, names: [name] };
    latest.set(line.key, group);
    groups.push(group);
  }
}

function nameOf({ replica }: Entry, { members }: ClusterFacts): string {
  return members[replica] ?? "the cluster";
}
