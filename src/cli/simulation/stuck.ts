/**
 * Calls of a user's machine that do not come back, such as an infinite loop. What is timed is one call, and not a run, so that a run may
 * take as long as it needs.
 * @module
 */
import type { Violation } from "../../testing/mod.ts";
import { lineOf } from "../../testing/machine/finding.ts";
import { NEVER_LOADED } from "../machine/inspect.ts";
import { ACTS, type Slate } from "./slate.ts";

/** A call that takes longer, seconds, does not come back. A correct one takes milliseconds. */
export const STUCK_SECONDS = 60;

/** What is wrong in a run. A call that does not come back has no virtual time. */
export type Found = Omit<Violation, "atMs"> & { readonly atMs: number | null };

/** The slate is looked at so often, ms. */
const LOOK_MS = { least: 10, most: 1_000, inAll: 20 };

/**
 * Tells once if a call lasts longer than `seconds`. Counts looks at the slate: a machine that is busy or asleep looks later.
 * Returns how to stop.
 */
export function watchForStuck(slate: Slate, seconds: number, tell: (found: Found) => void): () => void {
  const lookMs = Math.max(LOOK_MS.least, Math.min(LOOK_MS.most, seconds * 1_000 / LOOK_MS.inAll));
  const enough = seconds * 1_000 / lookMs;
  let before = slate.doing;
  let looks = 0;
  const timer = setInterval(() => {
    const now = slate.doing;
    looks = now.act !== null && now.beat === before.beat ? looks + 1 : 0;
    before = now;
    if (looks < enough) return;
    clearInterval(timer);
    tell(foundOn(slate, seconds));
  }, lookMs);
  return () => clearInterval(timer);
}

function foundOn(slate: Slate, seconds: number): Found {
  const act = slate.doing.act!;
  const isLoading = act === "loading";
  const { operation, caller } = slate.called ?? { operation: "none", caller: "nobody" };
  const machine = {
    fault: "failure",
    what: `${ACTS[act]} does not ${isLoading ? "end" : "come back"}`,
    operation,
    caller,
    said: [["waited", `${seconds} s`]],
    at: null,
    advice: isLoading ? NEVER_LOADED : "a loop does not end; --stuck-after allows a slow call more seconds",
  } as const;
  return { invariant: "machine", detail: lineOf(machine), atMs: null, machine };
}
