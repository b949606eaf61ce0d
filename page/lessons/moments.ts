/** Moments that lessons wait for. */
import type { CellStage } from "../model/replica_view.ts";
import type { Moment } from "./lesson.ts";

type When = (moment: Moment) => boolean;

/** A message of this kind leaves, from this replica if one is named. */
export function sent(kind: string, from?: number): When {
  return ({ event, replica }) =>
    event.kind === "sent" && event.message.kind === kind && (from === undefined || replica === from);
}

/** A message of this kind arrives at a replica. */
export function taken(kind: string, at?: number): When {
  return ({ event, replica }) =>
    event.kind === "taken" && event.message.kind === kind && (at === undefined || replica === at);
}

/** A number comes to this stage at a replica. */
export function reaches(stage: CellStage, at?: number): When {
  return ({ event, replica }) =>
    event.kind === "stage" && event.stage === stage && (at === undefined || replica === at);
}

/** An event of a replica. */
export function happens(kind: string, at?: number): When {
  return ({ event, replica }) => event.kind === kind && (at === undefined || replica === at);
}

/** A replica is in this state. */
export function becomes(state: string, which: number): When {
  return ({ event, replica }) => event.kind === "state" && event.state === state && replica === which;
}

/** The simulator says something that begins so. */
export function said(beginning: string): When {
  return ({ event }) => event.kind === "note" && event.text.startsWith(beginning);
}

/** A state transfer starts or is finished. */
export function transfers(phase: "started" | "finished", at: number): When {
  return ({ event, replica }) => event.kind === "state-transfer" && event.phase === phase && replica === at;
}

/** Another replica holds a proof against this one. */
export function convicts(accused: number): When {
  return ({ event, replica }) => event.kind === "contradiction" && event.accused === accused && replica !== accused;
}
