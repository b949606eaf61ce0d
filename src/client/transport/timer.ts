/**
 * The client's clock.
 * @module
 */
import { type Millis, millis } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";

/** The longest delay that `setTimeout` supports, ms. */
const MAX_DELAY_MS = 0x7fff_ffff;

/** A {@linkcode Timer} from functions that Deno, Node and browsers share. */
export function webTimer(): Timer {
  return {
    now: () => millis(Date.now()),
    monotonic: () => performance.now(),
    schedule(at: Millis, fire: () => void): () => void {
      const id = setTimeout(fire, Math.min(Math.max(0, at - Date.now()), MAX_DELAY_MS));
      return () => clearTimeout(id);
    },
    soon: createSoon(),
  };
}

/**
 * Calls `fire` once after `ms`, also if the wall clock was set before this call. Returns a function that cancels it.
 */
export function after(timer: Timer, ms: number, fire: () => void): () => void {
  return timer.schedule(millis(timer.now() + Math.max(0, Math.ceil(ms))), fire);
}

/**
 * Runs a function in the next turn of the event loop. `setTimeout(run, 0)` would wait milliseconds in Deno and in
 * browsers.
 */
function createSoon(): (run: () => void) => void {
  const { setImmediate } = globalThis as { setImmediate?: (run: () => void) => unknown };
  if (setImmediate !== undefined) return (run) => void setImmediate(run);
  const channel = new MessageChannel();
  const waiting: (() => void)[] = [];
  channel.port1.onmessage = () => waiting.shift()?.();
  return (run) => {
    waiting.push(run);
    channel.port2.postMessage(null);
  };
}
