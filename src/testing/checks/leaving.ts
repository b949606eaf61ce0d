/**
 * How a replica moves from view to view (PBFT §4.4, §4.5.2).
 * @module
 */
import type { ReplicaEvent } from "../../core/events.ts";
import type { View } from "../../core/messages/ids.ts";
import type { Ready } from "../../core/io.ts";

/** The effects of one step of a replica, and the facts about the others. */
export interface Leaving {
  readonly events: readonly ReplicaEvent[];
  /** Its view before the step. */
  readonly from: number;
  /** How many others can have announced that they left for this view or a higher one. */
  readonly goneTo: (view: View) => number;
}

/** No replica leaves a view alone: at least one other replica wants to leave too, or has left. */
export function flawOfLeaving({ events, from, goneTo }: Leaving): string | null {
  let view = from;
  for (const event of events) {
    if (event.kind === "new-view") view = event.view;
    if (event.kind !== "view-change") continue;
    const { why } = event;
    if (why === "others-moved" && goneTo(event.view) === 0) {
      return `follows others to view ${event.view}, to which nobody has gone`;
    }
    if (event.view < view) return `goes from view ${view} back to ${event.view}: ${why}`;
    view = event.view;
  }
  return null;
}

/** When a view starts, the record of it contains the message that started it. */
export function flawOfEntering({ events, records }: Pick<Ready, "events" | "records">): string | null {
  for (const event of events) {
    if (event.kind !== "new-view") continue;
    const { view } = event;
    if (records.some((record) => record.kind === "view" && record.newView && record.view === view)) continue;
    return `enters view ${view}, and what started it is not on record`;
  }
  return null;
}
