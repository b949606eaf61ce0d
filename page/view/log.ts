/** What happens, in words. Equal lines of several replicas become one. */
import type { History } from "../model/history.ts";
import { LogLines } from "../model/log_lines.ts";
import { listOf } from "../model/words.ts";
import { h } from "./dom.ts";

/** The log. */
export class LogView {
  readonly element: HTMLElement;
  readonly #list: HTMLOListElement;
  readonly #alarm: HTMLElement;
  #of: History | null = null;
  #lines: LogLines | null = null;
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
    if (this.#of !== history) {
      this.#of = history;
      this.#lines = new LogLines(history);
    }
    const lines = this.#lines!.groups(count).map(({ at, names, text, isAlarm }) => ({
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
