/** Joins the two ends of each message by its id. */
import type { MessageSummary } from "../../src/node/watching/seen.ts";
import type { Entry } from "./event.ts";

/** The clients' lane. */
export const CLIENTS = -1;

/** A message on its way from one lane to another. */
export interface Arrow {
  readonly from: number;
  readonly to: number;
  readonly message: Pick<
    MessageSummary,
    "kind" | "view" | "sequence" | "id" | "bytes" | "digest" | "payload" | "operations"
  >;
  /** A client: its name or its key. */
  readonly client?: string;
  /** When it left; `null`: nobody told, as its sender is not heard, or lies. */
  sentAt: number | null;
  /** When it arrived; `null`: not yet, or never. */
  takenAt: number | null;
  /** Why it was refused. */
  refused?: string;
  /** The entries of its ends. */
  sentBy: number | null;
  takenBy: number | null;
}

/** A message that has not arrived after this long is drawn as lost, ms. */
export const LOST_AFTER_MS = 3_000;
/** Messages whose ends are remembered. */
const MAX_JOINED = 16_384;

/** The arrows of a history. */
export class Arrows {
  readonly #n: number;
  /** By id and receiver: arrows that have left. */
  readonly #sent = new Map<string, Arrow[]>();
  /** By id and receiver: arrivals whose departure was not told yet. */
  readonly #early = new Map<string, Arrow>();
  /** Called with both ends of a message, with the entries' own times. */
  onJoined: (from: number, to: number, sentAt: number, takenAt: number) => void = () => {};

  constructor(n: number) {
    this.#n = n;
  }

  /** The arrows that begin or end with an entry. Arrows are changed when their other end comes. */
  note(entry: Entry): readonly Arrow[] {
    const { event, replica } = entry;
    switch (event.kind) {
      case "sent":
        return this.#receivers(event.to, replica).map((to) => this.#depart(entry, to, event.message));
      case "taken":
      case "refused": {
        const { message } = event;
        const from = "by" in event && event.by !== undefined ? event.by : event.from;
        const refused = event.kind === "refused" ? { refused: `${event.reason}: ${event.detail}` } : {};
        return [this.#arrive(entry, typeof from === "number" ? from : CLIENTS, message, {
          ...(typeof from === "string" && { client: from }),
          ...refused,
        })];
      }
      case "replied":
        return [{
          from: replica,
          to: CLIENTS,
          message: {
            kind: "reply",
            id: event.request,
            bytes: 0,
            digest: event.request,
            ...(event.sequence !== null && { sequence: event.sequence }),
          },
          client: event.client,
          sentAt: entry.at,
          takenAt: entry.at,
          sentBy: entry.n,
          takenBy: entry.n,
        }];
      default:
        return [];
    }
  }

  #receivers(to: number | "all", self: number): readonly number[] {
    if (to !== "all") return [to];
    return Array.from({ length: this.#n }, (_, i) => i).filter((i) => i !== self);
  }

  #depart({ replica, at, n }: Entry, to: number, message: MessageSummary): Arrow {
    const key = `${message.id} ${to}`;
    const early = this.#early.get(key);
    if (early && early.sentAt === null && (early.from === replica || early.from === CLIENTS)) {
      this.#early.delete(key);
      this.onJoined(replica, to, at, early.takenAt!);
      Object.assign(early, { sentAt: Math.min(at, early.takenAt!), sentBy: n, from: replica });
      return early;
    }
    const arrow: Arrow = { from: replica, to, message, sentAt: at, takenAt: null, sentBy: n, takenBy: null };
    const same = this.#sent.get(key);
    // A message may be sent again, and then arrives again.
    if (same) same.push(arrow);
    else remember(this.#sent, key, [arrow]);
    return arrow;
  }

  #arrive(
    { replica, at, n }: Entry,
    from: number,
    message: MessageSummary,
    more: { readonly client?: string; readonly refused?: string },
  ): Arrow {
    const key = `${message.id} ${replica}`;
    const arrow = this.#sent.get(key)?.find(({ takenAt }) => takenAt === null);
    if (arrow) {
      this.onJoined(arrow.from, replica, arrow.sentAt!, at);
      return Object.assign(arrow, { takenAt: Math.max(at, arrow.sentAt!), takenBy: n, ...more });
    }
    const early: Arrow = { from, to: replica, message, sentAt: null, takenAt: at, sentBy: null, takenBy: n, ...more };
    if (from !== CLIENTS || message.kind === "gateway-request") remember(this.#early, key, early);
    return early;
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  if (map.size > MAX_JOINED) map.delete(map.keys().next().value!);
}
