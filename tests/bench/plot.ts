/**
 * Draws throughput against latency.
 * @module
 */
// deno-lint-ignore-file no-import-prefix -- packages that only the plot needs
import * as Plot from "npm:@observablehq/plot@0.6.17";
import { DOMParser } from "npm:linkedom@0.18.15";
import type { Measured } from "./measure.ts";

/** What is drawn of a result. */
export type Drawn = Pick<Measured, "kind" | "side" | "callers" | "operationsPerSecond" | "p50Ms">;

const [WIDTH, HEIGHT] = [720, 420];

/** An SVG: each kind of work, and side, is a line over the numbers of callers. */
export function plotOf(results: readonly Drawn[]): string {
  const sides = new Set(results.map(({ side }) => side)).size;
  const points = results.map(({ kind, side, callers, operationsPerSecond, p50Ms }) => ({
    line: sides > 1 ? `${kind}, ${side}` : kind,
    callers,
    throughput: operationsPerSecond.median,
    latency: p50Ms.median,
  }));
  const at = { x: "throughput", y: "latency", stroke: "line" } as const;
  // `never`: the types of a browser's document are not here.
  const document = new DOMParser().parseFromString("<!doctype html><body></body>", "text/html") as never;
  const figure = Plot.plot({
    document,
    width: WIDTH,
    height: HEIGHT,
    marginLeft: 50,
    style: { background: "white", color: "black" },
    grid: true,
    inset: 10,
    x: { type: "log", label: "operations/s", tickFormat: "~s" },
    y: { type: "log", label: "p50 in ms", tickFormat: "~s" },
    color: { legend: false, scheme: "Tableau10" },
    marks: [
      Plot.line(points, { ...at, sort: "callers", z: "line" }),
      Plot.dot(points, { ...at, fill: "line", r: 3 }),
      Plot.text(points, { x: "throughput", y: "latency", text: (p) => String(p.callers), dy: -10 }),
      Plot.text(
        points,
        Plot.selectLast({
          x: "throughput",
          y: "latency",
          z: "line",
          fill: "line",
          text: "line",
          dy: 14,
          textAnchor: "end",
        }),
      ),
    ],
  });
  figure.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${figure.outerHTML}\n`;
}
