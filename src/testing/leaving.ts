/**
 * How a replica comes from view to view (PBFT §4.4, §4.5.2).
 * @module
 */
import type { Event } from "../core/events.ts";
import type { View } from "../core/ids.ts";
import type { Ready } from "../core/io.ts";

/** What a replica did in one step, and what is known of the others. */
export interface Leaving {
  readonly events: readonly Event[];
  /** The view that it was in before. */
  readonly from: number;
  readonly f: number;
  /** How many others can have said that they have left for this view or a higher one. */
  readonly goneTo: (view: View) => number;
}

/** By itself a replica goes to the next view; to one further only after f + 1 others, one of them correct. */
export function flawOfLeaving({ events, from, f, goneTo }: Leaving): string | null {
  let view = from;
  for (const event of events) {
    if (event.kind === "new-view") view = event.view;
    if (event.kind !== "view-change") continue;
    const { why } = event;
    if (why === "others-left" && goneTo(event.view) <= f) {
      return `follows others to view ${event.view}, to which not f + 1 have gone`;
    }
    if (why !== "others-left" && why !== "disk-lost" && event.view !== view + 1) {
      return `goes from view ${view} to ${event.view}: ${why}`;
    }
    view = event.view;
  }
  return null;
}

/** A view that starts is on record, with what started it. */
export function flawOfEntering({ events, records }: Pick<Ready, "events" | "records">): string | null {
  for (const event of events) {
    if (event.kind !== "new-view") continue;
    const { view } = event;
    if (records.some((record) => record.kind === "view" && record.newView && record.view === view)) continue;
    return `enters view ${view}, and what started it is not on record`;
  }
  return null;
}
