/**
 * Drills: rare situations, tried on a copy of a replica that is read from its store in the middle of a run. The others
 * leave, lie, are silent, or are behind. The copy must keep its promises and do its duty. The run is not affected.
 * @module
 */
import { InvariantError } from "../../core/invariant.ts";
import type { MessageInput } from "../../core/io.ts";
import type { StoredState } from "../../core/records.ts";
import { overfull } from "../checks/buffers.ts";
import type { Invariant } from "../violation.ts";
import type { Drilled, World } from "../world/world.ts";
import { awaitsItsTime, believesDecisions, countsVotes, fillsItsWindow, proposes } from "./agreement.ts";
import { Peers } from "./peers.ts";
import {
  answersStatus,
  countsCheckpoints,
  fetchesState,
  fillsNothingBeyond,
  fillsTheLog,
  hasTheLogFilled,
} from "./checkpoints.ts";
import { Copy } from "./copy.ts";
import { convictsLiars } from "./byzantine/evidence.ts";
import { makesRoom, runsOnce } from "./execution.ts";
import { bearsAFlood } from "./byzantine/flood.ts";
import { turnsAwayForgeries } from "./byzantine/forgeries.ts";
import { hearsInAnyOrder } from "./histories.ts";
import { forgetsItsVotes } from "./lost_disk.ts";
import { DrillContext, NotNow } from "./context.ts";
import { aloneInSuspicion, farAhead, idleness, silence, starvation, underLoad } from "./timers.ts";
import { entersAView, followsOthers, hearsLate, leavesForGood, startsAView, tellsNewView } from "./view_changes.ts";

/** All drills, by name. */
export const DRILLS = {
  "starts a view": startsAView,
  "enters a view": entersAView,
  "hears late": hearsLate,
  "hears in any order": hearsInAnyOrder,
  "follows others": followsOthers,
  "leaves for good": leavesForGood,
  "tells of its view": tellsNewView,
  "silence": silence,
  "alone in suspicion": aloneInSuspicion,
  "under load": underLoad,
  "starvation": starvation,
  "far ahead": farAhead,
  "idleness": idleness,
  "counts votes": countsVotes,
  "believes decisions": believesDecisions,
  "proposes": proposes,
  "awaits its time": awaitsItsTime,
  "fills its window": fillsItsWindow,
  "runs once": runsOnce,
  "makes room": makesRoom,
  "counts checkpoints": countsCheckpoints,
  "answers a status": answersStatus,
  "fills the log": fillsTheLog,
  "has the log filled": hasTheLogFilled,
  "fills nothing beyond": fillsNothingBeyond,
  "fetches a state": fetchesState,
  "forgets its votes": forgetsItsVotes,
  "convicts liars": convictsLiars,
  "turns away forgeries": turnsAwayForgeries,
  "bears a flood": bearsAFlood,
} as const satisfies { readonly [name: string]: (context: DrillContext) => void };

/** Holds one drill. */
export function drill(world: World, drilled: Drilled): void {
  const { replica, label, storedState, kept, now, random, createCore } = drilled;
  let name = "";
  let isBroken = false;
  const report: World["report"] = (invariant, detail) => {
    if (!isBroken) world.report(invariant, `${label}, in a drill (${name}), ${detail}`);
    isBroken = true;
  };
  const copyOf = (from: StoredState, inputs: readonly MessageInput[] = []) =>
    new Copy({ world, replica, storedState: from, kept: inputs, core: createCore(from), now, report });
  let copy: Copy | null = null;
  for (const [next, act] of random.shuffled(Object.entries(DRILLS))) {
    name = next;
    try {
      if (!copy?.isFresh) copy = copyOf(storedState, kept);
      act(new DrillContext({ world, random, copy, peers: new Peers(world), storedState, report, copyOf }));
      const full = overfull(copy.buffers, world.genesis, copy.status, world.settings);
      if (full !== null) report("bounds", full);
      return world.coverage.count("drill", name);
    } catch (error) {
      if (!(error instanceof NotNow)) report(invariantOf(error), `throws: ${error}`);
    }
    if (isBroken) return;
  }
}

/** A replica that finds an invariant broken halts. */
function invariantOf(error: unknown): Invariant {
  if (!(error instanceof InvariantError)) return "no-exception";
  if (error.kind === "divergence") return "integrity";
  return error.kind === "agreement" ? "agreement" : "no-halt";
}
