/** The sequence diagram: a lane for the clients and one for each replica, time runs down. */
import { type Arrow, CLIENTS } from "../model/arrows.ts";
import type { ClusterView } from "../model/replica_view.ts";
import { leaderOf, wordFor } from "../model/replica_view.ts";
import type { Look } from "../lessons/lesson.ts";
import { h, setAttribute, setText, svg } from "./dom.ts";
import { type Picture, pictureOf, type Stroke } from "./strokes.ts";
import type { History } from "../model/history.ts";
import { type TimeAxis, timeAxis } from "./time_axis.ts";

/** What the diagram is drawn from. */
export interface DiagramOptions {
  readonly history: History;
  readonly count: number;
  readonly at: number;
  readonly view: ClusterView;
  readonly speed: number;
  readonly isPlaying: boolean;
  readonly showsStatuses: boolean;
  readonly chosenLane: number | null;
  readonly chosenArrow: Arrow | null;
  /** What a lesson speaks of. */
  readonly look: Look;
  readonly timeText: (at: number) => string;
}

const AXIS_WIDTH = 74;
const LEAST_LANE = 92;
const BOTTOM = 16;
/** Arrows in a second above which equal ones become one. */
const MAX_PER_SECOND = 40;

/** The colour of a kind, as a class. Each has a dash of its own as well. */
export function classOf(kind: string): string {
  switch (kind) {
    case "request":
    case "gateway-request":
    case "reply":
    case "query":
    case "query-reply":
      return "request";
    case "pre-prepare":
    case "prepare":
    case "commit":
      return kind;
    case "view-change":
    case "new-view":
    case "suspicion":
      return "view";
    default:
      return "other";
  }
}

/** The icon of a state: not colour alone. */
export function iconOf(word: string): string {
  return {
    "well": "●",
    "stopped": "✕",
    "paused": "‖",
    "cut off": "≠",
    "lying": "☹",
    "recovering": "↻",
    "changes view": "↷",
    "unreachable": "?",
    "halted": "✕",
  }[word] ?? "●";
}

