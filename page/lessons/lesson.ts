/** A lesson: a run that is always the same, and sentences that wait for the reader. */
import type { LinkedAction } from "../../src/page/link.ts";
import type { PageEvent } from "../model/event.ts";

/** Something that happened, as a lesson looks for it. */
export interface Moment {
  readonly replica: number;
  readonly at: number;
  readonly event: PageEvent;
}

/** What to look at. All else is dimmed. */
export interface Look {
  /** Kinds of messages. */
  readonly arrows?: readonly string[];
  /** Replicas. */
  readonly lanes?: readonly number[];
  readonly panel?: "numbers" | "log";
}

/** One step. */
export interface Step {
  readonly text: string;
  readonly look?: Look;
  /** The step is at the first moment after the step before for which this is true. Left out: where the step before is. */
  readonly when?: (moment: Moment) => boolean;
}

/** A lesson. */
export interface Lesson {
  readonly id: string;
  readonly title: string;
  /** What is done to a cluster of four replicas. */
  readonly actions: readonly LinkedAction[];
  /** Where it starts and ends, virtual ms. */
  readonly startMs: number;
  readonly untilMs: number;
  readonly steps: readonly Step[];
}

/** The times of the steps, by what has happened, in order. A step that never comes has the time of the one before. */
export function timesOf({ steps, startMs }: Lesson, moments: Iterable<Moment>): readonly (number | null)[] {
  const times: (number | null)[] = [];
  const rest = [...moments].filter(({ at }) => at >= startMs);
  let place = 0;
  let last = startMs;
  for (const { when } of steps) {
    if (when) {
      const found = rest.findIndex((moment, i) => i >= place && when(moment));
      if (found < 0) {
        times.push(null);
        continue;
      }
      place = found;
      last = rest[found]!.at;
    }
    times.push(last);
  }
  return times;
}
