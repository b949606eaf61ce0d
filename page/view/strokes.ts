/** The lines that a diagram draws: arrows, or many equal arrows as one. */
import { type Arrow, CLIENTS, LOST_AFTER_MS } from "../model/arrows.ts";
import type { Entry } from "../model/event.ts";
import type { History } from "../model/history.ts";

/** One line. */
export interface Stroke {
  readonly from: number;
  readonly to: number;
  readonly kind: string;
  /** When it begins and ends, ms; `end` is `null` while it is on its way. */
  start: number;
  end: number | null;
  isLost: boolean;
  refused: string | null;
  /** Nobody says that it was sent. */
  readonly isUnsaid: boolean;
  label: string;
  readonly arrow: Arrow;
  count: number;
  /** The lowest and the highest number in it. */
  low: number | null;
  high: number | null;
}

/** A mark on a lane, or over all lanes. */
export interface Mark {
  readonly at: number;
  readonly replica: number;
  readonly text: string;
  readonly kind: "stage" | "view" | "gap" | "note";
}

/** What is to be drawn. */
export interface Picture {
  readonly strokes: readonly Stroke[];
  readonly marks: readonly Mark[];
  readonly isFolded: boolean;
}

/** What may be hidden. */
export interface Choice {
  readonly showsStatuses: boolean;
  /** Arrows to draw in a second, above which equal ones become one. */
  readonly maxPerSecond: number;
  readonly speed: number;
}

/** Entries looked at for one picture. */
const MOST_ENTRIES = 1_600;
/** Equal arrows within this time become one, ms of the screen's time. */
const FOLD_MS = 250;

/** The picture of the newest entries before a place. */
export function pictureOf(history: History, count: number, at: number, choice: Choice): Picture {
  const first = Math.max(0, count - MOST_ENTRIES);
  const arrows = new Set<Arrow>();
  const marks: Mark[] = [];
  for (let index = first; index < count; index++) {
    const entry = history.at(index)!;
    const mark = markOf(entry);
    if (mark) marks.push(mark);
    for (const arrow of history.arrowsOf(entry)) if (choice.showsStatuses || !isHousekeeping(arrow)) arrows.add(arrow);
  }
  const strokes = [...arrows].map((arrow) => strokeOf(arrow, at)).filter((stroke) => stroke.start <= at);
  const spanMs = Math.max(100, at - (history.at(first)?.at ?? at));
  const perSecond = strokes.filter((stroke) => stroke.start > at - 1_000 / Math.max(choice.speed, 0.01)).length /
    Math.min(1, spanMs * choice.speed / 1_000 || 1);
  const isFolded = perSecond > choice.maxPerSecond;
  return { strokes: isFolded ? fold(strokes, FOLD_MS * choice.speed) : strokes, marks, isFolded };
}

/** Whether a message is hidden until it is asked for. */
export function isHousekeeping({ message: { kind } }: Arrow): boolean {
  return kind === "status";
}

function strokeOf(arrow: Arrow, at: number): Stroke {
  const { from, to, message, sentAt, takenAt } = arrow;
  const start = sentAt ?? takenAt!;
  const hasArrived = takenAt !== null && takenAt <= at;
  const isLost = takenAt === null && at - start > LOST_AFTER_MS;
  const sequence = message.sequence ?? null;
  return {
    from,
    to,
    kind: message.kind,
    start,
    end: hasArrived ? takenAt : null,
    isLost,
    refused: hasArrived ? arrow.refused ?? null : null,
    isUnsaid: sentAt === null && from !== CLIENTS,
    label: labelOf(arrow),
    arrow,
    count: 1,
    low: sequence,
    high: sequence,
  };
}

/** A message in two words. */
export function labelOf({ message, from, to }: Arrow): string {
  const { kind, sequence, view, payload } = message;
  if (kind === "view-change" || kind === "new-view" || kind === "suspicion") return `${kind} ${view ?? ""}`;
  if (from === CLIENTS) return payload?.[0] ? payload[0].operation.slice(0, 24) : kind;
  if (to === CLIENTS) return sequence === undefined ? "reply" : `reply ${sequence}`;
  return sequence === undefined ? kind : `${kind} ${sequence}`;
}

/** Equal arrows of about the same time as one each. */
function fold(strokes: readonly Stroke[], withinMs: number): readonly Stroke[] {
  const open = new Map<string, Stroke>();
  const folded: Stroke[] = [];
  for (const stroke of [...strokes].sort((a, b) => a.start - b.start)) {
    const key = `${stroke.from} ${stroke.to} ${stroke.kind} ${stroke.refused !== null} ${stroke.isLost}`;
    const before = open.get(key);
    if (!before || stroke.start - before.start > Math.max(withinMs, 1)) {
      const own = { ...stroke };
      open.set(key, own);
      folded.push(own);
      continue;
    }
    before.count++;
    before.end = stroke.end === null ? before.end : Math.max(before.end ?? 0, stroke.end);
    before.low = least(before.low, stroke.low);
    before.high = before.high === null ? stroke.high : Math.max(before.high, stroke.high ?? 0);
    const range = before.low === before.high ? `${before.low ?? ""}` : `${before.low}–${before.high}`;
    before.label = `${before.kind} ${range}${before.count > 1 ? ` (${before.count})` : ""}`;
  }
  return folded;
}

function least(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.min(a, b);
}

function markOf({ event, at, replica }: Entry): Mark | null {
  switch (event.kind) {
    case "new-view":
      return { at, replica, kind: "view", text: `view ${event.view}` };
    case "view-change":
      return { at, replica, kind: "view", text: `leaves for ${event.view}` };
    case "stage":
      return event.stage === "executed" ? { at, replica, kind: "stage", text: `${event.sequence}` } : null;
    case "gap":
      return { at, replica: -1, kind: "gap", text: `${event.events} events not shown` };
    case "state":
      return { at, replica, kind: "note", text: event.state === "running" ? "runs" : event.state };
    default:
      return null;
  }
}
