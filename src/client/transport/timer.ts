/**
 * The client's clock.
 * @module
 */
import { type Millis, millis } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";

/** The longest delay that `setTimeout` keeps, ms. */
const MAX_DELAY_MS = 0x7fff_ffff;

/** A {@linkcode Timer} over what Deno, Node and browsers have in common. */
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

/** Calls `fire` once `ms` have passed, however the wall clock jumps before this call. Returns what cancels it. */
export function after(timer: Timer, ms: number, fire: () => void): () => void {
  return timer.schedule(millis(timer.now() + Math.max(0, Math.ceil(ms))), fire);
}

/** A turn of the event loop, without the milliseconds that `setTimeout(run, 0)` waits in Deno and in browsers. */
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
