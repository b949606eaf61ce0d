/**
 * Notices that this thread hardly gets to its work while something is under way: the other side may be the cause. Deno takes interim answers (1xx) on
 * the thread of the replica, as fast as they come.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";

/** What takes less time is not looked at, ms. */
const FREE_MS = 250;
/** The time over which it is judged, and between two looks, ms. */
const [WINDOW_MS, LOOK_MS] = [750, 50];
/** With fewer looks the thread had less than half of its time. */
const FEWEST_LOOKS = WINDOW_MS / LOOK_MS / 2;

/** Calls `onStalled`, once, if the thread is held up before the returned function is called. */
export function onStall(timer: Timer, onStalled: () => void): () => void {
  const after = (ms: number, run: () => void) => timer.schedule(millis(timer.now() + ms), run);
  let from = 0;
  let looks = 0;
  let cancel = after(FREE_MS, begin);
  return () => cancel();

  function begin(): void {
    from = timer.monotonic();
    looks = 0;
    cancel = after(LOOK_MS, look);
  }

  function look(): void {
    looks++;
    if (timer.monotonic() - from < WINDOW_MS) cancel = after(LOOK_MS, look);
    else if (looks < FEWEST_LOOKS) onStalled();
    else begin();
  }
}
