/** Throughput, latency and messages for an operation, over the last minute. */
import { type Measures, medianOf, type Second } from "../model/measures.ts";
import { h, setAttribute, setText, svg } from "./dom.ts";

const SECONDS = 60;
const WIDTH = 120;
const HEIGHT = 26;

interface Plot {
  readonly name: string;
  readonly valueOf: (second: Second | undefined) => number | null;
  readonly text: (value: number) => string;
}

const PLOTS: readonly Plot[] = [
  { name: "operations/s", valueOf: (second) => second?.operations ?? 0, text: (value) => value.toFixed(0) },
  {
    name: "latency p50",
    valueOf: (second) => medianOf(second?.latencies ?? []),
    text: (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`,
  },
  {
    name: "messages/operation",
    valueOf: (second) => second && second.operations > 0 ? second.messages / second.operations : null,
    text: (value) => value.toFixed(1),
  },
];

/** The plots. */
export class Plots {
  readonly element: HTMLElement;
  readonly #rows: readonly { readonly value: HTMLElement; readonly line: SVGPolylineElement; readonly plot: Plot }[];

  constructor() {
    this.#rows = PLOTS.map((plot) => ({ plot, value: h("b", {}), line: svg("polyline", { class: "plot-line" }) }));
    this.element = h(
      "section",
      { class: "plots", "aria-label": "Throughput and latency, the last minute" },
      ...this.#rows.map(({ plot, value, line }) =>
        h(
          "div",
          { class: "plot" },
          h("span", {}, plot.name),
          value,
          svg("svg", { width: `${WIDTH}`, height: `${HEIGHT}`, "aria-hidden": "true" }, line),
        )
      ),
    );
  }

  draw(measures: Measures, at: number): void {
    const seconds = measures.until(at, SECONDS);
    for (const { value, line, plot } of this.#rows) {
      const values = seconds.map(plot.valueOf);
      const most = Math.max(1e-9, ...values.map((one) => one ?? 0));
      const points = values.flatMap((one, i) =>
        one === null
          ? []
          : [`${(i * WIDTH / (SECONDS - 1)).toFixed(1)},${(HEIGHT - 2 - (HEIGHT - 4) * one / most).toFixed(1)}`]
      );
      setAttribute(line, "points", points.join(" "));
      // The second that has just begun says little.
      const last = values.slice(0, -1).findLast((one, i, all) => one !== null && (one > 0 || i === all.length - 1));
      setText(value, last === undefined || last === null ? "–" : plot.text(last));
    }
  }
}
