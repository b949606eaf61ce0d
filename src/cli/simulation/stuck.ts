/**
 * Calls of a user's machine that do not come back, such as an infinite loop. What is timed is one call, and not a run,
 * so that a run may take as long as it needs.
 * @module
 */
import type { Violation } from "../../testing/mod.ts";
import { LATER } from "../../guard/advice.ts";
import type { MachineFinding } from "../../testing/machine/fault.ts";
import { lineOf } from "../../testing/machine/finding.ts";
import { NEVER_LOADED } from "../machine/inspect.ts";
import { type Act, ACTS, type Slate } from "./slate.ts";

/** A call that takes longer counts as one that does not come back, seconds. A correct one takes milliseconds. */
export const STUCK_SECONDS = 60;

/** What is wrong in a run. A call that does not come back has no virtual time. */
export type Found = Omit<Violation, "atMs"> & { readonly atMs: number | null };

/**
 * A run without any call for this many times as long does not go on: a promise that loops lets nothing else have its
 * turn.
 */
const BETWEEN_CALLS = 3;

/** How often the slate is read, ms. */
const LOOK_MS = { least: 10, most: 1_000, inAll: 20 };

/**
 * Tells once if a call lasts longer than `seconds`, or nothing is called for much longer. Time is counted in looks at
 * the slate, because a busy or sleeping computer looks later. Returns how to stop.
 */
export function watchForStuck(slate: Slate, seconds: number, tell: (found: Found) => void): () => void {
  const lookMs = Math.max(LOOK_MS.least, Math.min(LOOK_MS.most, seconds * 1_000 / LOOK_MS.inAll));
  const enough = seconds * 1_000 / lookMs;
  let before = slate.doing;
  let looks = 0;
  const timer = setInterval(() => {
    const now = slate.doing;
    // Until the first call, the thread is starting.
    looks = now.beat === before.beat && now.beat !== 0 ? looks + 1 : 0;
    before = now;
    if (looks < (now.act === null ? BETWEEN_CALLS * enough : enough)) return;
    clearInterval(timer);
    tell(now.act === null ? notGoingOn(BETWEEN_CALLS * seconds) : foundOn(now.act, slate, seconds));
  }, lookMs);
  return () => clearInterval(timer);
}

function foundOn(act: Act, slate: Slate, seconds: number): Found {
  const isLoading = act === "loading";
  return found({
    ...slate.called ?? { operation: "none", caller: "nobody" },
    what: `${ACTS[act]} does not ${isLoading ? "end" : "come back"}`,
    advice: isLoading ? NEVER_LOADED : "a loop does not end; --stuck-after allows a slow call more seconds",
  }, seconds);
}

function notGoingOn(seconds: number): Found {
  return found({
    operation: "none by itself",
    caller: "several",
    what: "the run does not go on, though every call has come back",
    advice: `a promise that it left goes on for ever: ${LATER}`,
  }, seconds);
}

function found(facts: Pick<MachineFinding, "operation" | "caller" | "what" | "advice">, seconds: number): Found {
  const machine = { fault: "failure", ...facts, said: [["waited", `${seconds} s`]], at: null } as const;
  return { invariant: "machine", detail: lineOf(machine), atMs: null, machine };
}
