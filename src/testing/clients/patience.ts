/**
 * Callers give up waiting for an answer after a while, as browsers and proxies do.
 * @module
 */
import type { Engine } from "../world/engine.ts";

/** How long a caller waits, virtual ms. */
const PATIENCE_MS = 20_000;

/** The answer of `ask`; `null`: none in time. The signal then tells the callee that nobody waits any more. */
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
