/** How far each number has come at each replica. */
import type { ClusterView } from "../model/replica_view.ts";
import { stageOf } from "../model/why.ts";
import { h, setAttribute, setText } from "./dom.ts";

/** Columns: at least, at most, and the width of one and of the names, pixels. */
const COLUMNS = { least: 6, most: 24, width: 54, names: 84 };

const SIGNS = { "pre-prepared": "▢", prepared: "▤", committed: "▦", executed: "■" } as const;

/** The table of numbers. */
export class Numbers {
  readonly element: HTMLElement;
  readonly #table: HTMLTableElement;
  readonly #marks: HTMLElement;
  #first = 1;

  constructor(onNumber: (sequence: number) => void) {
    this.#table = h("table", { "aria-label": "How far each number has come at each replica" });
    this.#marks = h("p", { class: "watermarks" });
    this.element = h(
      "section",
      { class: "panel numbers", "aria-label": "Numbers" },
      h("h2", {}, "Numbers"),
      h("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-label": "Table of numbers" }, this.#table),
      this.#marks,
      h("p", { class: "legend" }, "□ none  ▢ proposed  ▤ prepared  ▦ committed  ■ executed"),
    );
    this.#table.addEventListener("click", (event) => {
      const column = (event.target as Element).closest("[data-column]")?.getAttribute("data-column");
      if (column !== null && column !== undefined) onNumber(this.#first + Number(column));
    });
  }

  draw(view: ClusterView, chosen: number | null): void {
    const { facts: { members }, replicas } = view;
    const most = Math.max(1, ...replicas.map((replica) => Math.max(replica.executed, ...replica.cells.keys())));
    const { least: fewest, most: greatest, width, names } = COLUMNS;
    const shown = Math.min(greatest, Math.max(fewest, Math.floor((this.element.clientWidth - names) / width)));
    this.#first = chosen !== null && (chosen < most - shown + 1 || chosen > most)
      ? Math.max(1, chosen - Math.floor(shown / 2))
      : Math.max(1, most - shown + 1);
    if (this.#table.rows[0]?.cells.length !== shown + 1 || this.#table.rows.length !== members.length + 1) {
      this.#build(members, shown);
    }
    for (let column = 0; column < shown; column++) {
      const sequence = this.#first + column;
      const button = this.#table.rows[0]!.cells[column + 1]!.firstElementChild!;
      setText(button, `${sequence}`);
      setAttribute(button, "aria-pressed", `${sequence === chosen}`);
      for (const [id, replica] of replicas.entries()) {
        const cell = this.#table.rows[id + 1]!.cells[column + 1]!;
        const stage = stageOf(replica, sequence);
        setText(cell, stage === null ? "□" : SIGNS[stage]);
        setAttribute(cell, "class", `${stage ?? "none"}${sequence === chosen ? " chosen" : ""}`);
        setAttribute(cell, "title", `${members[id]}, number ${sequence}: ${stage ?? "nothing yet"}`);
      }
    }
    const low = Math.max(...replicas.map((replica) => replica.low));
    const high = Math.max(...replicas.map((replica) => replica.high));
    setText(this.#marks, `Watermarks: stable up to h = ${low}, window ends at H = ${high}`);
  }

  #build(members: readonly string[], shown: number): void {
    const columns = Array.from({ length: shown }, (_, i) => i);
    this.#table.replaceChildren(
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("td"),
          ...columns.map((i) => h("th", { scope: "col" }, h("button", { type: "button", "data-column": `${i}` }))),
        ),
      ),
      h(
        "tbody",
        {},
        ...members.map((name) =>
          h("tr", {}, h("th", { scope: "row" }, name), ...columns.map((i) => h("td", { "data-column": `${i}` })))
        ),
      ),
    );
  }
}
