/**
 * The host's clock and alarm, where `setTimeout` and `node:timers` are there: Deno, Node, Bun.
 * @module
 */
import { setImmediate } from "node:timers";
import { type Millis, millis } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";

/** `setTimeout` takes no more: about 24.8 days. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/** `setTimeout` may be early by so much, by the wall clock, ms. */
const ROUNDING_MS = 2;

/** The timer of a process. An alarm further away than `setTimeout` can say is set in steps. */
export function systemTimer(): Timer {
  return {
    now: () => millis(Date.now()),
    monotonic: () => performance.now(),
    schedule: (at, fire) => scheduleAt(at, fire),
    // Two milliseconds sooner than setTimeout(0), and half the price of a MessageChannel.
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
    // More than rounding: the clock was set back, and nobody should wait for it to come round again.
    if (left > 0 && left <= ROUNDING_MS) id = setTimeout(last, left);
    else fire();
  };
  step();
  return () => clearTimeout(id);
}
