/**
 * Whoever waits for an answer gives up in the end, as a browser or a proxy does.
 * @module
 */
import type { Engine } from "../world/engine.ts";

/** So long it is waited for an answer, virtual ms. */
const PATIENCE_MS = 20_000;

/** What `ask` gives; `null`: nothing in time, and whoever was asked is told so. */
export async function patiently<T>(engine: Engine, ask: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
  const controller = new AbortController();
  const cancel = engine.alarm(PATIENCE_MS, () => controller.abort(new Error("nobody waits any more")));
  try {
    return await ask(controller.signal);
  } catch (error) {
    if (controller.signal.aborted) return null;
    throw error;
  } finally {
    cancel();
  }
}
