/**
 * How a replica comes from view to view (PBFT §4.4, §4.5.2).
 * @module
 */
import type { Event } from "../../core/events.ts";
import type { View } from "../../core/messages/ids.ts";
import type { Ready } from "../../core/io.ts";

/** What a replica did in one step, and what is known of the others. */
export interface Leaving {
  readonly events: readonly Event[];
  /** The view that it was in before. */
  readonly from: number;
  /** How many others can have said that they have left for this view or a higher one. */
  readonly goneTo: (view: View) => number;
}

/** Nobody leaves alone: somebody else, at least, wants to be there as well, or is there. */
export function flawOfLeaving({ events, from, goneTo }: Leaving): string | null {
  let view = from;
  for (const event of events) {
    if (event.kind === "new-view") view = event.view;
    if (event.kind !== "view-change") continue;
    const { why } = event;
    if (why === "others-left" && goneTo(event.view) === 0) {
      return `follows others to view ${event.view}, to which nobody has gone`;
    }
    if (event.view < view) return `goes from view ${view} back to ${event.view}: ${why}`;
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