/** The diagram. */
export class Diagram {
  readonly element: HTMLElement;
  readonly #heads: HTMLElement;
  readonly #canvas: SVGSVGElement;
  readonly #layer: SVGGElement;
  readonly #scroll: HTMLElement;
  #strokes: readonly Stroke[] = [];
  readonly #reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(on: { readonly lane: (replica: number) => void; readonly arrow: (arrow: Arrow) => void }) {
    this.#heads = h("div", { class: "heads" });
    this.#layer = svg("g");
    this.#canvas = svg(
      "svg",
      {
        class: "arrows",
        role: "img",
        "aria-label": "Messages between the replicas; the log and the inspector say the same in words",
      },
      svg("defs", {}, ...["request", "pre-prepare", "prepare", "commit", "view", "other", "liar"].map(marker)),
      this.#layer,
    );
    this.#scroll = h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Sequence diagram, scrolls sideways" },
      this.#heads,
      this.#canvas,
    );
    this.element = h("section", { class: "diagram", "aria-label": "Messages" }, this.#scroll);
    this.#heads.addEventListener("click", (event) => {
      const lane = (event.target as Element).closest("button")?.dataset.lane;
      if (lane !== undefined) on.lane(Number(lane));
    });
    this.#canvas.addEventListener("click", (event) => {
      const index = (event.target as Element).closest("[data-stroke]")?.getAttribute("data-stroke");
      if (index !== null && index !== undefined) on.arrow(this.#strokes[Number(index)]!.arrow);
    });
  }

  /** Scrolls sideways so far that a replica's lane is seen: on a phone there is room for three. */
  reveal(replica: number): void {
    const head = this.#heads.children[replica + 1];
    if (!(head instanceof HTMLElement)) return;
    const end = head.offsetLeft + head.offsetWidth;
    const { scrollLeft, clientWidth } = this.#scroll;
    this.#scroll.scrollLeft = Math.min(head.offsetLeft, Math.max(scrollLeft, end - clientWidth));
  }

  draw(options: DiagramOptions): void {
    const { view, history, count, at, speed, showsStatuses, isPlaying } = options;
    const lanes = view.replicas.length + 1;
    const available = this.#scroll.clientWidth;
    const height = Math.max(160, this.#scroll.clientHeight - this.#heads.offsetHeight - 4);
    const lane = Math.max(LEAST_LANE, (available - AXIS_WIDTH - 8) / lanes);
    const width = Math.max(available, AXIS_WIDTH + lane * lanes);
    setAttribute(this.#canvas, "width", `${width}`);
    setAttribute(this.#canvas, "height", `${height}`);
    const x = (replica: number) => AXIS_WIDTH + lane * (replica + 1.5);
    this.#drawHeads(options, x, lane, width);
    const maxPerSecond = isPlaying ? MAX_PER_SECOND : Infinity;
    const picture = pictureOf(history, count, at, { showsStatuses, maxPerSecond, speed });
    const axis = timeAxis(timesOf(picture), at, height - BOTTOM);
    this.#strokes = picture.strokes.filter((stroke) => axis.placeOf(stroke.end ?? at) > 0);
    this.#layer.replaceChildren(
      ...this.#lanes(view, x, height),
      ...axisOf(axis, options.timeText, width),
      ...marksOf(picture, axis, x, lane, width),
      ...this.#strokes.map((stroke, index) => this.#stroke(stroke, index, { ...options, axis, x })),
      ...this.#labels(axis, x, options, picture.marks),
    );
  }

  #drawHeads(
    { view, chosenLane, look }: DiagramOptions,
    x: (replica: number) => number,
    lane: number,
    width: number,
  ): void {
    const { facts: { members }, replicas } = view;
    if (this.#heads.childElementCount !== members.length + 1) {
      this.#heads.replaceChildren(
        h("span", { class: "head" }, "clients"),
        ...members.map((name, i) =>
          h(
            "button",
            { type: "button", class: "head", "data-lane": `${i}` },
            h("b", {}, name),
            h("span", { class: "state" }),
          )
        ),
      );
    }
    this.#heads.style.width = `${width}px`;
    const { primary, view: leading } = leaderOf(view);
    for (const [i, element] of [...this.#heads.children].entries()) {
      const head = element as HTMLElement;
      head.style.left = `${x(i - 1) - lane / 2 + 2}px`;
      head.style.width = `${lane - 4}px`;
      if (i === 0) continue;
      const replica = replicas[i - 1]!;
      const word = wordFor(replica);
      const isPrimary = i - 1 === primary && replica.view === leading;
      setText(head.children[0]!, `${members[i - 1]}${isPrimary ? " ★" : ""}`);
      setText(head.children[1]!, `${iconOf(word)} ${word}${replica.view === leading ? "" : ` · v${replica.view}`}`);
      setAttribute(head, "data-state", word);
      head.classList.toggle("looked", look.lanes?.includes(i - 1) ?? false);
      setAttribute(head, "aria-pressed", `${chosenLane === i - 1}`);
      setAttribute(head, "title", isPrimary ? `${members[i - 1]} is the primary of view ${leading}` : null);
    }
  }

  #lanes({ replicas }: ClusterView, x: (replica: number) => number, height: number): SVGElement[] {
    return [{ process: "running" }, ...replicas].map(({ process }, i) =>
      svg("line", { class: `lane ${process}`, x1: `${x(i - 1)}`, x2: `${x(i - 1)}`, y1: "0", y2: `${height}` })
    );
  }

  #stroke(
    stroke: Stroke,
    index: number,
    { axis, x, at, chosenArrow, view, look }: DiagramOptions & {
      axis: TimeAxis;
      x: (replica: number) => number;
    },
  ): SVGElement {
    const { from, to, start, end, refused, arrow } = stroke;
    const isLost = stroke.isLost || (end === null && !isReached(view, from, to));
    const [x1, x2] = [x(from), x(to)];
    const isShort = stroke.isUnsaid || from === CLIENTS || to === CLIENTS;
    // A client's side is not seen: its end of the arrow is drawn a little earlier, or later.
    const y2 = end === null ? axis.placeOf(at) : axis.placeOf(end) + (to === CLIENTS ? 9 : 0);
    const y1 = isShort && from === CLIENTS ? y2 - 9 : stroke.isUnsaid ? y2 - 12 : axis.placeOf(start);
    const way = isLost ? 0.45 : wayOf(stroke, at, this.#reducedMotion.matches);
    const [xe, ye] = [x1 + (x2 - x1) * way, isLost ? Math.min(y2, y1 + 26) : y2];
    const kind = colourOf(stroke, view);
    const isChosen = chosenArrow !== null && chosenArrow.message.id === arrow.message.id &&
      chosenArrow.message.kind === arrow.message.kind;
    const [dx, dy] = [xe - x1, ye - y1];
    const length = Math.hypot(dx, dy) || 1;
    const cut = (n: number) => n.toFixed(1);
    const line = svg("line", {
      class: `arrow ${kind}${stroke.count > 1 ? " many" : ""}${isChosen ? " chosen" : ""}${
        end === null && !isLost ? " going" : ""
      }`,
      x1: cut(x1 + 4 * dx / length),
      y1: cut(y1 + 4 * dy / length),
      x2: cut(xe - 5 * dx / length),
      y2: cut(ye - 5 * dy / length),
      ...(end !== null && refused === null && { "marker-end": `url(#tip-${kind})` }),
    });
    const hit = svg("line", { class: "hit", x1: cut(x1), y1: cut(y1), x2: cut(xe), y2: cut(ye) });
    const sign = isLost ? "×" : refused !== null ? "⊘" : null;
    return svg(
      "g",
      { "data-stroke": `${index}`, class: isDimmed(look, arrow) ? "dimmed" : null },
      line,
      hit,
      sign === null
        ? null
        : svg("text", { class: `sign ${kind}`, x: cut(xe - 8 * Math.sign(dx)), y: cut(ye + 5) }, sign),
    );
  }

  /** One label for each broadcast, at its beginning, where there is room. */
  #labels(
    axis: TimeAxis,
    x: (replica: number) => number,
    { at, view }: DiagramOptions,
    marks: Picture["marks"],
  ): SVGElement[] {
    const labels: SVGElement[] = [];
    const taken = new Map<number, number[]>();
    for (const mark of marks) {
      if (mark.kind !== "stage") taken.set(mark.replica, [...taken.get(mark.replica) ?? [], axis.placeOf(mark.at)]);
    }
    const seen = new Set<string>();
    for (const stroke of this.#strokes) {
      const key = `${stroke.from} ${stroke.arrow.message.id} ${stroke.label}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const isRight = stroke.to > stroke.from;
      const y = stroke.from === CLIENTS || stroke.isUnsaid
        ? axis.placeOf(stroke.end ?? at) - 11
        : axis.placeOf(stroke.start) + 4;
      const used = taken.get(stroke.from) ?? [];
      if (y < 12 || used.some((other) => Math.abs(other - y) < 13)) continue;
      taken.set(stroke.from, [...used, y]);
      const side = stroke.from === CLIENTS ? true : stroke.to === CLIENTS ? false : isRight;
      labels.push(svg("text", {
        class: `label ${colourOf(stroke, view)}`,
        x: `${(x(stroke.from) + (side ? 7 : -7)).toFixed(1)}`,
        y: y.toFixed(1),
        "text-anchor": side ? "start" : "end",
      }, stroke.label));
    }
    return labels;
  }
}

/** The class of a line: what a liar sends has a colour of its own. */
function colourOf({ from, start, kind }: Stroke, { replicas }: ClusterView): string {
  const since = replicas[from]?.liesSince ?? Infinity;
  return start >= since ? "liar" : classOf(kind);
}

/** Whether a lesson speaks of other messages. A client's request may be passed on by a gateway. */
function isDimmed({ arrows }: Look, { message: { kind } }: Arrow): boolean {
  return arrows !== undefined && !arrows.includes(kind);
}

/** Whether a message can get through now, as far as is known. */
function isReached({ replicas }: ClusterView, from: number, to: number): boolean {
  const isOn = (lane: number) => !["stopped", "cut"].includes(replicas[lane]?.process ?? "running");
  return from === CLIENTS || to === CLIENTS || (isOn(from) && isOn(to));
}

/** How far along an arrow is, from 0 to 1. */
function wayOf({ end, start, arrow: { takenAt } }: Stroke, at: number, isReduced: boolean): number {
  if (end !== null) return 1;
  if (isReduced || takenAt === null || takenAt <= start) return isReduced ? 0.12 : 0.3;
  return Math.min(1, Math.max(0.02, (at - start) / (takenAt - start)));
}

function timesOf({ strokes, marks }: Picture): Set<number> {
  const times = new Set<number>();
  for (const { start, end } of strokes) {
    times.add(start);
    if (end !== null) times.add(end);
  }
  for (const { at, kind } of marks) if (kind !== "stage") times.add(at);
  return times;
}

function axisOf({ ticks, pauses }: TimeAxis, text: (at: number) => string, width: number): SVGElement[] {
  return [
    ...ticks.flatMap(({ at, place }) => [
      svg("line", { class: "tick", x1: `${AXIS_WIDTH - 4}`, x2: `${width}`, y1: `${place}`, y2: `${place}` }),
      svg("text", { class: "time", x: `${AXIS_WIDTH - 8}`, y: `${place + 4}` }, text(at)),
    ]),
    ...pauses.filter(({ place }) => place > 8).map(({ place, ms }) =>
      svg("text", { class: "pause", x: `${AXIS_WIDTH + 4}`, y: `${place + 3}` }, `⋮ ${(ms / 1_000).toFixed(1)} s`)
    ),
  ];
}

function marksOf(
  { marks }: Picture,
  axis: TimeAxis,
  x: (replica: number) => number,
  lane: number,
  width: number,
): SVGElement[] {
  return marks.flatMap(({ at, replica, text, kind }): SVGElement[] => {
    const y = axis.placeOf(at);
    if (y < 4) return [];
    if (kind === "gap") {
      return [
        svg("rect", { class: "gap", x: `${AXIS_WIDTH}`, width: `${width - AXIS_WIDTH}`, y: `${y - 8}`, height: "16" }),
        svg("text", { class: "gap-text", x: `${width / 2}`, y: `${y + 4}` }, text),
      ];
    }
    if (kind === "stage") {
      return [
        svg(
          "rect",
          { class: "done", x: `${x(replica) - 3}`, width: "6", y: `${y - 3}`, height: "6" },
          svg("title", {}, `executes ${text}`),
        ),
      ];
    }
    return [
      svg("line", {
        class: `mark ${kind}`,
        x1: `${x(replica) - lane * 0.3}`,
        x2: `${x(replica) + lane * 0.3}`,
        y1: `${y}`,
        y2: `${y}`,
      }),
      svg("text", { class: `mark-text ${kind}`, x: `${x(replica)}`, y: `${y - 3}` }, text),
    ];
  });
}

function marker(kind: string): SVGElement {
  return svg(
    "marker",
    {
      id: `tip-${kind}`,
      viewBox: "0 0 8 8",
      refX: "6",
      refY: "4",
      markerWidth: "7",
      markerHeight: "7",
      orient: "auto-start-reverse",
    },
    svg("path", { class: `tip ${kind}`, d: "M0 0.5 L7 4 L0 7.5 z" }),
  );
}
