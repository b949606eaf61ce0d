/** What happens, in words. Equal lines of several replicas become one. */
import type { ClusterFacts, Entry } from "../model/event.ts";
import type { History } from "../model/history.ts";
import { lineOf, listOf } from "../model/words.ts";
import { h } from "./dom.ts";

const MOST_LINES = 60;
/** Entries looked at. */
const MOST_ENTRIES = 4_000;
/** Equal lines within this time become one, ms. */
const TOGETHER_MS = 2_000;

interface Group {
  readonly key: string;
  readonly at: number;
  readonly names: string[];
  readonly text: (who: string, many: boolean) => string;
  readonly isAlarm: boolean;
}

/** The log. */
export class LogView {
  readonly element: HTMLElement;
  readonly #list: HTMLOListElement;
  readonly #alarm: HTMLElement;
  #shown = "";
  #toldAlarm = "";

  constructor() {
    this.#list = h("ol", {
      class: "lines",
      "aria-live": "polite",
      "aria-relevant": "additions",
      tabindex: "0",
      "aria-label": "Log",
    });
    this.#alarm = h("p", { class: "alarm hidden-text", role: "alert" });
    this.element = h(
      "section",
      { class: "panel log", "aria-label": "Log, in words" },
      h("h2", {}, "Log"),
      this.#list,
      this.#alarm,
    );
  }

  draw(history: History, count: number, timeText: (at: number) => string): void {
    const groups = groupsOf(history, count);
    const lines = groups.map(({ at, names, text, isAlarm }) => ({
      time: timeText(at),
      text: text(listOf(names), names.length > 1),
      isAlarm,
    }));
    const shown = JSON.stringify(lines);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const isAtEnd = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 40;
    this.#list.replaceChildren(
      ...lines.map(({ time, text, isAlarm }) =>
        h("li", { class: isAlarm ? "alarm" : "" }, h("time", {}, time), h("span", {}, isAlarm ? `⚠ ${text}` : text))
      ),
    );
    if (isAtEnd) this.#list.scrollTop = this.#list.scrollHeight;
    const alarm = lines.findLast((line) => line.isAlarm);
    const told = alarm === undefined ? "" : alarm.text;
    if (told !== this.#toldAlarm) this.#alarm.textContent = this.#toldAlarm = told;
  }
}

function groupsOf(history: History, count: number): readonly Group[] {
  const groups: Group[] = [];
  const latest = new Map<string, Group>();
  for (let index = Math.max(0, count - MOST_ENTRIES); index < count; index++) {
    const entry = history.at(index)!;
    const line = lineOf(entry, history.facts);
    if (!line) continue;
    const name = nameOf(entry, history.facts);
    const before = latest.get(line.key);
    if (before && entry.at - before.at < TOGETHER_MS) {
      if (!before.names.includes(name)) before.names.push(name);
      continue;
    }
    const group = { ...line, at: entry.at, names: [name] };
    latest.set(line.key, group);
    groups.push(group);
  }
  return groups.slice(-MOST_LINES);
}

function nameOf({ replica }: Entry, { members }: ClusterFacts): string {
  return members[replica] ?? "the cluster";
}
