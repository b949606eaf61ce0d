/**
 * The clock and timers of Deno, Node and Bun, through `setTimeout` and `node:timers`.
 * @module
 */
import { setImmediate } from "node:timers";
import { type Millis, millis } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";

/** The longest timeout that `setTimeout` supports, ms: about 24.8 days. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/** `setTimeout` may fire this much too early by the wall clock, ms. */
const ROUNDING_MS = 2;

/** The timer of a process. A longer time than `setTimeout` supports is divided into steps. */
export function systemTimer(): Timer {
  return {
    now: () => millis(Date.now()),
    monotonic: () => performance.now(),
    schedule: (at, fire) => scheduleAt(at, fire),
    // 2 ms earlier than setTimeout(0), and at half the cost of a MessageChannel.
    soon: (run) => void setImmediate(run),
  };
}

function scheduleAt(at: Millis, fire: () => void): () => void {
  let id: ReturnType<typeof setTimeout>;
  const step = () => {
    const left = at - Date.now();
    id = left > MAX_TIMEOUT_MS ? setTimeout(step, MAX_TIMEOUT_MS) : setTimeout(last, Math.max(0, left));
  };
  const last = () => {
    const left = at - Date.now();
    // If more than the rounding is left, the clock was set back; waiting for it would delay the timer for too long.
    if (left > 0 && left <= ROUNDING_MS) id = setTimeout(last, left);
    else fire();
  };
  step();
  return () => clearTimeout(id);
}
